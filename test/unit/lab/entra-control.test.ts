/** The emulated Entra misbehaves on command, remembers, and tells no secrets. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { wikiReaders } from "../../lab/entra/directory.ts";
import { claimsOf, Trial, type TrialApplication } from "../../lab/entra/trial.ts";

let entra: Trial;
let site: TrialApplication;

beforeAll(async () => {
  entra = await Trial.start();
  site = await entra.register();
});
afterAll(() => entra.close());
beforeEach(() => entra.control.reset());

const proved = async ({ clientId, secret }: TrialApplication) => (await entra.prove(clientId, secret)).status;

describe("a new secret", () => {
  test("is rejected for the configured time, and an older one keeps working", async () => {
    await entra.control.behave({ newSecrets: { delaySeconds: 3600, meanwhile: "refuse" } });
    const fresh = await entra.register();
    const answer = await entra.prove(fresh.clientId, fresh.secret);
    expect([answer.status, answer.body["error_codes"]]).toEqual([401, [7000215]]);
    expect(await proved(site)).toBe(200);
  });

  test("becomes valid by itself", async () => {
    await entra.control.behave({ newSecrets: { delaySeconds: 0.5, meanwhile: "refuse" } });
    const fresh = await entra.register();
    await expect.poll(() => proved(fresh), { timeout: 10_000 }).toBe(200);
  });

  test("works every second time if replicas differ", async () => {
    await entra.control.behave({ newSecrets: { delaySeconds: 3600, meanwhile: "alternate" } });
    const fresh = await entra.register();
    const seen = [];
    for (let count = 0; count < 4; count++) seen.push(await proved(fresh));
    expect(seen).toEqual([401, 200, 401, 200]);
  });
});

test("Graph throttles as many calls as configured", async () => {
  await entra.control.behave({ throttle: { calls: 2, retryAfterSeconds: 7 } });
  const first = await entra.graph("GET", `/v1.0/groups/${wikiReaders}`);
  expect([first.status, first.headers["retry-after"]]).toEqual([429, "7"]);
  expect((await entra.graph("GET", `/v1.0/groups/${wikiReaders}`)).status).toBe(429);
  expect((await entra.graph("GET", `/v1.0/groups/${wikiReaders}`)).status).toBe(200);
});

test("two changes of secrets can run at the same time", async () => {
  await entra.control.behave({ concurrencyViolations: 1 });
  const path = `/v1.0/applications/${site.objectId}/addPassword`;
  const answer = await entra.graph("POST", path, {});
  expect(answer.status).toBe(409);
  expect(answer.body).toHaveProperty("error.code", "Directory_ConcurrencyViolation");
  expect((await entra.graph("POST", path, {})).status).toBe(200);
});

describe("an outage", () => {
  test("of one half leaves the other", async () => {
    await entra.control.behave({ outage: { login: "none", graph: "error" } });
    expect(await proved(site)).toBe(200);
    await entra.control.behave({ outage: { login: "refuse", graph: "none" } });
    await expect(proved(site)).rejects.toThrow(/socket hang up|ECONNRESET/);
    await entra.control.reset();
    expect(await proved(site)).toBe(200);
  });

  test("of both refuses connections until it ends", async () => {
    await entra.control.behave({ outage: { login: "refuse", graph: "refuse" } });
    await expect(proved(site)).rejects.toThrow(/ECONNREFUSED/);
    await entra.control.behave({ outage: { login: "none", graph: "none" } });
    expect(await proved(site)).toBe(200);
  });

  test("can hang", async () => {
    await entra.control.behave({ outage: { login: "hang", graph: "none" } });
    const asked = proved(site).catch(() => "cut");
    await expect.poll(async () => Promise.race([asked, Promise.resolve("waits")])).toBe("waits");
    await entra.control.behave({ outage: { login: "refuse", graph: "refuse" } });
    expect(await asked).toBe("cut");
  });
});

test("issued tokens can have another time and a short lifetime", async () => {
  await entra.control.behave({ clockSkewSeconds: -600, tokenLifetimeSeconds: 30 });
  const before = Math.floor(Date.now() / 1000);
  const { body } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
  const { iat, exp } = claimsOf(body["id_token"]) as { readonly iat: number; readonly exp: number };
  expect(exp - iat).toBe(330);
  expect(exp).toBeLessThan(before);
  expect(body["expires_in"]).toBe(30);
});

test("the next token reflects changed memberships", async () => {
  const all = await entra.register({ application: { groupMembershipClaims: "SecurityGroup" } });
  const groups = async () => {
    const { body } = await entra.redeem(all, (await entra.signIn(all, "bob")).get("code"));
    return claimsOf(body["id_token"])["groups"];
  };
  await entra.control.setGroups("bob", ["wiki-readers"]);
  expect(await groups()).toEqual([wikiReaders]);
  await entra.control.setGroupMembers(wikiReaders, ["ada"]);
  expect(await groups()).toBeUndefined();
});

test("a reset restores users and permissions, and keeps registrations", async () => {
  await entra.control.setGroups("ada", []);
  await entra.control.setEnabled("ada", false);
  await entra.control.setPermissions([]);
  await entra.control.reset();
  const { body } = await entra.graph("GET", `/v1.0/groups/${wikiReaders}/members`);
  expect(JSON.stringify(body)).toContain("ada@lab.test");
  expect((await entra.signIn(site, "ada")).get("code")).not.toBeNull();
});

test("after a key rollover the new key signs, and the old one is still published", async () => {
  const kid = async () => {
    const { body } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
    return (
      JSON.parse(Buffer.from(String(body["id_token"]).split(".")[0] ?? "", "base64url").toString()) as {
        kid: string;
      }
    ).kid;
  };
  const old = await kid();
  await entra.control.rollKeys();
  const fresh = await kid();
  const { body } = await entra.document("/lab.test/discovery/v2.0/keys");
  const published = (body["keys"] as { readonly kid: string }[]).map((key) => key.kid);
  expect(fresh).not.toBe(old);
  expect(published).toEqual(expect.arrayContaining([fresh, old]));
});

test("requests are logged without their content", async () => {
  await proved(site);
  const requests = await entra.control.requests();
  await entra.graph("GET", `/v1.0/groups/${wikiReaders}`);
  expect((await entra.control.requests()).at(-1)).toMatchObject({
    host: "graph",
    application: entra.deployer.clientId,
  });
  expect(requests.at(-1)).toEqual({
    time: expect.any(String) as string,
    host: "login",
    method: "POST",
    path: `/${entra.deployer.tenantId}/oauth2/v2.0/token`,
    client: "127.0.0.1",
    application: site.clientId,
    status: 200,
  });
  await entra.prove(site.clientId, "wrong");
  expect((await entra.control.requests()).at(-1)).toMatchObject({ status: 401, error: 7000215 });
  expect(JSON.stringify(requests)).not.toContain(site.secret);
});

test("remaining applications can be listed", async () => {
  const gone = await entra.register();
  await entra.graph("DELETE", `/v1.0/applications/${gone.objectId}`);
  const found = (await entra.control.applications()).find(({ clientId }) => clientId === gone.clientId);
  expect(found).toMatchObject({ deleted: true, servicePrincipalId: null, secrets: [{ keyId: gone.keyId }] });
});

test("an unknown command or behaviour is refused, with the known ones", async () => {
  await expect(entra.control.behave({ newSecret: 1 } as object)).rejects.toThrow(/newSecret/);
  await expect(entra.control.setEnabled("nobody", true)).rejects.toThrow(/ada, bob/);
});

test("a restart loses nothing, and the tenant's file contains no secret", async () => {
  const { body } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
  await entra.restart();
  expect(await proved(site)).toBe(200);
  expect((await entra.refresh(site, body["refresh_token"])).status).toBe(200);
  const text = await readFile(join(entra.directory, "entra.json"), "utf8");
  const secrets = [
    site.secret,
    entra.deployer.clientSecret,
    ...Object.values(entra.users).map(({ password }) => password),
  ];
  for (const secret of secrets) expect(text).not.toContain(secret);
  for (const file of await readdir(entra.directory))
    expect((await stat(join(entra.directory, file))).mode & 0o777).toBe(0o600);
});

test("of many refreshes the newest tokens stay", async () => {
  const { body } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
  const first = body["refresh_token"];
  let newest = first;
  for (let count = 0; count < 60; count++) newest = (await entra.refresh(site, newest)).body["refresh_token"];
  expect((await entra.refresh(site, newest)).status).toBe(200);
  expect((await entra.refresh(site, first)).status).toBe(400);
});

test("a file of another version is replaced by a new tenant", async () => {
  const other = await Trial.start();
  try {
    const { clientId, clientSecret } = other.deployer;
    await other.restart(() => writeFile(join(other.directory, "entra.json"), '{"users":[]}'));
    expect((await other.prove(clientId, clientSecret)).status).toBe(400);
  } finally {
    await other.close();
  }
});

test("a reset of the directory leaves passwords and the deployer's secret valid", async () => {
  await entra.control.reset({ directory: true });
  expect((await entra.prove(site.clientId, site.secret)).body["error_codes"]).toEqual([700016]);
  const again = await entra.register();
  expect((await entra.signIn(again, "ada")).get("code")).not.toBeNull();
});
