/** A host that reaches Entra only through a forward proxy: Debian's tinyproxy. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bundle } from "../../components/host/bundle.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import { siteFrom } from "../../components/site/site.ts";
import { tenantEndpoints } from "../../components/site/tenant.ts";
import { addresses, downloadsName } from "../lab/addresses.ts";
import { HostShell } from "../lab/host-shell.ts";
import { navigation, request } from "../lab/http.ts";
import { tenantId } from "../sites.ts";
import { lab } from "./instance.ts";
import { runOn, shellOn } from "./on-hosts.ts";

const [host = { name: "", address: "" }] = lab.hosts;
const edge = new HostShell(lab.name, host.name);
const program = "/usr/local/sbin/protected-sites";
const address = `${addresses.applications}:3128`;
const outboundProxy = `http://${address}`;
const credentials = "/etc/protected-sites/credentials/code.lab.test/current";
const shell = (script: string) => shellOn(host.name, script);

/** What the stack has pushed and set up, and gets back. */
let before: string;
let setUp: string;
/** What the proxy says it was asked for. */
let said = "";
let stop: () => Promise<void> = () => Promise.resolve();

beforeAll(async () => {
  before = await shell("cat /etc/protected-sites/sites/code.lab.test/current/bundle");
  setUp = await shell("cat /var/lib/protected-sites/setup");
  const directory = await mkdtemp(join(tmpdir(), "tinyproxy-"));
  const configuration = join(directory, "tinyproxy.conf");
  const [listen = "", port = ""] = address.split(":");
  await writeFile(configuration, `Listen ${listen}\nPort ${port}\nConnectPort 443\nLogLevel Connect\n`);
  const proxy = spawn("tinyproxy", ["-d", "-c", configuration], { stdio: ["ignore", "pipe", "inherit"] });
  proxy.stdout.on("data", (text: Buffer) => (said += text.toString()));
  stop = async () => {
    proxy.kill();
    await rm(directory, { recursive: true });
  };
  while (!(await edge.run(["curl", "--silent", "--output", "/dev/null", outboundProxy])).ok) await sleep(50);
  for (const away of [addresses.entra]) await shell(`ip route add unreachable ${away}`);
});

afterAll(async () => {
  try {
    await shell(`ip route delete unreachable ${addresses.entra}`);
    await runOn(host.name, [program, "setup"], `${setUp}\n`);
    await runOn(host.name, [program, "push"], `${before}\n`);
  } finally {
    await stop();
  }
});

async function goesThroughTo(name: string): Promise<void> {
  while (!said.includes(`CONNECT ${name}:443`)) await sleep(50);
  said = "";
}

test("the set-up downloads oauth2-proxy through the proxy", async () => {
  const facts = setUp.replace('"deployer": "', `"outboundProxy": "${outboundProxy}",\n  "deployer": "`);
  await shell("rm /opt/oauth2-proxy/*/oauth2-proxy");
  const done = await edge.run([program, "setup"], `${facts}\n`);
  expect(done, done.text).toMatchObject({ ok: true });
  await goesThroughTo(downloadsName);
});

test("the push verifies a client secret at Entra through the proxy, and not without it", async () => {
  const read = (file: string) => shell(`cat ${credentials}/${file}`);
  const given = JSON.stringify({
    domain: "code.lab.test",
    tokenEndpoint: tenantEndpoints(tenantId).token,
    clientId: /^OAUTH2_PROXY_CLIENT_ID=(.*)$/m.exec(await read("client.env"))?.[1],
    clientSecret: await read("client-secret"),
    cookieSecret: await read("cookie-secret"),
    clientSecretEnds: await read("client-secret-ends"),
  });
  await shell(`printf another >${credentials}/client-secret`);
  const proved = await edge.run([program, "credentials"], given);
  expect(proved, proved.text).toMatchObject({ ok: true });
  await goesThroughTo("login.microsoftonline.com");
});

test("an instance reaches Entra through the proxy, and nothing has drifted", async () => {
  const site = siteFrom("code", {
    domain: "code.lab.test",
    port: 4180,
    upstream: `http://${addresses.applications}:8001`,
    emailDomains: ["lab.test"],
  });
  const files = siteFiles(site, { tenantId, allowVulnerableOauth2Proxy: true, outboundProxy });
  await runOn(host.name, [program, "push"], bundle(files));
  const began = await request({ url: "https://code.lab.test/", address: host.address, headers: navigation });
  const state = new URL(began.headers["location"]?.[0] ?? "").searchParams.get("state") ?? "";
  const cookie = (began.headers["set-cookie"] ?? []).map((it) => it.split(";")[0]).join("; ");
  const url = `https://code.lab.test/oauth2/callback?${new URLSearchParams({ code: "none", state }).toString()}`;
  await request({ url, address: host.address, headers: { ...navigation, cookie } });
  await goesThroughTo("login.microsoftonline.com");
  expect((await edge.run([program, "status"])).text).toMatch(/^code\.lab\.test .* as pushed$/m);
});
