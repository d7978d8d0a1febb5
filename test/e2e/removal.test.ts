/** A site that comes, takes another name, and goes: nothing of it stays behind. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDocument } from "yaml";

import { withoutHost } from "../../infra/commands/forget-host.ts";
import { EntraControl } from "../lab/entra/control.ts";
import { navigation } from "../lab/http.ts";
import { type LabRedis, startRedis } from "../lab/redis.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { certify, everywhere, shellOn, sshOff, sshOn } from "./on-hosts.ts";
import { visitorOf } from "./people.ts";

const [first] = lab.hosts;
const entra = new EntraControl("http://192.0.2.2:8400");
const domains = ["docs.lab.test", "manual.lab.test"] as const;
/** What others keep in the same Redis: a site whose name is longer, and somebody else. */
const othersKeys = ["__Host-_oauth2_proxy_manual_lab_test_2-1", "somebody-else"];
let stack: Stack;
let redis: LabRedis;

beforeAll(async () => {
  redis = await startRedis(lab);
  for (const key of othersKeys) await redis.ask("SET", key, "1");
  stack = await openStack(lab.name);
  await stack.setConfig("protected-sites:redisPassword", { value: redis.password, secret: true });
  for (const domain of domains) await certify(domain);
});

afterAll(async () => {
  try {
    stack = await openStack(lab.name);
    await stack.up();
  } finally {
    await close(redis);
  }
  await everywhere(`rm -rf /run/asking ${domains.map((domain) => `/data/certs/${domain}`).join(" ")}`);
});

async function setDocs(settings: Readonly<Record<string, string>>): Promise<void> {
  await setAll(stack, settings, "sites.docs.");
}

/** Files, links and units whose name holds the domain, on all hosts; logs and the test's own certificates aside. */
async function leftOf(domain: string): Promise<string[]> {
  const found = await everywhere(`
    find / -xdev -name '*${domain}*' -not -path '/data/certs/*' -not -path '/var/log/*' -not -path '/proc/*' || true
    systemctl list-units --all --plain --no-legend '*${domain}*' || true`);
  return found.flatMap((text) => text.split("\n").filter(Boolean));
}

async function registered(): Promise<string[]> {
  const applications = await entra.applications();
  return applications
    .filter(({ deleted }) => !deleted)
    .map(({ displayName }) => displayName)
    .sort();
}

/** What Nginx on the first host answers with for the domain, asked there. */
async function answering(domain: string): Promise<string> {
  const url = `https://${domain}/.well-known/protected-sites/generation`;
  const [answer = ""] = await everywhere(
    `curl --silent --insecure --resolve ${domain}:443:127.0.0.1 ${url} || true`,
  );
  return answer;
}

/** Signs somebody in, who thereby has a session in the Redis. */
async function signIn(domain: string): Promise<void> {
  const visitor = visitorOf(lab, () => first?.address ?? "");
  const form = await visitor.open(`https://${domain}/`, { headers: navigation });
  expect((await visitor.signIn(form, people.ada)).body).toContain("ada@lab.test");
}

/** The keys in the Redis that are a site's. */
const sessionsOf = (domain: string) =>
  redis.ask("KEYS", `__Host-_oauth2_proxy_${domain.replaceAll(".", "_")}-*`);

/** What the first host says of having to forget a site's sessions. */
async function forgetting(settings: object) {
  const given = {
    tls: true,
    database: 0,
    host: redis.host,
    port: redis.port,
    password: redis.password,
    ...settings,
  };
  return shellOn(first?.name ?? "", "protected-sites forget-sessions 2>&1", JSON.stringify(given));
}

test("a new site goes live on every host", async () => {
  await setDocs({
    domain: domains[0],
    port: "4182",
    upstream: "http://192.0.2.3:8001",
    "emailDomains[0]": "lab.test",
    sessionStore: "redis",
    "redis.host": redis.host,
    "redis.port": String(redis.port),
  });
  await stack.up();
  expect(await answering(domains[0])).toBe("docs.lab.test 1");
  expect(await registered()).toContain("Protected site docs.lab.test");
  await signIn(domains[0]);
  expect(await sessionsOf(domains[0])).toHaveLength(1);
});

test("a host that still serves a site keeps its sessions, whoever runs the removal", async () => {
  const cookieName = "__Host-_oauth2_proxy_docs_lab_test";
  expect(await forgetting({ domain: domains[0], cookieName })).toContain(
    "sessions kept, the site is live here",
  );
  await expect(forgetting({ domain: domains[1], cookieName: "*" })).rejects.toThrow(/cookieName must be/);
  expect(await sessionsOf(domains[0])).toHaveLength(1);
});

test("a Redis that does not delete sessions is reported, and does not block a removal", async () => {
  // As a set-up that was taken over may call it.
  const gone = { domain: "gone.lab.test", cookieName: "_oauth2_proxy" };
  expect(await forgetting({ ...gone, port: 1 })).toMatch(
    /still in the Redis at .*:1, .*: .*Connection refused/,
  );
  expect(await forgetting({ ...gone, password: "wrong" })).toMatch(/still in the Redis at .*: WRONGPASS/);
});

test("under another domain it is another site, and nothing of the old one stays", async () => {
  await setDocs({ domain: domains[1] });
  await stack.up();
  expect(await answering(domains[1])).toBe("manual.lab.test 1");
  expect(await answering(domains[0])).toBe("");
  expect(await leftOf(domains[0])).toEqual([]);
  expect(await sessionsOf(domains[0])).toEqual([]);
});

test("with one host less, sessions stay for the others", async () => {
  await signIn(domains[1]);
  const file = join(lab.state, "stack/Pulumi.local.yaml");
  const text = await readFile(file, "utf8");
  const document = parseDocument(text);
  document.deleteIn(["config", "protected-sites:hosts", 0]);
  await writeFile(file, document.toString({ lineWidth: 0 }));
  const { stdout } = await stack.preview({ color: "never" });
  await writeFile(file, text);
  expect(stdout).toMatch(/docs-edge-1 +delete/);
  expect(stdout).toMatch(/docs-sessions +update/);
});

test("removed from the file, it is removed from every host, from Entra and from the Redis, and the others are unchanged", async () => {
  const before = await Promise.all(["code.lab.test", "wiki.lab.test"].map(answering));
  await stack.removeConfig("protected-sites:sites.docs", true);
  await stack.up();
  expect(await leftOf(domains[1])).toEqual([]);
  expect((await registered()).join()).not.toContain("manual.lab.test");
  expect(await Promise.all(["code.lab.test", "wiki.lab.test"].map(answering))).toEqual(before);
  expect((await redis.ask("KEYS", "*")).sort()).toEqual(othersKeys);
});

test("a renamed site stays up all the time, with its registration and its secrets", async () => {
  const rename = async (from: string, to: string, settings: Readonly<Record<string, string>>) => {
    const file = join(lab.state, "stack/Pulumi.local.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(`    ${from}:\n`, `    ${to}:\n`));
    await setAll(stack, settings);
  };
  // Over HTTP/2, a reload may close a new connection before its request (docs/faults.md).
  const ask =
    "curl --http1.1 -sko /dev/null -w '%{http_code}\\n' --resolve wiki.lab.test:443:127.0.0.1 https://wiki.lab.test/";
  await everywhere(
    `rm -f /run/asked; touch /run/asking; (while [ -e /run/asking ]; do ${ask}; sleep 0.05; done) >>/run/asked 2>&1 &`,
  );
  const answers = async () =>
    (await everywhere("sort -u /run/asked; : >/run/asked")).map((text) => text.split("\n"));
  const before = await registered();

  await rename("wiki", "intranet", { "renamedSites.intranet": "wiki" });
  const { summary } = await stack.up();
  expect(Object.keys(summary.resourceChanges ?? {}).sort()).toEqual(["same", "update"]);
  expect(await registered()).toEqual(before);

  expect(await answers()).toEqual(lab.hosts.map(() => ["401"]));

  // Without a word of the old name it is another site to the engine, but not to the hosts.
  stack = await openStack(lab.name);
  await stack.up();
  expect(await registered()).toEqual(before);

  await everywhere("rm /run/asking");
  expect(await answers()).toEqual(lab.hosts.map(() => ["401"]));
}, 240_000);

test("a host that no longer exists is forgotten without connecting to it, and the others are unchanged", async () => {
  const second = lab.hosts[1];
  await shellOn(second?.name ?? "", sshOff);
  try {
    const { state, gone } = withoutHost((await stack.exportStack()) as Exported, second?.name ?? "");
    expect(gone.length).toBe(1 + 4 + 2 * 2);
    await stack.importStack(state);
    const file = join(lab.state, "stack/Pulumi.local.yaml");
    const document = parseDocument(await readFile(file, "utf8"));
    document.deleteIn(["config", "protected-sites:hosts", 1]);
    await writeFile(file, document.toString({ lineWidth: 0 }));

    const { summary } = await stack.up();
    expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["same"]);
  } finally {
    await shellOn(second?.name ?? "", sshOn);
  }
});

type Exported = Awaited<ReturnType<Stack["exportStack"]>> & Parameters<typeof withoutHost>[0];
