/** `npm run status` against the instance's own hosts, over SSH. */
import { readFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterEach, expect, test } from "vitest";

import type { Row } from "../../infra/drift.ts";
import { lab } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";

const host = lab.hosts[0]?.name ?? "";
const main = join(import.meta.dirname, "../../infra/commands/main.js");
const undo: string[] = [];

/** Changes something on the first host until the test ends. */
async function until(change: string, back: string): Promise<void> {
  undo.unshift(back);
  await shellOn(host, change);
}
afterEach(async () => {
  for (const script of undo.splice(0)) await shellOn(host, script);
});

async function status(folder = join(lab.state, "stack"), ...more: string[]) {
  const args = ["--stack", "local", "--folder", folder, "--identity", lab.adminKey, ...more];
  const { exitCode, stdout, all } = await execa(process.execPath, [main, "status", ...args], {
    reject: false,
    all: true,
  });
  return { exitCode, stdout, all };
}

/** Everything that is wrong, each with its host and its site. */
async function found(folder?: string): Promise<{ exitCode: number | undefined; drift: string[] }> {
  const { exitCode, stdout } = await status(folder, "--json");
  const { rows } = JSON.parse(stdout) as { readonly rows: readonly Row[] };
  return {
    exitCode,
    drift: rows.flatMap((row) =>
      row.drift.map((what) => [row.host, row.site, what].filter(Boolean).join(" ")),
    ),
  };
}

/** The instance's environment file with one text replaced, in a folder of its own. */
async function changed(from: string | RegExp, to: string): Promise<string> {
  const text = await readFile(join(lab.state, "stack/Pulumi.local.yaml"), "utf8");
  expect(text.replace(from, to)).not.toBe(text);
  const folder = join(lab.state, "status");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "Pulumi.local.yaml"), text.replace(from, to), { mode: 0o600 });
  return folder;
}

test("after an update everything is as configured, on every host and for every site", async () => {
  const { exitCode, all } = await status();

  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  for (const { name } of lab.hosts)
    for (const site of ["code.lab.test", "wiki.lab.test"])
      expect(all).toMatch(new RegExp(`${name} .*${site} .*as configured`));
});

const folder = "/etc/protected-sites/sites/code.lab.test/current";
const wiki = "oauth2-proxy_wiki.lab.test";
const dropIn = `/etc/systemd/system/${wiki}.service.d`;
test.each([
  [
    "a changed file",
    `sed -i.kept s/10m/11m/ ${folder}/nginx.conf && mv ${folder}/nginx.conf.kept /run/kept`,
    `mv /run/kept ${folder}/nginx.conf`,
    "code.lab.test nginx.conf differs",
  ],
  [
    "a missing file",
    `mv ${folder}/prometheus.json /run/kept`,
    `mv /run/kept ${folder}/prometheus.json`,
    "code.lab.test prometheus.json is missing",
  ],
  [
    "an extra file",
    `touch ${folder}/another.conf`,
    `rm ${folder}/another.conf`,
    "code.lab.test another.conf is extra",
  ],
  [
    "a stopped instance",
    `systemctl stop ${wiki}.socket ${wiki}.service`,
    `systemctl start ${wiki}.socket`,
    `wiki.lab.test ${wiki}.socket is inactive`,
  ],
  [
    "a unit that somebody has added to",
    `mkdir ${dropIn} && printf '[Service]\\nEnvironment=A=B\\n' > ${dropIn}/more.conf && systemctl daemon-reload`,
    `rm -r ${dropIn} && systemctl daemon-reload`,
    `wiki.lab.test ${dropIn}/more.conf overrides the unit`,
  ],
  [
    "a generation on the disk that Nginx does not answer with",
    `cd ${folder} && cp -p generation.conf /run/kept && sed -i 's/"[0-9]*"/"99"/' generation.conf && nginx -s reload && sleep 1`,
    `mv /run/kept ${folder}/generation.conf && nginx -s reload && sleep 1`,
    "code.lab.test Nginx answers as generation 99",
  ],
  [
    "a link of a site that is gone",
    "ln -s /etc/protected-sites/sites/gone.lab.test/current/nginx.conf /etc/oauth2-proxy/gone.lab.test.conf",
    "rm /etc/oauth2-proxy/gone.lab.test.conf",
    "/etc/oauth2-proxy/gone.lab.test.conf is left over from a removed site",
  ],
])("%s on one host is named", async (_, change, back, what) => {
  await until(change, back);

  expect(await found()).toEqual({ exitCode: 1, drift: [`${host} ${what}`] });
});

const nginxConf = "/etc/nginx/nginx.conf";
const inHttp = (directive: string) =>
  until(
    `cp -p ${nginxConf} /run/kept.conf && sed -i 's#^http {#http {\\n${directive}#' ${nginxConf}`,
    `mv /run/kept.conf ${nginxConf}`,
  );
const eachSite = (what: string) => ["code", "wiki"].map((site) => `${host} ${site}.lab.test ${what}`);
const push = `protected-sites push < ${folder}/bundle`;

test("while nginx -t fails, no site is reported as healthy, although each still answers", async () => {
  await inHttp("no_such_directive on;");

  expect(await found()).toEqual({
    exitCode: 1,
    drift: [
      expect.stringMatching(/^edge-1 nginx -t: unknown directive "no_such_directive" in .*nginx\.conf:\d+/),
      ...eachSite("this host's Nginx has problems"),
    ],
  });
  expect(await shellOn(host, "protected-sites status || true")).not.toContain("as pushed");
});

test("a site that was opened on the host is reported, whatever its files say", async () => {
  // The file on the disk is put back: only who asks the site finds it.
  await until(
    `sed -i.kept 's/auth_request [^o][^;]*;/auth_request off;/' ${folder}/nginx.conf && nginx -s reload && sleep 1 &&
     mv ${folder}/nginx.conf.kept ${folder}/nginx.conf`,
    "nginx -s reload && sleep 1",
  );

  expect(await found()).toEqual({
    exitCode: 1,
    drift: [
      expect.stringMatching(
        /^edge-1 code\.lab\.test a browser that is not signed in: expected 302 to the sign-in page/,
      ),
    ],
  });
});

test("directives in http {} that a site cannot override are refused with their line, and reported", async () => {
  await inHttp("proxy_set_body nothing;");

  expect(
    await shellOn(
      host,
      `sed -i.kept s/10m/11m/ ${folder}/nginx.conf; (${push}) 2>&1 || true; rm ${folder}/nginx.conf.kept`,
    ),
  ).toMatch(/nginx\.conf line \d+: proxy_set_body in http \{\} is inherited by every site/);
  expect((await found()).drift).toContainEqual(
    expect.stringMatching(
      /^edge-1 .*nginx\.conf line \d+: proxy_set_body in http \{\} is inherited by every site/,
    ),
  );
  await shellOn(host, `${undo.shift() ?? ""}; ${push}`);
  expect(await found()).toEqual({ exitCode: 0, drift: [] });
});

test("a host whose own configuration sets the sizes of Nginx's tables can be set up", async () => {
  const setUp = "protected-sites setup < /var/lib/protected-sites/setup";
  await inHttp("server_names_hash_bucket_size 128; variables_hash_max_size 2048;");
  expect((await found()).drift).toContainEqual(
    expect.stringMatching(/nginx -t: "\w+" directive is duplicate/),
  );

  await shellOn(host, setUp);
  undo.push(setUp);
  expect(await found()).toEqual({ exitCode: 0, drift: [] });
});

test("a socket that systemd has lost is reported, and a push reopens it", async () => {
  const unit = `/etc/systemd/system/oauth2-proxy_code.lab.test.socket`;
  await shellOn(
    host,
    `cp $(readlink ${unit}) /run/kept.socket && sed -i s/4180/4199/ $(readlink ${unit}) && systemctl daemon-reload &&
     cp /run/kept.socket $(readlink ${unit}) && systemctl daemon-reload`,
  );
  expect(await found()).toEqual({
    exitCode: 1,
    drift: [
      `${host} code.lab.test oauth2-proxy_code.lab.test.socket is active, but systemd no longer listens on 127.0.0.1:4180`,
    ],
  });

  expect(await shellOn(host, push)).toContain("live, generation");
  expect(await found()).toEqual({ exitCode: 0, drift: [] });
});

test("a PID file of Nginx's that is wrong is told, and a push reloads Nginx all the same", async () => {
  await until("cp /run/nginx.pid /run/kept.pid && : > /run/nginx.pid", "cp /run/kept.pid /run/nginx.pid");
  expect((await found()).drift).toContainEqual(
    expect.stringMatching(/^edge-1 \/run\/nginx\.pid must contain the PID of the running Nginx, got ''/),
  );

  expect(await shellOn(host, `sed -i s/10m/11m/ ${folder}/nginx.conf; ${push}`)).toContain(
    "live, generation",
  );
});

test("what the file has and a host lacks is reported for each host", async () => {
  const each = (what: string) => lab.hosts.map(({ name }) => `${name} ${what}`);
  expect(
    await found(await changed("domain: code.lab.test", "domain: code.lab.test\n      proxyReadTimeout: 90s")),
  ).toEqual({
    exitCode: 1,
    drift: each("code.lab.test differs from the configuration: nginx.conf"),
  });
  expect((await found(await changed("wiki.lab.test", "docs.lab.test"))).drift).toEqual(
    lab.hosts.flatMap(({ name }) => [
      `${name} docs.lab.test is not on this host`,
      `${name} wiki.lab.test is not in the configuration`,
    ]),
  );
});

test("a certificate that expires soon is reported, with its date", async () => {
  const { exitCode, stdout } = await status(undefined, "--days", "100000");
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/code\.lab\.test .*the certificate expires on \d{4}-\d\d-\d\d/);
});

test("hosts that do not answer, or have another key, get a row, and the others are reported", async () => {
  const [first, second] = lab.hosts;
  const unreachable = await found(await changed(first?.address ?? "", "192.0.2.99"));
  expect(unreachable.exitCode).toBe(2);
  expect(unreachable.drift).toEqual([expect.stringMatching(/^edge-1 could not be reached: .*192\.0\.2\.99/)]);

  const other = await found(await changed(first?.hostKey ?? "", second?.hostKey ?? ""));
  const reason =
    /^edge-1 could not be reached: Host key verification failed\. Its key \(SHA256:[^)]*\) does not match hostKey/;
  expect(other).toEqual({ exitCode: 2, drift: [expect.stringMatching(reason)] });
});

test("an invalid file is reported before any host is contacted", async () => {
  expect(await status(await changed("domain: code.lab.test", "domain: code"))).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining('site "code"') as string,
  });
});
