/**
 * `npm run bench:block-cpu`: what it costs Nginx to look at each request whether somebody is blocked. Counts the
 * instructions of a request with and without that by valgrind's callgrind, so that nothing else that the machine does
 * counts. Needs root, valgrind and no lab; some minutes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { join } from "node:path";

import { execa } from "execa";

import { blockedList } from "../../components/render/nginx/blocked.ts";
import { nginxSite } from "../../components/render/nginx/site.ts";
import { oauth2ProxyConfig } from "../../components/render/oauth2-proxy.ts";
import { blockedFile, cookieName } from "../../components/site/names.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import type { Site } from "../../components/site/site.ts";
import { listening, nginxRoot } from "../access/nginx.ts";
import { cookieOf, startOauth2Proxy } from "../access/oauth2-proxy.ts";
import { application, siteOf } from "../nginx/served.ts";
import { tenantId } from "../sites.ts";

const valgrind = "/usr/libexec/valgrind";
/** What the second has more than the first is counted, without what starting and ending cost. */
const [few, many] = [200, 700];
const people = Array.from({ length: 1000 }, (_, index) => ({ user: `person-${index}@example.com` }));
const sites: readonly (readonly [string, Partial<SiteSettings>])[] = [
  ["asks oauth2-proxy", {}],
  ["has `authCache: 60s`", { authCache: "60s" }],
];

/** Instructions of Nginx, from its start to its end, with so many requests. */
async function counted(site: Site, text: string, requests: number): Promise<number> {
  const { root, put, close } = await nginxRoot(new Map([[site.domain, text]]));
  await put(blockedFile, blockedList(people));
  await mkdir(join(root, valgrind), { recursive: true });
  await cp(valgrind, join(root, valgrind), { recursive: true });
  // What is in /usr/bin is a script.
  await cp("/usr/bin/valgrind.bin", join(root, "/usr/bin/valgrind"));
  await execa("mount", ["-t", "proc", "none", join(root, "proc")]);
  const counting = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/tmp/counted"];
  const alone = ["nginx", "-g", "daemon off; master_process off;"];
  const nginx = spawn("chroot", [root, ...counting, ...alone], { stdio: "ignore" });
  const ended = once(nginx, "exit");
  await listening(443, () => nginx.exitCode === null, join(root, "/var/log/nginx/error.log"));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let sent = 0; sent < requests; sent += 1) await ask(agent, site);
  agent.destroy();
  nginx.kill("SIGTERM");
  await ended;
  await execa("umount", [join(root, "proc")]);
  const written = await readFile(join(root, "/tmp/counted"), "utf8");
  await close();
  const [, total] = /^(?:summary|totals): (\d+)/m.exec(written) ?? [];
  return Number(total);
}

async function ask(agent: Agent, site: Site): Promise<void> {
  const session = cookieOf({ upn: "ada@example.com", groups: [] });
  const headers = { host: site.domain, cookie: `${cookieName(site)}=${session}` };
  const outgoing = request({
    ...{ agent, host: "127.0.0.1", servername: site.domain, path: "/", headers },
    rejectUnauthorized: false,
  });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  if (response.statusCode !== 200) throw new Error(`${site.domain} answered ${String(response.statusCode)}`);
}

async function perRequest(site: Site, text: string): Promise<number> {
  const least = await counted(site, text, few);
  return ((await counted(site, text, many)) - least) / (many - few);
}

const upstream = `http://${await application((_, response) => response.end("x".repeat(60)))}`;
console.log("| A site that | without | with 1000 people blocked | more |\n| --- | --- | --- | --- |");
for (const [index, [name, given]] of sites.entries()) {
  const site = siteOf("count", index + 1, { upstream, keepaliveTimeout: "60s", ...given });
  const oauth2Proxy = await startOauth2Proxy(site.port, oauth2ProxyConfig(site, tenantId), "");
  const text = nginxSite(site);
  const does = await perRequest(site, text.replaceAll("$protected_sites_blocked", ""));
  const looks = await perRequest(site, text);
  const more = ((looks / does - 1) * 100).toFixed(1);
  console.log(`| ${name} | ${Math.round(does)} | ${Math.round(looks)} | ${more} % |`);
  oauth2Proxy.closeAllConnections();
  oauth2Proxy.close();
}
// The application listens.
process.exit();
