/** Backends that have names: what a host does where a name has no address, or another one. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bundle } from "../../components/host/bundle.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import { siteFrom } from "../../components/site/site.ts";
import { addresses } from "../lab/addresses.ts";
import { HostShell } from "../lab/host-shell.ts";
import { request } from "../lab/http.ts";
import { type NameServer, startNameServer } from "../lab/name-server.ts";
import { tenantId } from "../sites.ts";
import { close } from "./close.ts";
import { lab } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";

const [host = { name: "", address: "" }] = lab.hosts;
const edge = new HostShell(lab.name, host.name);
const program = "/usr/local/sbin/protected-sites";
const domain = "internal.test";
const servers: Server[] = [];
const before = new Map<string, string>();

let names: NameServer;
let port: number;

beforeAll(async () => {
  for (const site of ["code", "wiki"])
    before.set(site, await shell(`cat /etc/protected-sites/sites/${site}.lab.test/current/bundle`));
  port = await listen(addresses.applications, "first", 0);
  await listen(addresses.bridge, "second", port);
  names = await startNameServer(domain);
  await shell(`printf 'search ${domain}\\nnameserver ${names.address}\\n' >/etc/resolv.conf`);
});

afterAll(async () => {
  try {
    for (const text of before.values()) await edge.run([program, "push"], `${text}\n`);
    await shell("echo '# names are in /etc/hosts' >/etc/resolv.conf; sed -i /moved.test/d /etc/hosts");
  } finally {
    await close(names, ...servers);
  }
});

const shell = (script: string) => shellOn(host.name, script);

async function listen(address: string, says: string, at: number): Promise<number> {
  const server = createServer((_, response) => response.end(says));
  servers.push(server.listen(at, address));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Pushes a site whose backend anybody may reach below /open/. */
function push(name: "code" | "wiki", upstream: string, backupUpstreams: string[] = []) {
  const site = siteFrom(name, {
    domain: `${name}.lab.test`,
    port: name === "code" ? 4180 : 4181,
    upstream,
    backupUpstreams,
    emailDomains: ["lab.test"],
    open: [{ path: "/open/", match: "prefix", why: "A test." }],
  });
  return edge.run([program, "push"], bundle(siteFiles(site, { tenantId, allowVulnerableOauth2Proxy: true })));
}

async function answer(name: "code" | "wiki" = "code"): Promise<string> {
  const { status, body } = await request({ url: `https://${name}.lab.test/open/`, address: host.address });
  return status === 200
    ? body
    : `${status}${body.includes(`${name}.lab.test is currently unavailable`) ? ", our page" : ""}`;
}

async function until(wanted: string): Promise<void> {
  while ((await answer()) !== wanted) await sleep(200);
}

test(
  "a name is looked up as this host does, and its new address is followed",
  { timeout: 60_000 },
  async () => {
    await names.set({ app: [addresses.applications] });
    // By way of a search domain, and of /etc/hosts, neither of which a resolver of Nginx's would know.
    expect(await push("code", `http://app:${port}`)).toMatchObject({ ok: true });
    expect(await answer()).toBe("first");
    await names.set({ app: [addresses.bridge] });
    await until("second");
    await shell(`echo '${addresses.applications} moved.test' >>/etc/hosts`);
    expect(await push("code", `http://moved.test:${port}`)).toMatchObject({ ok: true });
    expect(await answer()).toBe("first");
    await shell(
      `sed 's/^.* moved.test/${addresses.bridge} moved.test/' /etc/hosts >/run/h; cat /run/h >/etc/hosts`,
    );
    await until("second");
  },
);

test("while the name server is down, the last addresses are used, and Nginx starts with them", async () => {
  await names.set({ app: [addresses.applications], backup: [addresses.bridge] });
  const pushed = await push("code", `http://app.${domain}:${port}`, [`http://backup.${domain}:${port}`]);
  expect(pushed).toMatchObject({ ok: true });
  await shell("echo 'nameserver 192.0.2.99' >/etc/resolv.conf; systemctl restart nginx");
  expect(await answer()).toBe("first");
  expect(await push("wiki", `http://${addresses.bridge}:${port}`)).toMatchObject({ ok: true });
  expect(await answer("wiki")).toBe("second");
  await shell(`printf 'search ${domain}\\nnameserver ${names.address}\\n' >/etc/resolv.conf`);
});

test("a name that no longer exists takes down only its own site", { timeout: 120_000 }, async () => {
  await names.set({ app: [addresses.applications] });
  expect(await push("code", `http://app:${port}`)).toMatchObject({ ok: true });
  await names.set({});
  await until("502, our page");
  expect((await edge.run([program, "status"])).text).toMatch(
    new RegExp(`^code\\.lab\\.test .*app_${port}: Name or service not known`, "m"),
  );
  expect(await shell(`${program} metrics`)).toContain(
    'protected_sites_backend_resolved{site="code.lab.test"} 0',
  );

  expect(await push("wiki", `http://${addresses.applications}:${port}`)).toMatchObject({ ok: true });
  await shell("systemctl restart nginx");
  expect(await answer("wiki")).toBe("first");
  expect(await answer()).toBe("502, our page");
  // Its own settings can be pushed, too; not another name that this host has never known.
  expect(await push("code", `http://app:${port}`, [`http://${addresses.bridge}:${port}`])).toMatchObject({
    ok: true,
  });
  expect(await answer()).toBe("second");
  const refused = await push("code", `http://aap:${port}`);
  expect(refused.ok).toBe(false);
  expect(refused.text).toContain("aap does not resolve on this host: Name or service not known");
  expect(await answer()).toBe("second");

  await names.set({ app: [addresses.applications] });
  await until("first");
});

test("a deleted file of addresses is restored, and files of other names are removed", async () => {
  await names.set({ app: [addresses.applications], other: [addresses.bridge] });
  expect(await push("code", `http://app:${port}`)).toMatchObject({ ok: true });
  await shell("rm /etc/protected-sites/addresses/*");
  expect((await edge.run([program, "status"])).text).toContain(`app_${port}.conf is missing`);
  expect(await push("wiki", `http://other:${port}`)).toMatchObject({ ok: true });
  await until("first");
  for (const [site, text] of before) {
    expect(await edge.run([program, "push"], `${text}\n`), site).toMatchObject({ ok: true });
  }
  await shell('while [ -n "$(ls /etc/protected-sites/addresses)" ]; do sleep 0.1; done');
});

test("beside another team's site whose backend has a name, a push still rehearses and goes live", async () => {
  const other = "/etc/nginx/conf.d/another-team.conf";
  await names.set({ app: [addresses.applications] });
  await shell(
    `echo 'server { listen 8099; location / { proxy_pass http://app.${domain}:${port}; } }' >${other} && nginx -s reload`,
  );
  try {
    const pushed = await push("code", `http://${addresses.bridge}:${port}`);
    expect(pushed, pushed.text).toMatchObject({ ok: true });
    expect(await answer()).toBe("second");
  } finally {
    await shell(`rm ${other} && nginx -s reload`);
  }
});
