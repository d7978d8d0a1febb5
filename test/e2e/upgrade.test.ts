/** Another oauth2-proxy on a host that serves. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { HostShell } from "../lab/host-shell.ts";
import { thisLab } from "../lab/lab.ts";

const lab = await thisLab();
const host = lab.hosts.at(-1)?.name ?? "";
const current = lab.oauth2Proxy.version;
const program = "/usr/local/sbin/protected-sites";
const domains = ["code.lab.test", "wiki.lab.test"];

const edge = new HostShell(lab.name, host);
const run = (script: string) => edge.run(["sh", "-euc", script]);
const lines = async (script: string) => (await run(script)).text.split("\n").filter(Boolean);

/** The host's own set-up once more, with another version; its program lies there already. */
function setUp(version: string) {
  return run(`sed 's/"version": "[^"]*"/"version": "${version}"/' /run/set-up | ${program} setup`);
}

/** What the instances run, by what the kernel says. */
const running = () =>
  lines(
    `for domain in ${domains.join(" ")}; do readlink /proc/$(systemctl show --property=MainPID --value oauth2-proxy_$domain.service)/exe; done`,
  );

/** Asks every site all the time while something happens; the kinds of answers. */
async function whileAsking(happens: () => Promise<void>): Promise<string[]> {
  const ask = domains.map(
    (domain) =>
      `curl -sko /dev/null -w '%{http_code}\\n' --max-time 20 --resolve ${domain}:443:127.0.0.1 https://${domain}/`,
  );
  await run(
    `touch /run/asking; (while [ -e /run/asking ]; do ${ask.join("; ")}; sleep 0.05; done) >/run/asked 2>&1 &`,
  );
  await happens();
  await run("rm /run/asking; sleep 1");
  return lines("sort -u /run/asked");
}

beforeAll(async () => {
  await run("cp /var/lib/protected-sites/setup /run/set-up");
  const [next, broken] = ["7.15.8", "7.15.9"];
  await run(`cd /opt/oauth2-proxy && mkdir -p ${next} ${broken}
    sed 's/v${current}/v${next}/g' ${current}/oauth2-proxy >${next}/oauth2-proxy
    printf '#!/bin/sh\\ncase "$*" in *--version*) echo oauth2-proxy v${broken};; *--config-test*) ;; *) exit 1;; esac\\n' >${broken}/oauth2-proxy
    chmod 755 ${next}/oauth2-proxy ${broken}/oauth2-proxy`);
  for (const domain of domains) await run(`systemctl start oauth2-proxy_${domain}.service`);
});

afterAll(async () => {
  await run(`${program} setup </run/set-up; rm -rf /run/asking /run/set-up /opt/oauth2-proxy/7.15.[6789]`);
});

test("an upgrade restarts the instances one after the other, and no request fails", async () => {
  const answers = await whileAsking(async () => {
    expect(await setUp("7.15.8")).toMatchObject({ ok: true });
  });
  expect(await running()).toEqual(domains.map(() => "/opt/oauth2-proxy/7.15.8/oauth2-proxy"));
  expect(answers).toEqual(["401"]);
});

test("a host with an incomplete record of a site can be upgraded", async () => {
  const bundle = "/etc/protected-sites/sites/code.lab.test/current/bundle";
  await run(`mv ${bundle} /run/bundle`);
  try {
    expect(await setUp(current)).toMatchObject({ ok: true });
    expect(await running()).toEqual(domains.map(() => `/opt/oauth2-proxy/${current}/oauth2-proxy`));
    expect(await setUp("7.15.8")).toMatchObject({ ok: true });
  } finally {
    await run(`mv /run/bundle ${bundle}`);
  }
});

test("an upgrade whose instances do not start goes back to what was live, and no request fails", async () => {
  const answers = await whileAsking(async () => {
    const { ok, text } = await setUp("7.15.9");
    expect({ ok, text }).toEqual({
      ok: false,
      text: expect.stringMatching(
        /code\.lab\.test: oauth2-proxy did not start[^]*live now: \/opt\/oauth2-proxy\/7\.15\.8\/oauth2-proxy/,
      ) as string,
    });
  });
  expect(await running()).toEqual(domains.map(() => "/opt/oauth2-proxy/7.15.8/oauth2-proxy"));
  expect(answers).toEqual(["401"]);
});

test("one that refuses a site's configuration is refused before anything changes", async () => {
  await run(`mkdir -p /opt/oauth2-proxy/7.15.7 && cd /opt/oauth2-proxy/7.15.7 && printf '#!/bin/sh
case "$*" in *--version*) echo oauth2-proxy v7.15.7;; *) echo "unknown option cookie_httponly"; exit 1;; esac\\n' >oauth2-proxy && chmod 755 oauth2-proxy`);
  expect(await setUp("7.15.7")).toEqual({
    ok: false,
    text: "protected-sites setup: failed in step 'oauth2-proxy --config-test'\n  code.lab.test: unknown option cookie_httponly",
  });
  expect((await lines("readlink /usr/local/bin/oauth2-proxy"))[0]).toBe(
    "/opt/oauth2-proxy/7.15.8/oauth2-proxy",
  );
});

test("a mirror whose CA has no key usage extension is trusted, as by oauth2-proxy", async () => {
  // As `openssl req -x509` makes it, which is how many a company's was made.
  const [mirror] = await lines(`mkdir /run/mirror && cd /run/mirror
    key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl req -x509 $key -days 2 -subj /CN=Company -keyout ca.key -out ca.pem 2>/dev/null
    openssl req $key -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem 2>/dev/null |
      openssl x509 -req -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out certificate.pem 2>/dev/null
    ln -s /run/mirror/ca.pem /etc/ssl/certs/$(openssl x509 -noout -hash -in ca.pem).0
    mkdir oauth2-proxy
    sed 's/v${current}/v7.15.6/g' /opt/oauth2-proxy/${current}/oauth2-proxy >oauth2-proxy/oauth2-proxy
    tar -czf archive.tar.gz oauth2-proxy && sha256sum archive.tar.gz | cut -d' ' -f1
    setsid openssl s_server -accept 8443 -cert certificate.pem -key key.pem -WWW >/dev/null 2>&1 &
    echo $! >pid`);
  try {
    const facts = `s|"version": "[^"]*"|"version": "7.15.6"|; s|"url": "[^"]*"|"url": "https://localhost:8443/archive.tar.gz"|`;
    const taken = await run(
      `sed '${facts}; s|"sha256": "[^"]*"|"sha256": "${mirror ?? ""}"|' /run/set-up | ${program} setup`,
    );
    expect(taken).toMatchObject({ ok: true, text: expect.stringContaining("oauth2-proxy 7.15.6") as string });
  } finally {
    await run("kill $(cat /run/mirror/pid); rm -rf /run/mirror; find /etc/ssl/certs -xtype l -delete");
  }
});

test("a set-up names the line that nginx.org's nginx.conf lacks", async () => {
  const refused = await run(`cp -p /etc/nginx/nginx.conf /run/nginx.conf
    sed -i '/sites-enabled/d' /etc/nginx/nginx.conf; code=0; ${program} setup </run/set-up || code=$?
    cp -p /run/nginx.conf /etc/nginx/nginx.conf; rm /run/nginx.conf; exit $code`);
  expect(refused).toEqual({
    ok: false,
    text: "protected-sites setup: failed in step 'Nginx'\n  /etc/nginx/nginx.conf does not include /etc/nginx/sites-enabled; add this line in http { }: include /etc/nginx/sites-enabled/*.conf;",
  });
});

test("a set-up refuses a kernel without IPv6, on which Nginx would not start", async () => {
  const families = "--property='RestrictAddressFamilies=AF_UNIX AF_INET AF_NETLINK'";
  const refused = await run(`systemd-run --quiet --pipe --wait ${families} ${program} setup </run/set-up`);
  expect(refused.ok).toBe(false);
  expect(refused.text).toContain("this host's kernel has no IPv6");
});

test("one with known vulnerabilities is refused by the advisory's name", async () => {
  const refused = await run(
    `sed 's/"allowVulnerableOauth2Proxy": true/"allowVulnerableOauth2Proxy": false/' /run/set-up | ${program} setup`,
  );
  if (current.localeCompare("7.15.5", "en", { numeric: true }) < 0)
    expect(refused).toEqual({ ok: false, text: expect.stringContaining("GHSA-63jm-59jj-478j") as string });
  else expect(refused.ok).toBe(true);
});

test("after an upgrade of Nginx, status reports which files configure HTTP/2 for the earlier version", async () => {
  const other = "/usr/local/sbin/nginx";
  const version = (await run("nginx -v")).text.includes("nginx/1.22.") ? "1.26.3" : "1.22.1";
  await run(`printf '#!/bin/sh\\n[ "$*" = -v ] || exec /usr/sbin/nginx "$@"\\necho nginx version: nginx/${version} >&2\\n' >${other}
    chmod 755 ${other}`);
  try {
    const { text } = await run(`${program} status || true`);
    expect(text).toContain("this host  /etc/protected-sites/http2.conf differs\n");
    expect(text).toContain("this host  /etc/nginx/conf.d/protected-sites.conf differs\n");
  } finally {
    await run(`rm ${other}`);
  }
  expect((await run(`${program} status`)).text).not.toContain("differs");
});

test("status queries Nginx's version once", async () => {
  const other = "/usr/local/sbin/nginx";
  await run(`printf '#!/bin/sh\\necho "$*" >>/run/nginx-asked\\nexec /usr/sbin/nginx "$@"\\n' >${other}
    chmod 755 ${other}`);
  try {
    await run(`${program} status`);
    const { text } = await run("cat /run/nginx-asked");
    expect(text.split("\n").filter((line) => line === "-v")).toEqual(["-v"]);
  } finally {
    await run(`rm -f ${other} /run/nginx-asked`);
  }
});

test("the distribution's revision, if it is known, decides whether an Nginx is vulnerable", async () => {
  const asked = {
    "1.22.1-9": "1.22.1-9+deb12u11",
    "1.22.1-9+deb12u9": "1.22.1-9+deb12u11",
    "1.22.1-9+deb12u11": "",
    "1.26.3-3": "1.26.3-3+deb13u11",
    "1.26.3-3+deb13u10": "1.26.3-3+deb13u11",
    "1.26.3-3+deb13u11": "",
    "1.24.0-2ubuntu7": "1.24.0-2ubuntu7.16",
    "1.24.0-2ubuntu7.9": "1.24.0-2ubuntu7.16",
    "1.24.0-2ubuntu7.17": "",
    "1.28.3-2ubuntu1.8": "1.28.3-2ubuntu1.9",
    "1.28.3-2ubuntu1.10": "",
    // Of other distributions nothing is known; nginx.org's are what Nginx released.
    "1.28.0-6ubuntu1.2": "",
    "1.30.3-1~bookworm": "1.30.7",
    "1.30.6-1~bookworm": "1.30.7",
    "1.30.7-1~bookworm": "",
    "1.31.8": "1.31.9",
    "1.31.9": "",
  };
  const ask = `import json, os, sys
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath("${program}"))))
from protected_sites.nginx_version import ADVISORIES, first_safe
safe = lambda version: next(filter(None, (first_safe(advisory, version) for advisory in ADVISORIES)), "")
print(json.dumps({version: safe(version) for version in sys.argv[1:]}))`;
  const { text } = await edge.run(["python3", "-I", "-B", "-c", ask, ...Object.keys(asked)]);
  expect(JSON.parse(text)).toEqual(asked);
});

test("a push to a host with an unfixed Nginx is refused, and works with the fixed one", async () => {
  const query = "/usr/local/sbin/dpkg-query";
  const pushWith = (version: string) =>
    run(`printf '#!/bin/sh\necho ${version}\n' >${query} && chmod 755 ${query}
      ${program} push </etc/protected-sites/sites/code.lab.test/current/bundle`);
  try {
    const refused = await pushWith("1.26.3-3+deb13u10");
    expect(refused.ok).toBe(false);
    expect(refused.text).toContain(
      "1.26.3-3+deb13u10 is known to be vulnerable (CVE-2026-123007, CVE-2026-123633, CVE-2026-118899); 1.26.3-3+deb13u11 or newer is required",
    );
    expect(await pushWith("1.26.3-3+deb13u11")).toMatchObject({
      ok: true,
      text: expect.stringContaining("unchanged") as string,
    });
  } finally {
    await run(`rm ${query}`);
  }
});
