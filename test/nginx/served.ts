/** Sites before the real Nginx, with a stand-in for their oauth2-proxy and applications of the test's own. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { nginxSite } from "../../components/render/nginx/site.ts";
import { oauth2ProxyConfig } from "../../components/render/oauth2-proxy.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import { blockedList, type BlockedPerson } from "../../components/render/nginx/blocked.ts";
import { blockedFile, cookieName, paths } from "../../components/site/names.ts";
import { type Pages, usualPages } from "../../components/site/pages.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import { type Site, siteFrom } from "../../components/site/site.ts";
import { certificates, nginxRoot, startNginxIn } from "../access/nginx.ts";
import { cookieOf, startOauth2Proxy } from "../access/oauth2-proxy.ts";
import { sharedIncludes } from "../shared-includes.ts";
import { tenantId } from "../sites.ts";

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** What to ask, apart from the target. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Groups of who asks; nobody is signed in where it is `null`. @default none */
  readonly groups?: readonly string[] | null;
  /** Who asks. @default ada@example.com */
  readonly upn?: string;
}

/** One site for the tests of a file: its name is its domain's first label. */
export function siteOf(name: string, number: number, given: Partial<SiteSettings>): Site {
  return siteFrom(name, {
    domain: `${name}.example.com`,
    port: 4200 + number,
    upstream: "http://127.0.0.1:1",
    emailDomains: ["example.com"],
    certificates,
    ...given,
  });
}

/** An application of the test's own on loopback. @returns its address and port */
export async function application(server: Server | RequestListener): Promise<string> {
  const listening = typeof server === "function" ? createServer(server) : server;
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  listening.unref();
  return `127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

/**
 * Has Nginx serve these sites.
 * @param look how their pages look
 * @returns asks one of them, blocks people in place of those before, and ends all of it
 */
export async function serve(
  sites: readonly Site[],
  files: ReadonlyMap<string, string> = new Map(),
  look: Pages = usualPages,
) {
  const pages = sites.flatMap((site) => [
    ...siteFiles(site, { tenantId, allowVulnerableOauth2Proxy: true, pages: look })
      .filter(({ name }) => name.endsWith(".html"))
      .map(({ name, text }) => [`${paths(site.domain).current}/${name}`, text] as const),
    ...sharedIncludes(site.domain, look),
  ]);
  const { root, put, close } = await nginxRoot(new Map(sites.map((site) => [site.domain, nginxSite(site)])));
  for (const [path, text] of [...pages, ...files]) await put(path, text);
  const { nginx, stop } = await startNginxIn(root);
  const proxies = await Promise.all(
    sites.map((site) => startOauth2Proxy(site.port, oauth2ProxyConfig(site, tenantId), "")),
  );
  const ask = async (
    site: Site,
    target: string,
    { method = "GET", headers, groups = [], upn = "ada@example.com" }: Ask = {},
  ) => {
    const session = groups === null ? {} : { cookie: `${cookieName(site)}=${cookieOf({ upn, groups })}` };
    const outgoing = request({
      host: "127.0.0.1",
      servername: site.domain,
      path: target,
      method,
      headers: { host: site.domain, accept: "*/*", ...session, ...headers },
      agent: false,
      rejectUnauthorized: false,
    });
    outgoing.end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    let body = "";
    for await (const chunk of response.setEncoding("utf8")) body += chunk as string;
    return { status: response.statusCode ?? 0, headers: response.headers, body } satisfies Answer;
  };
  const block = async (people: readonly (string | BlockedPerson)[]) => {
    const workers = () => readFile(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "utf8");
    const before = await workers();
    await put(blockedFile, blockedList(people.map((it) => (typeof it === "string" ? { user: it } : it))));
    nginx.kill("SIGHUP");
    while (before.split(" ").some((it) => it !== "" && existsSync(`/proc/${it}`))) await sleep(20);
  };
  const errorLog = join(root, "/var/log/nginx/error.log");
  const reloadWithoutList = async () => {
    await rm(join(root, blockedFile));
    nginx.kill("SIGHUP");
    while (!(await readFile(errorLog, "utf8")).includes("[emerg]")) await sleep(20);
  };
  return {
    ask,
    block,
    reloadWithoutList,
    errorLog,
    close: async () => {
      for (const it of proxies) {
        it.closeAllConnections();
        it.close();
      }
      await stop();
      await close();
    },
  };
}
