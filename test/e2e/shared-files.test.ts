/** Versions of what sites share, on one host: each site moves on with its own push, and goes back alone. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { bundle, unbundle } from "../../components/host/bundle.ts";
import { sharedVersion as versionFor } from "../../components/render/nginx/shared-files.ts";
import { HostShell } from "../lab/host-shell.ts";
import { lab } from "./instance.ts";

/** Of this checkout. */
const sharedVersion = versionFor();

const program = "/usr/local/sbin/protected-sites";
const host = new HostShell(lab.name, lab.hosts[0]?.name ?? "");
const versions = "/etc/protected-sites/shared";
const [code, wiki] = ["code.lab.test", "wiki.lab.test"] as const;

/** One that no run before this one had: its generation may still be kept. */
const shorter = `${9000 + (Date.now() % 1000)}ms`;

const presentVersions = async () => (await host.shell(`ls ${versions}`)).split("\n");
const current = (domain: string) => `/etc/protected-sites/sites/${domain}/current`;
const usual = { setup: "", [code]: "" };

beforeAll(async () => {
  usual.setup = `${await host.shell("cat /var/lib/protected-sites/setup")}\n`;
  usual[code] = `${await host.shell(`cat ${current(code)}/bundle`)}\n`;
});

afterAll(async () => {
  await host.run([program, "setup"], usual.setup);
  await host.run([program, "push"], usual[code]);
});

/** Sets the host up with another text of one shared file. @returns the version that it has from then on */
async function setUpWith(from: string, to: string, name = "backend-limits.conf"): Promise<string> {
  const files = unbundle(usual.setup).map((file) =>
    file.name === name ? { ...file, text: file.text.replace(from, to) } : file,
  );
  expect(bundle(files)).not.toBe(usual.setup);
  const { text } = await host.run([program, "setup"], bundle(files));
  const [, version = ""] = /shared files ([0-9a-f]{16})/.exec(text) ?? [];
  expect(version, text).not.toBe("");
  return version;
}

/** Pushes the site's files as they were, for another version of what sites share. */
function pushFor(version: string) {
  return host.run([program, "push"], usual[code].replace(sharedVersion, version));
}

const included = (domain: string) => host.shell(`basename "$(readlink -f ${current(domain)}/shared)"`);
const connectTimeouts = async () => {
  const all = await host.shell(
    `nginx -T 2>/dev/null | grep -o 'proxy_connect_timeout [0-9]*m\\?s' | sort -u`,
  );
  return all.split("\n");
};

test("a version that a setup brings is used by no site before the site's own push, and beside the one before", async () => {
  const newer = await setUpWith("proxy_connect_timeout 10s", `proxy_connect_timeout ${shorter}`);
  expect(await presentVersions()).toEqual(expect.arrayContaining([newer, sharedVersion]));
  expect([await included(code), await included(wiki)]).toEqual([sharedVersion, sharedVersion]);
  expect(await connectTimeouts()).not.toContain(`proxy_connect_timeout ${shorter}`);

  expect(await pushFor(newer)).toMatchObject({ ok: true });
  expect([await included(code), await included(wiki)]).toEqual([newer, sharedVersion]);
  expect(await connectTimeouts()).toEqual(
    expect.arrayContaining(["proxy_connect_timeout 10s", `proxy_connect_timeout ${shorter}`]),
  );
});

test("a rollback of a site goes back to the version that its generation had", async () => {
  const { ok, text } = await host.run([program, "rollback", code]);
  expect(ok, text).toBe(true);
  expect(await included(code)).toBe(sharedVersion);
});

/** When the instance of {@link code} has started. */
const started = () =>
  host.shell(`systemctl show --value -p ExecMainStartTimestampMonotonic oauth2-proxy_${code}.service`);
const cancelled = () =>
  host.shell(
    `curl -sk --resolve ${code}:443:127.0.0.1 'https://${code}/oauth2/callback?error=access_denied' | grep -o '<h1>.*</h1>'`,
  );

test("an instance restarts for another error page, which it reads when it starts, and for no other shared file", async () => {
  const [before, page] = [await started(), await cancelled()];
  const limits = await setUpWith("proxy_connect_timeout 10s", `proxy_connect_timeout 2${shorter}`);
  expect(await pushFor(limits)).toMatchObject({ ok: true });
  expect(await started()).toBe(before);

  const words = await setUpWith("You are not signed in", `Not signed in ${shorter}`, "error.html");
  const { ok, text } = await pushFor(words);
  expect(ok, text).toBe(true);
  expect(text).toContain("changed: error.html, site.json");
  expect(await started()).not.toBe(before);
  expect(await cancelled()).toBe(`<h1>Not signed in ${shorter}</h1>`);

  expect(await host.run([program, "rollback", code])).toMatchObject({ ok: true });
  expect(await cancelled()).toBe(page);
  expect(await pushFor(sharedVersion)).toMatchObject({ ok: true });
});

test("a version that no generation includes is removed by the next setup", async () => {
  const unused = await setUpWith("proxy_connect_timeout 10s", `proxy_connect_timeout 1${shorter}`);
  expect(await presentVersions()).toContain(unused);
  expect((await host.run([program, "setup"], usual.setup)).ok).toBe(true);
  expect(await presentVersions()).not.toContain(unused);
});

test("a version that Nginx refuses reaches no site", async () => {
  const broken = await setUpWith("proxy_connect_timeout 10s", `proxy_conect_timeout ${shorter}`);
  const refused = await pushFor(broken);
  expect(refused.ok).toBe(false);
  expect(refused.text).toMatch(/failed in step 'nginx -t'[^]*unknown directive "proxy_conect_timeout"/);
  expect(await included(code)).toBe(sharedVersion);
  expect((await host.run(["nginx", "-t"])).ok).toBe(true);
});

test("a push for a version that the host does not have says what to do, and changes nothing", async () => {
  const refused = await pushFor("0123456789abcdef");
  expect(refused.ok).toBe(false);
  expect(refused.text).toContain(`${versions}/0123456789abcdef is missing; set the host up first`);
  expect(await included(code)).toBe(sharedVersion);
});

test("a version that somebody has edited takes no push, and the next setup repairs it", async () => {
  await host.shell(`echo '# edited' >> ${versions}/${sharedVersion}/backend-limits.conf`);
  const refused = await host.run(
    [program, "push"],
    usual[code].replace("client_max_body_size 10m", "client_max_body_size 11m"),
  );
  expect(refused.ok).toBe(false);
  expect(refused.text).toContain(`${versions}/${sharedVersion} differs; set the host up first`);

  const { text } = await host.run([program, "setup"], usual.setup);
  expect(text).toContain(`shared files ${sharedVersion}`);
  expect(await host.shell(`tail -n 1 ${versions}/${sharedVersion}/backend-limits.conf`)).not.toBe("# edited");
});
