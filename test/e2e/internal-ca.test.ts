/** A site whose certificate the stack itself makes: who trusts it, how it is renewed, and how its CA is replaced. */
import { get } from "node:https";

import type { Stack, UpResult } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";

import { HostShell } from "../lab/host-shell.ts";
import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { certificateServed } from "./on-hosts.ts";

const domain = "code.lab.test";
let stack: Stack;
/** The CAs that clients trust so far. */
let bundle: string;

beforeAll(async () => {
  stack = await openStack(lab.name);
  await set("sites.code.certificateFrom", "internalCa");
  bundle = bundleOf(await stack.up());
});

afterAll(async () => {
  stack = await openStack(lab.name);
  await stack.up();
  for (const { address } of lab.hosts)
    expect((await certificateServed(address, domain, undefined)).issuer).toContain("lab");
});

const set = (path: string, value: string) => stack.setConfig(`protected-sites:${path}`, { value }, true);

const bundleOf = ({ outputs }: UpResult) => String(outputs["internalCa"]?.value);

const count = (pem: string) => pem.match(/BEGIN CERTIFICATE/g)?.length;

/** Asks all hosts, each time over a new connection, until the work is done. @returns what went wrong, and how many were asked */
async function whileAsking(ca: string, work: () => Promise<unknown>) {
  const failures: string[] = [];
  let asked = 0;
  let done = false;
  const ask = (address: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { host: address, servername: domain, path: "/", agent: false, ca };
      get({ ...options, headers: { host: domain, accept: "application/json" } }, (answer) => {
        answer.resume().on("end", () => {
          resolve(answer.statusCode);
        });
      }).on("error", reject);
    });
  const asking = lab.hosts.map(async ({ name, address }) => {
    while (!done) {
      const status = await ask(address).catch(String);
      asked += 1;
      if (status !== 401) failures.push(`${name}: ${status ?? ""}`);
    }
  });
  await work();
  done = true;
  await Promise.all(asking);
  return { asked, failures };
}

const shell = (host: string, script: string) => new HostShell(lab.name, host).shell(script);

test("only clients that trust the stack's CA trust the site", async () => {
  expect(count(bundle)).toBe(1);
  for (const { address } of lab.hosts) {
    const certificate = await certificateServed(address, domain, bundle);
    expect(certificate.subjectAltName).toBe(`DNS:${domain}`);
    await expect(certificateServed(address, domain, undefined)).rejects.toThrow();
    await expect(certificateServed(address, "wiki.lab.test", bundle)).rejects.toThrow();
  }
});

test("the private key is readable only by root on a host, and in no file that a reviewer sees", async () => {
  const key = `/etc/protected-sites/credentials/${domain}/current/privkey.pem`;
  for (const { name } of lab.hosts) {
    expect(await shell(name, `stat -Lc '%a %U:%G' ${key}`)).toBe("600 root:root");
    expect(await shell(name, `setpriv --reuid=oauth2-proxy --clear-groups cat ${key}`)).toContain("denied");
    expect(await shell(name, `grep -rl "PRIVATE KEY" /etc/protected-sites/sites /var/log; true`)).toBe("");
  }
});

test("a preview says when a CA expires", async () => {
  expect((await stack.preview()).stdout).not.toContain("CA 1 ends");
  await set("internalCa.expiryWarningDays", "3650");
  expect((await stack.preview()).stdout).toMatch(
    /warning: CA 1 expires on \d{4}-\d\d-\d\d, in 36\d\d days; add a generation to internalCa/,
  );
  await stack.removeConfig("protected-sites:internalCa.expiryWarningDays", true);
});

test("an update renews the certificate, and prepares the next CA, without a failed request", async () => {
  const before = await certificateServed(lab.hosts[0]?.address ?? "", domain, bundle);
  await set("internalCa.renewalDays", "31");
  await set("internalCa.generations[0]", "1");
  await set("internalCa.generations[1]", "2");
  let both = "";
  const { asked, failures } = await whileAsking(bundle, async () => (both = bundleOf(await stack.up())));

  expect(failures).toEqual([]);
  expect(asked).toBeGreaterThan(20);
  console.log(`${asked} requests over new connections while the certificate was renewed, 0 failed`);
  expect(count(both)).toBe(2);
  for (const { address } of lab.hosts) {
    // Who has only the old CA loses nothing yet.
    const after = await certificateServed(address, domain, bundle);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    expect(after.issuer).toBe(before.issuer);
  }
  bundle = both;
});

test("a switch to another CA causes no failed request for clients that trust both", async () => {
  const old = bundle.slice(0, bundle.indexOf("-----BEGIN", 10));
  await set("internalCa.signingGeneration", "2");
  const { asked, failures } = await whileAsking(bundle, () => stack.up());

  expect(failures).toEqual([]);
  console.log(`${asked} requests over new connections while another CA took over, 0 failed`);
  for (const { address } of lab.hosts) {
    expect((await certificateServed(address, domain, bundle)).issuer).toContain("CA 2");
    await expect(certificateServed(address, domain, old)).rejects.toThrow();
  }
});

test("a host refuses a certificate with another name or another key, and keeps the current one", async () => {
  const [{ name, address } = { name: "", address: "" }] = lab.hosts;
  const before = await certificateServed(address, domain, bundle);
  const current = `/etc/protected-sites/credentials/${domain}/current`;
  const push = (cn: string, key: string) =>
    shell(
      name,
      `cd /run && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x -addext subjectAltName=DNS:${cn} -keyout wrong.key -out wrong.pem 2>/dev/null
      python3 -c 'import json,sys; from pathlib import Path; c = Path("${current}"); r = lambda f: Path(f).read_text()
print(json.dumps(dict(domain="${domain}", tokenEndpoint="https://login.microsoftonline.com/x", clientId=r(c/"client.env").split("=")[1].split()[0], clientSecret=r(c/"client-secret"), cookieSecret=r(c/"cookie-secret"), certificate=r("wrong.pem"), certificateKey=r("${key}"))))' | protected-sites credentials; rm -f wrong.*`,
    );
  expect(await push("other.lab.test", "wrong.key")).toContain("not issued for code.lab.test");
  expect(await push(domain, `${current}/privkey.pem`)).toMatch(/failed in step 'certificate'[^]*mismatch/i);
  expect((await certificateServed(address, domain, bundle)).serialNumber).toBe(before.serialNumber);
});
