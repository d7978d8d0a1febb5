/** The golden files before the real programs that will read them, on a host of the lab; nothing on it changes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { sharedFiles } from "../../components/render/nginx/shared-files.ts";
import { sharedNginx } from "../../components/render/nginx/shared-nginx.ts";
import { blockedFile, http2File, instanceName, paths } from "../../components/site/names.ts";
import { goldenSites } from "../golden-sites.ts";
import { HostShell } from "../lab/host-shell.ts";
import { thisLab } from "../lab/lab.ts";

const lab = await thisLab();
const first = new HostShell(lab.name, lab.hosts[0]?.name ?? "");
const folder = "/run/judges";
const golden = goldenSites();

/** Ends the test where the script fails, with all that it printed. */
async function onFirstHost(script: string, input = ""): Promise<string> {
  const { ok, text } = await first.run(["sh", "-euc", script], input);
  expect(ok, text).toBe(true);
  return text;
}

/** In a mount namespace in which the golden site is at its place, with a certificate and made-up credentials. */
function asIfLive(domain: string, command: string): string {
  const at = paths(domain);
  const files = `${folder}/${domain}`;
  const inside = [
    "mount -t tmpfs none /etc/protected-sites",
    `mkdir -p /etc/protected-sites/sites/${domain} ${at.credentials}/current`,
    `cp -r ${files} ${at.current} && cp -r ${folder}/shared ${at.shared}`,
    // A backend's own CA is a file that its administrator puts there.
    `sed -i s#/etc/ssl/private-ca.pem#${folder}/certificate.pem# ${at.current}/nginx.conf`,
    `echo 'set $protected_sites_generation "1";' > ${at.generation}`,
    `touch ${http2File} ${blockedFile}`,
    `printf secret > ${at.clientSecret}`,
    `printf ${"k".repeat(43)} > ${at.cookieSecret}`,
    `echo OAUTH2_PROXY_CLIENT_ID=judge > ${at.clientEnvironment}`,
    "mount -t tmpfs none /data",
    `mkdir -p /data/certs/${domain}`,
    `cp ${folder}/certificate.pem /data/certs/${domain}/fullchain.pem`,
    `cp ${folder}/key.pem /data/certs/${domain}/privkey.pem`,
    `mkdir -p /etc/letsencrypt && mount -t tmpfs none /etc/letsencrypt && mkdir -p /etc/letsencrypt/live/${domain}`,
    ...[`${at.credentials}/current`, `/etc/letsencrypt/live/${domain}`].flatMap((to) => [
      `cp ${folder}/certificate.pem ${to}/fullchain.pem`,
      `cp ${folder}/key.pem ${to}/privkey.pem`,
    ]),
    "mount -t tmpfs none /etc/nginx/sites-enabled",
    `ln -s ${at.current}/nginx.conf ${at.nginx}`,
    `mount --bind ${folder}/protected-sites.conf /etc/nginx/conf.d/protected-sites.conf`,
    // What a push writes for each host name.
    "mkdir -p /etc/protected-sites/addresses && mount -t tmpfs none /etc/protected-sites/addresses",
    `grep -o "/etc/protected-sites/addresses/[^;]*" ${at.current}/nginx.conf ${folder}/protected-sites.conf | cut -d: -f2 |
      while read -r file; do echo "server 192.0.2.3:443;" > "$file"; done`,
    // The host's own sites are not what is judged.
    "mount -t tmpfs none /etc/systemd/system",
    `mount -t tmpfs none /etc/oauth2-proxy && ln -s ${at.current}/oauth2-proxy.cfg ${at.oauth2Proxy}`,
    command,
  ];
  return `unshare --mount --propagation=private sh -euc '${inside.join("\n").replaceAll("'", String.raw`'\''`)}'`;
}

beforeAll(async () => {
  await onFirstHost(
    `rm -rf ${folder} && mkdir ${folder} && cd ${folder}
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=judge -keyout key.pem -out certificate.pem 2>&1`,
  );
  const put = (file: string, text: string) =>
    onFirstHost(`mkdir -p "$(dirname ${folder}/${file})"; cat > ${folder}/${file}`, text);
  await put("protected-sites.conf", sharedNginx([]));
  for (const { name, text } of sharedFiles()) await put(`shared/${name}`, text);
  for (const { domain, files } of golden)
    for (const [name, text] of files) await put(`${domain}/${name}`, text);
});

afterAll(() => onFirstHost(`rm -rf ${folder}`));

describe.each(golden)("$domain", ({ domain }) => {
  const { current, oauth2Proxy } = paths(domain);
  const instance = instanceName(domain);

  test("nginx -t accepts its file", async () => {
    expect(await onFirstHost(asIfLive(domain, "nginx -t"))).toContain("test is successful");
  });

  test("nginx -t refuses its file with one brace too many", async () => {
    const broken = asIfLive(domain, `echo "}" >> ${current}/nginx.conf; if nginx -t; then exit 1; fi`);
    expect(await onFirstHost(broken)).toContain("[emerg]");
  });

  test("oauth2-proxy --config-test accepts its configuration", async () => {
    // The test of a configuration with a Redis asks it, and there is none here.
    const check = `sed -i -E "/^(session_store_type|redis_)/d" ${current}/oauth2-proxy.cfg
      OAUTH2_PROXY_CLIENT_ID=judge oauth2-proxy --config=${oauth2Proxy} --config-test`;
    expect(await onFirstHost(asIfLive(domain, check))).toContain("configuration is valid");
  });

  test("oauth2-proxy --config-test refuses a key that it does not know", async () => {
    const check = `echo cookie_http_only = true >> ${current}/oauth2-proxy.cfg
      if OAUTH2_PROXY_CLIENT_ID=judge oauth2-proxy --config=${oauth2Proxy} --config-test; then exit 1; fi`;
    expect(await onFirstHost(asIfLive(domain, check))).toContain("cookie_http_only");
  });

  test("systemd-analyze verify reports nothing about its units", async () => {
    const verify = `systemd-analyze verify --man=no ${current}/${instance}.socket ${current}/${instance}.service 2>&1`;
    expect(await onFirstHost(asIfLive(domain, verify))).toBe("");
  });

  test("its service's exposure is 1.5 or less", async () => {
    const judge = `systemd-analyze security --offline=true --no-pager --threshold=15 ${current}/${instance}.service`;
    const said = await onFirstHost(asIfLive(domain, judge));
    console.log(/Overall exposure level.*/.exec(said)?.[0]);
  });
});
