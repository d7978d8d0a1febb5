/** A site whose hosts get its certificate from an ACME server: the first one, and the ones that follow. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get as getPlain } from "node:http";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";

import { addresses, downloadsName } from "../lab/addresses.ts";
import { pebble } from "../lab/pebble.ts";
import { waitForPort } from "../lab/ports.ts";
import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { certificateServed, shellOn } from "./on-hosts.ts";

const domain = "code.lab.test";
const at = `${addresses.downloads}:14000`;
const management = `https://${downloadsName}:15000`;

let folder: string;
let server: ChildProcess;
let stack: Stack;
/** The ACME server's own root, which it makes anew at each start. */
let root: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pebble-"));
  const keys = dirname(lab.ca);
  const settings = {
    listenAddress: at,
    managementListenAddress: `${addresses.downloads}:15000`,
    certificate: join(keys, "downloads.pem"),
    privateKey: join(keys, "downloads.key"),
    httpPort: 80,
    tlsPort: 443,
    profiles: { default: { description: "20 days", validityPeriod: 20 * 86_400 } },
  };
  await writeFile(join(folder, "pebble.json"), JSON.stringify({ pebble: settings }));
  server = spawn(pebble, ["-config", join(folder, "pebble.json")], {
    // certbot tries a request twice; by itself, the server refuses one in twenty.
    env: { ...process.env, PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0" },
    stdio: "ignore",
  });
  const alive = () => Promise.resolve(server.exitCode === null);
  if (!(await waitForPort(lab.name, { address: addresses.downloads, port: 15000, patience: 20_000, alive })))
    throw new Error("pebble does not answer");
  root = await text(`${management}/roots/0`);

  // Accounts of an earlier run are unknown to this server.
  for (const { name } of lab.hosts) await shellOn(name, "rm -rf /etc/letsencrypt/accounts");
  stack = await openStack(lab.name);
  for (const [path, value] of [
    ["acme.server", `https://${downloadsName}:14000/dir`],
    ["acme.email", "hosts@lab.test"],
    ["sites.code.certificateFrom", "acme"],
  ] as const)
    await stack.setConfig(`protected-sites:${path}`, { value }, true);
  await stack.up();
});

afterAll(async () => {
  try {
    stack = await openStack(lab.name);
    await stack.up();
    for (const { name, address } of lab.hosts) {
      expect((await certificateServed(address, domain, undefined)).issuer).toContain("lab");
      expect(await shellOn(name, "ls /etc/letsencrypt/renewal"), "nobody renews what nobody serves").toBe("");
    }
  } finally {
    const ended = once(server, "exit");
    server.kill();
    await ended;
    await rm(folder, { recursive: true });
  }
});

async function text(url: string): Promise<string> {
  const ca = await readFile(lab.ca);
  return new Promise((resolve, reject) => {
    get(url, { ca }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer
        .on("data", (part: string) => (body += part))
        .on("end", () => {
          resolve(body);
        });
    }).on("error", reject);
  });
}

/** @returns the status and what came, or the code of a connection that was closed */
async function plain(address: string, host: string, path: string): Promise<string> {
  return new Promise((resolve) => {
    getPlain({ host: address, path, headers: { host }, agent: false }, (answer) => {
      let body = "";
      answer
        .on("data", (part: Buffer) => (body += part.toString()))
        .on("end", () => {
          resolve(`${answer.statusCode ?? ""} ${body.trim()}`);
        });
    }).on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}

test("every host has a certificate of its own from the ACME server, which clients trust", async () => {
  const certificates = await Promise.all(
    lab.hosts.map(({ address }) => certificateServed(address, domain, root)),
  );
  for (const certificate of certificates) expect(certificate.subjectAltName).toBe(`DNS:${domain}`);
  expect(new Set(certificates.map(({ serialNumber }) => serialNumber)).size).toBe(lab.hosts.length);
});

test("a host answers for a challenge of another host, even for a name that it does not serve yet", async () => {
  const [first, second] = lab.hosts;
  const file = "/var/www/certbot/.well-known/acme-challenge/of-the-second";
  await shellOn(second?.name ?? "", `mkdir -p $(dirname ${file}); echo proof > ${file}`);
  const path = "/.well-known/acme-challenge/of-the-second";
  for (const name of [domain, "new.lab.test"]) {
    expect(await plain(first?.address ?? "", name, path)).toBe("200 proof");
    expect(await plain(first?.address ?? "", name, `${path}-not`)).toMatch(/^404/);
  }
  expect(await plain(first?.address ?? "", "new.lab.test", "/")).toBe("ECONNRESET");
  await shellOn(second?.name ?? "", `rm ${file}`);
});

test("a renewed certificate that Nginx has not loaded is reported", async () => {
  const [{ name } = { name: "" }] = lab.hosts;
  // As where Nginx's configuration is broken by somebody else: the deploy hook fails, and certbot says nothing.
  const noReload = "/run/systemd/system/nginx.service.d/no-reload.conf";
  await shellOn(
    name,
    `mkdir -p $(dirname ${noReload}); printf '[Service]\\nExecReload=\\nExecReload=/bin/false\\n' >${noReload}; systemctl daemon-reload`,
  );
  try {
    await shellOn(name, "certbot renew --quiet --force-renewal --no-random-sleep-on-renew");
    expect(await shellOn(name, "protected-sites status || true")).toContain(
      `Nginx does not serve the certificate in /etc/letsencrypt/live/${domain}/fullchain.pem`,
    );
    expect(await shellOn(name, "protected-sites metrics")).toContain(
      `protected_sites_certificate_is_new{site="${domain}"} 0`,
    );
  } finally {
    await shellOn(name, `rm ${noReload}; systemctl daemon-reload; systemctl reload nginx.service`);
  }
  // A reload has begun when systemctl returns; until the new workers are there, the old ones answer.
  await expect
    .poll(() => shellOn(name, "protected-sites metrics"), { timeout: 10_000 })
    .toContain(`protected_sites_certificate_is_new{site="${domain}"} 1`);
});

test("certbot's timer runs; what it starts renews in time, and clients get the new certificate", async () => {
  const [{ name, address } = { name: "", address: "" }] = lab.hosts;
  expect(await shellOn(name, "systemctl is-active certbot.timer")).toBe("active");
  // As certbot up to 3 decides by itself; a newer one waits until a third of the 20 days is left.
  const renewal = `/etc/letsencrypt/renewal/${domain}.conf`;
  await shellOn(name, `sed -i '/renew_before_expiry/d; 1i renew_before_expiry = 30 days' ${renewal}`);
  const before = await certificateServed(address, domain, root);

  const failures: string[] = [];
  let asked = 0;
  const done = new AbortController();
  const asking = (async () => {
    while (!done.signal.aborted) {
      await certificateServed(address, domain, root).catch((error: unknown) => failures.push(String(error)));
      asked += 1;
    }
  })();
  await shellOn(name, "systemctl start certbot.service");
  const deadline = Date.now() + 20_000;
  let after = before;
  while (after.serialNumber === before.serialNumber && Date.now() < deadline)
    after = await certificateServed(address, domain, root);
  done.abort();
  await asking;

  expect(after.serialNumber).not.toBe(before.serialNumber);
  expect(Date.parse(after.validFrom)).toBeGreaterThanOrEqual(Date.parse(before.validFrom));
  expect(failures).toEqual([]);
  console.log(`${asked} TLS connections while certbot renewed, 0 failed`);
});
