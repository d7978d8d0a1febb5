/** The push program on a real host: what goes live, what is refused, and what happens when it is interrupted. */
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bundle, type BundleFile } from "../../components/host/bundle.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import { siteFrom } from "../../components/site/site.ts";
import { TracedWorker } from "../faults/traced-worker.ts";
import { type Ended, HostShell } from "../lab/host-shell.ts";
import { navigation, request } from "../lab/http.ts";
import { thisLab } from "../lab/lab.ts";
import { tenantId } from "../sites.ts";

const lab = await thisLab();
const program = "/usr/local/sbin/protected-sites";
const host = lab.hosts[0] ?? { name: "", address: "" };

const edge = new HostShell(lab.name, host.name);
const run = (command: readonly string[], input?: string): Promise<Ended> => edge.run(command, input);
const shell = (script: string) => edge.shell(script);

/** A site of this file's own, so that the stack's sites stay as they are. */
class PushedSite {
  readonly domain: string;
  readonly files: readonly BundleFile[];

  constructor(name: string, port: number, more: object = {}) {
    this.domain = `${name}.lab.test`;
    const args = {
      domain: this.domain,
      port,
      upstream: "http://192.0.2.3:8001",
      emailDomains: ["lab.test"],
      proxyReadTimeout: "59s",
      ...more,
    };
    this.files = siteFiles(siteFrom(name, args), { tenantId, allowVulnerableOauth2Proxy: true });
  }

  /** The files, with one text in one of them changed. */
  changed(name: string, from: string | RegExp, to: string): BundleFile[] {
    const files = this.files.map((file) =>
      file.name === name ? { ...file, text: file.text.replace(from, to) } : file,
    );
    expect(files).not.toEqual(this.files);
    return files;
  }

  /** Pushes the files, changed or as they are. */
  push(...change: [] | [name: string, from: string | RegExp, to: string]): Promise<Ended> {
    const files = change.length === 0 ? this.files : this.changed(...change);
    return run([program, "push"], bundle(files));
  }

  /** Pushes with another time-out, which changes the Nginx file only. */
  pushTimeout(seconds: number): Promise<Ended> {
    return this.push("nginx.conf", "proxy_read_timeout 59s;", `proxy_read_timeout ${seconds}s;`);
  }

  remove(): Promise<Ended> {
    return run([program, "remove", this.domain]);
  }

  generation(): Promise<string> {
    return shell(`readlink /etc/protected-sites/sites/${this.domain}/current`);
  }

  /** The generation that Nginx answers with, asked on the host. */
  answering(): Promise<string> {
    const resolve = `--resolve ${this.domain}:443:127.0.0.1`;
    const url = `https://${this.domain}/.well-known/protected-sites/generation`;
    return shell(`curl --silent --insecure ${resolve} ${url}`);
  }

  /** A new certificate, in the folder of certificates that come as files. */
  async certify(): Promise<void> {
    const subject = `-subj /CN=${this.domain} -addext subjectAltName=DNS:${this.domain}`;
    const keys = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    await shell(`
      set -eu
      mkdir -p /data/certs/${this.domain} && cd /data/certs/${this.domain}
      openssl req -x509 ${keys} ${subject} -keyout privkey.pem -out fullchain.pem 2>/dev/null`);
  }

  /** Credentials with a new certificate, otherwise as they are, or as given. */
  async renew(more: object = {}): Promise<Ended> {
    await this.certify();
    const read = async (file: string) => `${await shell(`cat /data/certs/${this.domain}/${file}`)}\n`;
    const given = {
      domain: this.domain,
      tokenEndpoint: "https://login.microsoftonline.com/not-asked",
      clientId: `client-of-${this.domain}`,
      clientSecret: "a-client-secret",
      cookieSecret: await shell(`cat ${this.credentials}/cookie-secret`),
      certificate: await read("fullchain.pem"),
      certificateKey: await read("privkey.pem"),
      ...more,
    };
    return run([program, "credentials"], JSON.stringify(given));
  }

  get credentials(): string {
    return `/etc/protected-sites/credentials/${this.domain}/current`;
  }

  /** The serial numbers of the certificate that Nginx serves, and of the one in the credentials. */
  async serials(): Promise<string[]> {
    const served = `openssl s_client -connect 127.0.0.1:443 -servername ${this.domain} </dev/null 2>/dev/null`;
    const said = await shell(
      `${served} | openssl x509 -noout -serial; openssl x509 -noout -serial -in ${this.credentials}/fullchain.pem`,
    );
    return said.split("\n");
  }

  /** Certificate and credentials, as if they had been proved. */
  async prepare(): Promise<void> {
    await this.certify();
    await shell(`
      set -eu
      cd /etc/protected-sites/credentials
      install -d -m 0750 -g oauth2-proxy ${this.domain} ${this.domain}/1
      cd ${this.domain} && umask 027
      echo OAUTH2_PROXY_CLIENT_ID=client-of-${this.domain} > 1/client.env
      printf a-client-secret > 1/client-secret
      openssl rand -hex 16 | tr -d '\\n' > 1/cookie-secret
      chgrp oauth2-proxy 1/* && ln -sfn 1 current`);
  }
}

const site = new PushedSite("push", 4190);
const other = new PushedSite("push-other", 4191);

/** A service file whose start takes long enough to interrupt a push between its switch and its verdict. */
const slowly = [
  "oauth2-proxy_push.lab.test.service",
  "Restart=",
  "ExecStartPre=/bin/sleep 10\nRestart=",
] as const;

const nginxConf = "/etc/nginx/nginx.conf";

beforeAll(async () => {
  await site.prepare();
  await other.prepare();
  await shell(`sed -i.kept 's#error_log [^ ;]*#& notice#' ${nginxConf} && systemctl reload nginx`);
});

afterAll(async () => {
  await shell(`mv ${nginxConf}.kept ${nginxConf}; systemctl reload nginx`);
  for (const it of [site, other]) {
    await it.remove();
    await run([program, "remove-credentials", it.domain]);
    await shell(`rm -rf /data/certs/${it.domain}`);
  }
});

test("a site goes live with its first push: closed, and every file in its place", async () => {
  expect(await site.push()).toMatchObject({
    ok: true,
    text: expect.stringContaining("live, generation 1") as string,
  });

  expect(await site.answering()).toBe(`${site.domain} 1`);
  const ask = (headers: Record<string, string>) =>
    shell(
      `curl --silent --insecure --output /dev/null --write-out '%{http_code}' --resolve ${site.domain}:443:127.0.0.1 ` +
        `${Object.entries(headers)
          .map(([name, value]) => `--header '${name}: ${value}'`)
          .join(" ")} https://${site.domain}/`,
    );
  expect(await ask(navigation)).toBe("302");
  expect(await ask({ accept: "application/json" })).toBe("401");
  for (const { link, text } of site.files) if (link) expect(`${await shell(`cat ${link}`)}\n`).toBe(text);
});

test("the same push again changes nothing", async () => {
  const generation = await site.generation();
  expect(await site.push()).toEqual({
    ok: true,
    text: expect.stringMatching(/unchanged, generation 1$/) as string,
  });
  expect(await site.generation()).toBe(generation);
});

test("pushing the same again repairs what was broken", async () => {
  await shell("systemctl stop oauth2-proxy_push.lab.test.socket oauth2-proxy_push.lab.test.service");
  expect((await run([program, "status"])).ok).toBe(false);

  expect(await site.push()).toMatchObject({ ok: true });
  expect((await run([program, "status"])).ok).toBe(true);
});

describe("refused before anything changes:", () => {
  test.each([
    [
      "Nginx",
      "nginx.conf",
      "proxy_read_timeout",
      "proxy_raed_timeout",
      'unknown directive "proxy_raed_timeout"',
    ],
    [
      "oauth2-proxy",
      "oauth2-proxy.cfg",
      "cookie_httponly",
      "cookie_http_only",
      "invalid keys: cookie_http_only",
    ],
    ["systemd", slowly[0], "TimeoutStopSec", "TimeoutStopSecs", "Unknown key 'TimeoutStopSecs'"],
    ["the version of oauth2-proxy", "site.json", "true", "false", "GHSA-63jm-59jj-478j"],
  ])("a file that %s refuses", async (_, name, from, to, reason) => {
    const before = await site.generation();
    const refused = await site.push(name, from, to);

    expect(refused.ok).toBe(false);
    expect(refused.text).toContain("nothing changed");
    expect(refused.text).toContain(reason);
    expect(refused.text).toContain(`live now: generation ${before.replace("generations/", "")}`);
    expect(await site.generation()).toBe(before);
  });

  test.each([
    ["a bundle that was cut off", (text: string) => text.slice(0, 2000), "truncated"],
    [
      "a place that is not the site's",
      (text: string) => text.replace("-> /etc/oauth2-proxy/", "-> /etc/cron.d/"),
      "must not be installed at /etc/cron.d/oauth2-proxy_push.lab.test.cfg, which is not a path of push.lab.test",
    ],
    [
      "another site's place",
      (text: string) =>
        text.replace("-> /etc/nginx/sites-enabled/push.", "-> /etc/nginx/sites-enabled/code."),
      "must not be installed at /etc/nginx/sites-enabled/code.lab.test.conf, which is not a path of push.lab.test",
    ],
    [
      "a file outside of its folder",
      (text: string) => text.replace("==> prometheus.json", "==> ../prometheus.json"),
      "invalid file name",
    ],
  ])("%s", async (_, spoil, reason) => {
    const before = await site.generation();
    const refused = await run([program, "push"], spoil(bundle(site.files)));

    expect(refused).toEqual({ ok: false, text: expect.stringContaining(reason) as string });
    expect(await site.generation()).toBe(before);
  });

  test("a site that would be open, which never goes live", async () => {
    const before = await site.generation();
    await shell(
      `rm -f /run/asked; systemd-run --quiet --unit=asker sh -c 'while :; do curl -sk -o /dev/null -w "%{http_code}\\n" ` +
        `--resolve ${site.domain}:443:127.0.0.1 https://${site.domain}/ >>/run/asked; done'; until [ -s /run/asked ]; do sleep 0.02; done`,
    );
    const refused = await site.push(
      "nginx.conf",
      "auth_request /.well-known/protected-sites/auth;",
      "auth_request off;",
    );
    await shell("systemctl stop asker.service");

    expect(refused.ok).toBe(false);
    expect(refused.text).toContain("nothing changed: failed in step 'rehearsal'");
    expect(refused.text).toContain("a browser that is not signed in: expected 302");
    expect(await site.generation()).toBe(before);
    expect(await shell("sort -u /run/asked; rm /run/asked")).toBe("401");
  });

  test("a path that already exists and is not managed", async () => {
    await shell("echo mine > /etc/nginx/sites-enabled/push-other.lab.test.conf");
    const refused = await other.push();

    expect(refused.ok).toBe(false);
    expect(refused.text).toContain(
      "push-other.lab.test.conf already exists and is not managed by Protected Sites",
    );
    expect(await shell("cat /etc/nginx/sites-enabled/push-other.lab.test.conf")).toBe("mine");
    await shell("rm /etc/nginx/sites-enabled/push-other.lab.test.conf");
  });

  test("a symlink in place of the site's folder, which is kept", async () => {
    const folder = "/etc/protected-sites/sites/push-other.lab.test";
    await shell(`mkdir /run/elsewhere; ln -s /run/elsewhere ${folder}`);
    const refused = await other.push();

    expect(refused.ok).toBe(false);
    expect(refused.text).toContain(`${folder} must be a folder, got a link`);
    expect(await shell(`readlink ${folder}; ls /run/elsewhere`)).toBe("/run/elsewhere");
    await shell(`rm ${folder}; rmdir /run/elsewhere`);
  });
});

describe("rolled back:", () => {
  beforeAll(async () => {
    await shell("systemd-run --quiet --unit=port-taker python3 -m http.server --bind 0.0.0.0 8443");
    while ((await run(["curl", "--silent", "http://127.0.0.1:8443"])).text === "") await sleep(50);
  });
  afterAll(() => shell("systemctl stop port-taker.service"));

  test.each([
    [
      "a port that Nginx cannot have, which its check and its reload both accept",
      "nginx.conf",
      /ssl_certificate /,
      "listen 8443; ssl_certificate ",
      "bind() to 0.0.0.0:8443 failed (98: Address already in use)",
    ],
    [
      "a port that the socket cannot have",
      "oauth2-proxy_push.lab.test.socket",
      "127.0.0.1:4190",
      "127.0.0.1:8443",
      "Address already in use",
    ],
    [
      "an instance that does not come up",
      "oauth2-proxy.cfg",
      "127.0.0.1:14190",
      "127.0.0.1:8443",
      "bind: address already in use",
    ],
  ])("%s", async (_, name, from, to, reason) => {
    const before = await site.generation();
    const failed = await site.push(name, from, to);

    expect(failed.ok).toBe(false);
    expect(failed.text).toContain("rolled back");
    expect(failed.text).toContain(reason);
    expect(await site.generation()).toBe(before);
    expect(await site.answering()).toBe(`${site.domain} ${before.replace("generations/", "")}`);
    expect((await run([program, "status"])).ok).toBe(true);
  });
});

describe("interrupted:", () => {
  test("a push whose worker dies after the switch is rolled back automatically, and says so", async () => {
    const before = await site.generation();
    const pushed = site.push(...slowly);
    while ((await site.generation()) === before) await sleep(20);
    await shell("systemctl kill --signal=KILL protected-sites-worker.service");

    const failed = await pushed;
    expect(failed.ok).toBe(false);
    expect(failed.text).toContain("the worker died before the push was finished");
    expect(await site.generation()).toBe(before);
    expect((await run([program, "status"])).ok).toBe(true);
  });

  /** A push whose caller is killed as soon as the worker has been started, which the lock keeps from working. */
  async function abandoned(files: readonly BundleFile[]): Promise<void> {
    const script = `
      cat >/run/bundle
      exec 9>/run/protected-sites.lock && flock 9
      # The caller does not: somebody works already.
      systemctl start --no-block protected-sites-worker.service
      ${program} push </run/bundle 9>&- & caller=$!
      queued() { ls /var/lib/protected-sites/queue/*.request >/dev/null 2>&1; }
      until queued && systemctl --quiet is-active protected-sites-worker.service; do sleep 0.02; done
      kill -KILL $caller`;
    await run(["/bin/sh", "-c", script], bundle(files));
  }

  test("the host rolls back even if nobody is waiting any more", async () => {
    const before = await site.generation();
    await abandoned(site.changed(...slowly));
    while ((await site.generation()) === before) await sleep(20);
    await shell("systemctl kill --signal=KILL protected-sites-worker.service");

    while ((await site.generation()) !== before) await sleep(50);
    while (!(await run([program, "status"])).ok) await sleep(50);
  });

  test("a push whose client has disconnected is finished", async () => {
    const before = await site.generation();
    await abandoned(site.changed("nginx.conf", "proxy_read_timeout 59s;", "proxy_read_timeout 66s;"));

    const idle = "systemctl is-active protected-sites-worker.service";
    while ((await site.generation()) === before || (await shell(idle)) === "active") await sleep(50);
    expect(await shell("tail -1 /var/log/protected-sites/pushes.jsonl")).toContain('"ok": true');
  });
});

/** How often Nginx has reloaded, since its error log has had notices in it. */
const reloads = async () =>
  Number(await shell("grep -c 'SIGHUP.*reconfiguring' /var/log/nginx/error.log || true"));

/** Holds the host until both requests wait, so that the worker finds them together. */
async function together(requests: () => readonly [Promise<Ended>, Promise<Ended>]) {
  const held = shell(
    `flock /run/protected-sites.lock sh -c 'until [ $(ls /var/lib/protected-sites/queue | wc -l) = 2 ]; do sleep 0.02; done'`,
  );
  await sleep(300);
  const ended = requests();
  await held;
  return Promise.all(ended);
}

test("queued pushes share one reload, and a bad one among them fails alone", async () => {
  await other.push();
  const before = await reloads();
  const good = await together(() => [site.pushTimeout(71), other.pushTimeout(71)]);
  expect(good.map(({ ok }) => ok)).toEqual([true, true]);
  expect(await reloads()).toBe(before + 1);

  const [bad, fine] = await together(() => [
    site.push("nginx.conf", "client_max_body_size", "client_max_bodi_size"),
    other.pushTimeout(72),
  ]);
  expect(bad.text).toContain('unknown directive "client_max_bodi_size"');
  expect(fine.text).toContain("changed: nginx.conf");
});

test("a push that arrives while another one is written out shares its reload", async () => {
  const worker = await TracedWorker.on(edge);
  try {
    const before = await reloads();
    await worker.arm();
    const first = site.pushTimeout(73);
    const traced = await worker.attach([{ call: "fsync", what: "signal=SIGSTOP:when=1" }]);
    expect(await traced.stop()).toBe("stopped");
    const second = other.pushTimeout(73);
    await shell("until ls /var/lib/protected-sites/queue/*.request 2>/dev/null; do sleep 0.02; done");
    await traced.goOn();

    expect((await Promise.all([first, second])).map(({ ok }) => ok)).toEqual([true, true]);
    expect(await reloads()).toBe(before + 1);
    await traced.ended;
    await traced.forget();
  } finally {
    await worker.remove();
  }
});

test("the previous generation can be pushed again, and five are kept", async () => {
  const folder = `/etc/protected-sites/sites/${site.domain}`;
  const before = await shell(`cat ${folder}/current/nginx.conf`);
  expect(await site.pushTimeout(80)).toMatchObject({ ok: true });
  expect(await run([program, "rollback", site.domain])).toMatchObject({ ok: true });

  expect(await shell(`cat ${folder}/current/nginx.conf`)).toBe(before);
  expect(await shell(`ls ${folder}/generations | grep -c '^[0-9]*$'`)).toBe("5");

  // Pushed as such, it is the configuration's and no longer a rollback from it.
  const rollbacks = () => shell(`grep -c rollbackTo ${folder}/current/origin.json || true`);
  expect(await rollbacks()).toBe("1");
  expect(await shell(`${program} push <${folder}/current/bundle`)).toContain("unchanged, generation");
  expect(await rollbacks()).toBe("0");
});

test("a removal leaves only a site's logs, and everything of the others", async () => {
  const notOurs = "-type f -not -name '*push.lab.test*' | sort | xargs sha256sum";
  const others = () => shell(`find -L /etc/nginx/sites-enabled /etc/oauth2-proxy ${notOurs}`);
  const before = await others();
  expect(await site.remove()).toEqual({ ok: true, text: `${site.domain} on ${host.name}: removed` });
  expect(await run([program, "remove-credentials", site.domain])).toMatchObject({ ok: true });

  expect(
    await shell("find /etc /opt /run /usr /var -xdev -name '*push.lab.test*' -not -path '/var/log/*'"),
  ).toBe("");
  expect(await shell("grep -rl push.lab.test /etc /var/lib/protected-sites || true")).toBe("");
  expect(await shell("systemctl list-units --all --plain --no-legend '*push.lab.test*'")).toBe("");
  expect(await others()).toBe(before);
  expect(await site.remove()).toEqual({
    ok: true,
    text: `${site.domain} on ${host.name}: was not on this host`,
  });
  await expect(request({ url: `https://${site.domain}/`, address: host.address })).rejects.toThrow();
});

test("new certificates that wait together take one reload, and one that comes with a bad cookie secret stays away alone", async () => {
  const settings = { certificateFrom: "internalCa" };
  const one = new PushedSite("push", 4190, settings);
  const two = new PushedSite("push-other", 4191, settings);
  for (const it of [one, two]) {
    await it.prepare();
    expect(await it.renew()).toMatchObject({ ok: true });
    expect(await it.push()).toMatchObject({ ok: true });
  }
  const renewed = ({ domain }: PushedSite) =>
    `${domain} on edge-1: credentials live (certificate renewed, no restart needed)`;

  const [reloaded, [first]] = [await reloads(), await one.serials()];
  const ended = await together(() => [one.renew(), two.renew()]);
  expect(ended.map(({ text }) => text)).toEqual([renewed(one), renewed(two)]);
  expect(await reloads()).toBe(reloaded + 1);
  const [second] = await one.serials();
  expect(second).not.toBe(first);
  for (const it of [one, two]) expect(new Set(await it.serials()).size).toBe(1);

  const [bad, good] = await together(() => [one.renew({ cookieSecret: "too-short" }), two.renew()]);
  expect(bad.text).toContain("rolled back: failed in step 'instance'");
  expect(good.text).toBe(renewed(two));
  expect(await one.serials()).toEqual([second, second]);
  expect(
    await shell(`ls ${one.credentials}/../; systemctl is-active oauth2-proxy_${one.domain}.service`),
  ).toMatch(/^\d+\ncurrent\nactive$/);
});

test("queued removals share one reload, and a site that a file of the host's own needs stays alone", async () => {
  for (const it of [site, other]) expect(await it.push()).toMatchObject({ ok: true });
  const needing = "/etc/nginx/conf.d/needing.conf";
  const address = `http://oauth2-proxy_${other.domain}`;
  await shell(`echo 'server { listen 127.0.0.1:8999; location / { proxy_pass ${address}; } }' > ${needing}`);
  try {
    const [removed, kept] = await together(() => [site.remove(), other.remove()]);
    expect(removed).toEqual({ ok: true, text: `${site.domain} on edge-1: removed` });
    expect(kept.text).toMatch(/nothing changed: failed in step 'nginx -t'\n.*host not found in upstream/);
    expect(await site.answering()).toBe("");
    expect(await other.answering()).toMatch(/^push-other\.lab\.test \d+$/);
  } finally {
    await shell(`rm ${needing}`);
  }

  expect(await site.push()).toMatchObject({ ok: true });
  const before = await reloads();
  const both = await together(() => [site.remove(), other.remove()]);
  expect(both.map(({ text }) => text)).toEqual(
    [site, other].map(({ domain }) => `${domain} on edge-1: removed`),
  );
  expect(await reloads()).toBe(before + 1);
  for (const { domain } of [site, other])
    expect(await shell(`find /etc /run -name '*${domain}*'`)).toMatch(
      /^(?:\/etc\/protected-sites\/credentials\/[^/]+)?$/,
    );
});
