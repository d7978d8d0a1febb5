/**
 * The three example environments on the real hosts: who of the lab's people enters what. `npm run test:entry` deploys
 * all 20 sites of the company, and those of its own rules in every session store, and renews sessions three times.
 */
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from "jose";
import { parseDocument } from "yaml";

import { signOutPath } from "../../components/site/names.ts";
import { openBrowser, signIn } from "../lab/browser.ts";
import { EntraControl } from "../lab/entra/control.ts";
import { type Person, readCredentials, tenantId, type UserKey } from "../lab/entra/directory.ts";
import type { Tenant } from "../lab/entra/model.ts";
import { leastPermissions } from "../lab/entra/permissions.ts";
import type { Page, Visitor } from "../lab/entra/visitor.ts";
import { echoOverWebSocket, navigation, request } from "../lab/http.ts";
import { type LabRedis, startRedis } from "../lab/redis.ts";
import { openStack } from "../lab/stack.ts";
import { close } from "./close.ts";
import { exampleSites, otherStores } from "./examples.ts";
import { lab } from "./instance.ts";
import { certify, everywhere } from "./on-hosts.ts";
import { cookieHeader, echoOf, newPage, openAs, shownIdentity, tokenFor, visitorOf } from "./people.ts";

const everything = process.env["EVERY_SITE"] !== undefined;
const renewals = everything ? 3 : 1;
const entra = new EntraControl("http://192.0.2.2:8400");
const { users: people, deployer: robot } = readCredentials(lab.state);
const [first = "", ...otherHosts] = lab.hosts.map(({ address }) => address);
const api = { accept: "application/json" };
const exampleMembers: Readonly<Record<string, readonly UserKey[]>> = {
  "All staff": ["ada", "bob", "grace", "hedy"],
  Editors: ["grace"],
  Developers: ["bob", "grace"],
  Operations: ["ada"],
  "Partner portal": ["eve"],
  Auditors: ["bob"],
};
/** A site that tells the application both tokens of whoever is there, one of them for an API of the company's own. */
const tokensSite = "tokens.company.lab.test";
let apiId: string;
let stack: Stack;
let redis: LabRedis;
let browser: Browser;
let domains: readonly string[];

beforeAll(async () => {
  // Puts the examples' groups into a directory that was made before there were any.
  await entra.reset();
  for (const [group, users] of Object.entries(exampleMembers)) await entra.setGroupMembers(group, users);
  redis = await startRedis(lab);
  stack = await openStack(lab.name);
  const sites = await exampleSites(redis, robot.objectId, everything);
  sites["tokens"] = {
    domain: tokensSite,
    port: 4190,
    upstream: "http://192.0.2.3:8001",
    emailDomains: ["lab.test"],
    identityHeaders: ["user", "groups", "accessToken", "idToken"],
    accessTokenScope: `api://${await ownApi()}/read`,
  };
  domains = Object.values(sites).map(({ domain }) => String(domain));
  await Promise.all(domains.map(certify));
  // Sessions are renewed while the test looks.
  for (const name of ["build-company", "files-small-office", "tokens"])
    Object.assign(sites[name] ?? {}, { cookieRefresh: "2s" });
  Object.assign(sites["files-small-office"] ?? {}, { conditionalAccess: {} });
  Object.assign(sites["build-company"] ?? {}, {
    conditionalAccess: { mfa: false, signInFrequencyHours: 1, state: "enabled" },
  });
  Object.assign(sites["news-company"] ?? {}, {
    roles: [{ value: "user", groups: ["All staff"], applications: [robot.objectId] }],
    identityHeaders: ["user", "email", "roles", "idToken"],
    proxyPrefix: "/_sign-in",
  });

  const settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  const file = parseDocument(await readFile(settings, "utf8"));
  for (const [name, site] of Object.entries(sites))
    file.setIn(["config", "protected-sites:sites", name], site);
  // In quotes, or the engine takes a day for a moment.
  await writeFile(settings, file.toString({ lineWidth: 0, defaultStringType: "QUOTE_DOUBLE" }));
  await stack.setConfig("protected-sites:redisPassword", { value: redis.password, secret: true });
  browser = await openBrowser({ ca: lab.ca, args: [`--host-resolver-rules=MAP *.*.lab.test ${first}`] });
}, 600_000);

afterAll(async () => {
  await close(browser);
  try {
    await entra.reset();
    stack = await openStack(lab.name);
    await stack.up();
    await graph("DELETE", `applications/${apiId}`, {});
    await everywhere(`rm -rf ${domains.map((domain) => `/data/certs/${domain}`).join(" ")}`);
  } finally {
    await close(redis);
  }
}, 600_000);

/** Calls Microsoft Graph as the deployer. */
async function graph(method: string, path: string, body: object): Promise<Record<string, string>> {
  const response = await fetch(`https://graph.microsoft.com/v1.0/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await tokenFor(robot, "https://graph.microsoft.com/.default")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as Record<string, string>;
}

/** Registers an API whose tokens name all groups of a person. @returns its client ID */
async function ownApi(): Promise<string> {
  const read = { id: "7e57ab1e-0000-4000-8000-0000000000aa", value: "read", type: "User", isEnabled: true };
  const { id, appId = "" } = await graph("POST", "applications", {
    displayName: "An API",
    groupMembershipClaims: "SecurityGroup",
    api: { requestedAccessTokenVersion: 2, oauth2PermissionScopes: [read] },
  });
  apiId = id ?? "";
  await graph("PATCH", `applications/${apiId}`, { identifierUris: [`api://${appId}`] });
  await graph("POST", "servicePrincipals", { appId });
  return appId;
}

test("a deployer that lacks a permission is told which one, before and while something is created", async () => {
  const messageOf = (run: Promise<unknown>) =>
    run.then(
      () => "it went well",
      (error: unknown) => String(error),
    );
  await entra.setPermissions(leastPermissions);
  expect(await messageOf(stack.preview())).toMatch(
    /user "\w+@lab.test" cannot be looked up in Entra: the deployer lacks the application permission User.Read.All/,
  );
  const all = [...leastPermissions, "User.Read.All"] as const;
  await entra.setPermissions(all.filter((it) => it !== "AppRoleAssignment.ReadWrite.All"));
  expect(await messageOf(stack.up())).toMatch(
    /: the deployer lacks the application permission AppRoleAssignment.ReadWrite.All/,
  );
}, 600_000);

test("the three examples go live", async () => {
  await entra.setPermissions([...leastPermissions, "User.Read.All"]);
  await stack.up();
  for (const domain of domains)
    for (const address of [first, ...otherHosts])
      expect((await request({ url: `https://${domain}/`, address, headers: api })).status).toBe(401);
}, 600_000);

/** A site's rule, in the words of who keeps it, and who of the people it lets in. */
interface Rule {
  readonly site: string;
  readonly says: string;
  readonly enter: readonly UserKey[];
  /** A part of the site, and who enters it. */
  readonly part?: readonly [path: string, enter: readonly UserKey[]];
}

const members: readonly UserKey[] = ["ada", "bob", "grace", "hedy"];
const usualRules: readonly Rule[] = [
  { site: "code.lab.test", says: "cookie; everybody of the e-mail domain", enter: members },
  { site: "wiki.lab.test", says: "cookie; one group", enter: ["ada"] },
  { site: "wiki.office.lab.test", says: "cookie; everybody of the e-mail domain", enter: members },
  {
    site: "wiki.company.lab.test",
    says: "redis; roles, and a part for editors",
    enter: members,
    part: ["/admin/x", ["ada", "grace"]],
  },
  {
    site: "build.company.lab.test",
    says: "redis; roles, and a part for operators",
    enter: ["ada", "bob", "grace"],
    part: ["/settings", ["ada"]],
  },
  { site: "partners.company.lab.test", says: "redis; guests with a role", enter: ["eve"] },
  { site: "news.company.lab.test", says: "redis; one role for a group", enter: members },
  {
    site: "vault.secure.lab.test",
    says: "minimal; roles, a second factor, and a part for keepers",
    enter: ["ada", "bob", "grace"],
    part: ["/keys/1", ["ada", "grace"]],
  },
];

/** The company's other sites, and the rules of its own in every other store. */
const furtherRules: readonly Rule[] = [
  ..."analytics archive assets billing calendar chat crm desk docs forms forum helpdesk hr intranet inventory planning"
    .split(" ")
    .map((name) => ({
      site: `${name}.company.lab.test`,
      says: "redis; one role for a group",
      enter: members,
    })),
  { site: "files.office.lab.test", says: "cookie; everybody of the e-mail domain", enter: members },
  ...usualRules
    .filter(({ site }) => site.endsWith(".company.lab.test"))
    .flatMap((rule) =>
      otherStores.map((store) => ({
        ...rule,
        site: rule.site.replace(".company.", `.${store}.`),
        says: rule.says.replace("redis", store),
      })),
    ),
];
const rules = everything ? [...usualRules, ...furtherRules] : usualRules;

/** Signs in at the site as far as it goes. */
async function enter(visitor: Visitor, site: string, person: Person): Promise<Page> {
  const page = await visitor.signIn(await visitor.open(`https://${site}/`, { headers: navigation }), person);
  return page.body.includes("Simulated second factor") ? visitor.submit(page, { approve: "yes" }) : page;
}

const tried = { signIns: 0, requests: 0 };
const otherwise: string[] = [];

describe.each(rules)("$site ($says)", ({ site, enter: may, part }) => {
  test.each(Object.entries(people) as [UserKey, Person][])("%s", async (key, person) => {
    let address = first;
    const visitor = visitorOf(lab, () => address);
    const page = await enter(visitor, site, person);
    const inside =
      new URL(page.url).hostname === site && page.body.includes(`id="user">${person.userPrincipalName}<`);
    tried.signIns += 1;
    if (inside !== may.includes(key)) otherwise.push(`${key} at ${site}: ${page.url} ${page.status}`);

    const ways: [path: string, allowed: boolean][] = [["/", may.includes(key)]];
    if (part !== undefined) ways.push([part[0], may.includes(key) && part[1].includes(key)]);
    for (address of [first, ...otherHosts])
      for (const [path, allowed] of ways) {
        const { status } = await visitor.fetch(`https://${site}${path}`, { headers: api });
        tried.requests += 1;
        if (status !== (allowed ? 200 : may.includes(key) ? 403 : 401))
          otherwise.push(`${key} at ${site}${path} on ${address}: ${status}`);
      }
    expect(otherwise).toEqual([]);
  });
});

test("no sign-in and no request went otherwise than its rule says", () => {
  console.log({ sites: rules.length, ...tried, otherwise: otherwise.length });
  const judged = rules.map(({ site }) => site);
  if (everything) expect(domains.filter((it) => it !== tokensSite && !judged.includes(it))).toEqual([]);
  expect(otherwise).toEqual([]);
  expect(tried.signIns).toBe(rules.length * Object.keys(people).length);
});

test.each([
  ["a Redis", "build.company.lab.test"],
  ["cookies", "files.office.lab.test"],
])("20 parallel requests that renew a session in %s sign nobody out", async (_, site) => {
  let count = 0;
  const addresses = [first, ...otherHosts];
  const visitor = visitorOf(lab, () => addresses[count++ % addresses.length] ?? first);
  await enter(visitor, site, people.bob);
  for (let round = 0; round < renewals; round++) {
    await entra.clearRequests();
    // Older than cookieRefresh, in whole seconds.
    await sleep(3200);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => visitor.fetch(`https://${site}/`, { headers: api })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const asked = (await entra.requests()).filter(({ path }) => path.endsWith("/token"));
    expect(asked.length).toBeGreaterThan(0);
  }
});

test("with a proxyPrefix, the sign-in is there, and paths below /oauth2/ belong to the backend", async () => {
  const page = await newPage(browser);
  const callbacks: string[] = [];
  page.on("request", (it) => {
    const { pathname } = new URL(it.url());
    if (pathname.endsWith("/callback")) callbacks.push(pathname);
  });
  await page.goto("https://news.company.lab.test/oauth2/start?x=1");
  await signIn(page, people.ada);
  await page.waitForURL("https://news.company.lab.test/oauth2/start?x=1");
  expect(callbacks).toEqual(["/_sign-in/callback"]);
  expect(await page.locator("#url").textContent()).toBe("/oauth2/start?x=1");

  const url = "https://news.company.lab.test/oauth2/auth";
  const cookie = await cookieHeader(page.context(), "https://news.company.lab.test/");
  const ask = (headers: Record<string, string>) =>
    request({ url, address: first, headers: { ...api, ...headers } });
  expect(JSON.parse((await ask({ cookie })).body)).toMatchObject({ url: "/oauth2/auth" });
  expect((await ask({})).status).toBe(401);
});

test("with a Redis, signing out invalidates every copy of the cookie, also at Entra, and a page says so", async () => {
  const page = await openAs(browser, people.ada, "https://news.company.lab.test/");
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
  const cookie = await cookieHeader(page.context(), "https://news.company.lab.test/");
  const ask = () =>
    request({ url: "https://news.company.lab.test/", address: first, headers: { ...api, cookie } });
  expect((await ask()).status).toBe(200);
  const before = (await redis.ask("KEYS", "*news_company*")).length;

  await page.goto(
    `https://news.company.lab.test${signOutPath({ domain: "news.company.lab.test", proxyPrefix: "/_sign-in" }, tenantId)}`,
  );
  await page.waitForURL("https://news.company.lab.test/_sign-in/signed-out");
  expect(await page.getByRole("heading").textContent()).toBe("You are signed out of news.company.lab.test");
  expect((await ask()).status).toBe(401);
  expect(await redis.ask("KEYS", "*news_company*")).toHaveLength(before - 1);

  await page.goto("https://news.company.lab.test/");
  expect(await page.locator("input[name=loginfmt]").isVisible()).toBe(true);
});

test("with high security, a second factor but no consent is requested, and the application gets only the UPN", async () => {
  const page = await newPage(browser);
  await page.goto("https://vault.secure.lab.test/");
  await signIn(page, people.ada);
  expect(await page.getByRole("heading").textContent()).toBe("Approve sign in request");
  await page.getByRole("button", { name: "Simulated second factor" }).click();
  await page.waitForURL("https://vault.secure.lab.test/");
  expect(await shownIdentity(page)).toEqual({ "x-auth-request-user": "ada@lab.test" });
});

test("a report-only policy lets people sign in without a second factor, and is in Entra's log", async () => {
  await entra.clearRequests();
  const page = await enter(
    visitorOf(lab, () => first),
    "files.office.lab.test",
    people.bob,
  );
  expect(page.body).toContain('id="user">bob@lab.test<');
  const signIns = (await entra.signIns()).filter(({ code }) => code === 0);
  expect(signIns.flatMap(({ policies }) => policies)).toEqual([
    { displayName: "Protected site files.office.lab.test", result: "reportOnlyFailure" },
  ]);
});

test("users whose sign-in is older than the policy allows have to enter the password when the session is renewed", async () => {
  const site = "build.company.lab.test";
  const visitor = visitorOf(lab, () => first);
  const status = async () => (await visitor.fetch(`https://${site}/`, { headers: api })).status;
  await enter(visitor, site, people.bob);
  expect(await status()).toBe(200);

  await entra.ageSignIns("bob", 2);
  await sleep(3200);
  expect(await status()).toBe(401);
  const asked = await visitor.open(`https://${site}/`, { headers: navigation });
  expect(new URL(asked.url).hostname).toBe("login.microsoftonline.com");
  const inside = await visitor.submit(asked, {
    loginfmt: people.bob.userPrincipalName,
    passwd: people.bob.password,
  });
  expect(inside.body).toContain('id="user">bob@lab.test<');
  await sleep(3200);
  expect(await status()).toBe(200);
});

test("both tokens of somebody in 150 groups reach the application, and a renewed session all of its cookies", async () => {
  const registrations = (await entra.applications()).filter(
    ({ displayName, deleted }) => !deleted && displayName === `Protected site ${tokensSite}`,
  );
  for (const { objectId } of registrations)
    await graph("PATCH", `applications/${objectId}`, { groupMembershipClaims: "SecurityGroup" });
  const url = `https://${tokensSite}/`;
  const visitor = visitorOf(lab, () => first);
  const session = () =>
    new Map(
      visitor
        .cookieHeader(url)
        .split("; ")
        .map((it) => [it.split("=")[0] ?? "", it] as const),
    );
  await enter(visitor, tokensSite, people.grace);
  for (let round = 0; round < renewals; round++) {
    const before = session();
    expect(before.size).toBeGreaterThan(5);
    await entra.clearRequests();
    await sleep(3200);
    const { headers } = echoOf(await visitor.fetch(url, { headers: api }));
    const [bearer = ""] = headers["authorization"] ?? [];
    for (const token of [bearer.replace("Bearer ", ""), headers["x-auth-request-access-token"]?.[0] ?? ""])
      expect(decodeJwt(token)["groups"]).toHaveLength(153);
    expect(headers["x-auth-request-groups"]?.[0]?.split(",")).toHaveLength(153);
    expect((await entra.requests()).filter(({ path }) => path.endsWith("/token"))).toHaveLength(1);
    const after = session();
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [name, cookie] of after) expect(cookie, name).not.toBe(before.get(name));
  }
});

test("a person's own ID token is that person, where programs are let in, and nobody anywhere else", async () => {
  const visitor = visitorOf(lab, () => first);
  await enter(visitor, "news.company.lab.test", people.bob);
  const page = await visitor.fetch("https://news.company.lab.test/", { headers: api });
  const [authorization = ""] = echoOf(page).headers["authorization"] ?? [];
  const calls = (site: string) =>
    request({ url: `https://${site}/`, address: first, headers: { ...api, authorization } });

  const { headers } = echoOf(await calls("news.company.lab.test"));
  expect(headers["x-auth-request-user"]).toEqual(["bob@lab.test"]);
  expect(headers["x-auth-request-roles"]).toEqual(["user"]);
  // The first lets programs in, too, but the token is not for it.
  for (const site of ["build.company.lab.test", "wiki.company.lab.test", "files.office.lab.test"])
    expect((await calls(site)).status).toBe(401);
});

test("an API path and a WebSocket get 401, a build server its open path, and a backend the response to its own sign-in", async () => {
  const at = { address: first };
  const site = "https://build.company.lab.test";
  expect((await request({ ...at, url: `${site}/api/builds`, headers: api })).status).toBe(401);
  expect(await echoOverWebSocket({ ...at, url: `${site}/ws` }, "hello")).toBe(401);
  // What an identity provider has a browser send: a form of another site's, with which no session cookie comes.
  const form = { "content-type": "application/x-www-form-urlencoded", origin: "https://idp.test", ...api };
  const saml = { ...at, url: `${site}/saml/acs`, headers: { ...form, "sec-fetch-site": "cross-site" } };
  const answer = await request({ ...saml, method: "POST", body: "SAMLResponse=x" });
  expect(echoOf(answer)).toMatchObject({ method: "POST", url: "/saml/acs", bodyLength: 14 });
  expect((await request(saml)).status).toBe(401);
  const push = (method: string) => request({ ...at, url: `${site}/hooks/push`, method, headers: api });
  expect((await push("POST")).status).toBe(200);
  expect((await push("GET")).status).toBe(401);
});

describe("a program with a role", () => {
  const site = "https://build.company.lab.test";
  let clientIds: Readonly<Record<string, string>>;
  let token: string;

  /** A token of the robot's for a site. */
  const tokenOf = (name: string) => tokenFor(robot, `${clientIds[name] ?? ""}/.default`);
  const call = (authorization: string, path = "/api/builds") =>
    request({ url: `${site}${path}`, address: first, headers: { ...api, authorization } });

  /** Signed by Entra's own key, with other claims. */
  const forged = async (claims: object) => {
    const { signingKeys } = JSON.parse(readFileSync(join(lab.state, "entra.json"), "utf8")) as Pick<
      Tenant,
      "signingKeys"
    >;
    const { kid } = decodeProtectedHeader(token);
    const key = signingKeys.find((it) => it.kid === kid);
    return new SignJWT({ ...decodeJwt(token), ...claims })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: kid ?? "" })
      .sign(await importJWK(key?.privateJwk ?? {}, "RS256"));
  };

  beforeAll(async () => {
    clientIds = (await stack.outputs())["clientIds"]?.value as Readonly<Record<string, string>>;
    token = await tokenOf("build-company");
  });

  test("enters with its own token, and the backend gets its identity but not the token", async () => {
    const { headers } = echoOf(await call(`Bearer ${token}`));
    expect(headers).toMatchObject({
      "x-auth-request-email": [robot.objectId],
      "x-auth-request-roles": ["developer"],
    });
    expect(headers["authorization"]).toBeUndefined();
    expect(headers["x-auth-request-user"]).toBeUndefined();
    expect(echoOf(await call(`Bearer ${await forged({})}`)).headers["x-auth-request-roles"]).toEqual([
      "developer",
    ]);
  });

  test("is held by the rules of paths, as people are", async () => {
    expect((await call(`Bearer ${token}`, "/settings")).status).toBe(403);
    expect((await call(`Bearer ${token}`, "/settings/x")).status).toBe(403);
    expect((await call(`Bearer ${token}`, "/Settings")).status).toBe(404);
    expect((await call(`Bearer ${token}`, "//settings")).status).toBe(403);
    expect((await call(`Bearer ${token}`, "/settings;x")).status).toBe(400);
  });

  test.each<[what: string, token: () => string | Promise<string>]>([
    ["for another site", () => tokenOf("code")],
    ["for Microsoft Graph", () => tokenFor(robot, "https://graph.microsoft.com/.default")],
    ["for another audience", () => forged({ aud: "7e57ab1e-0000-4000-8000-0000000000ff" })],
    [
      "of another tenant",
      () => forged({ iss: "https://login.microsoftonline.com/e15e0000-0000-4000-8000-000000000001/v2.0" }),
    ],
    ["that has expired", () => forged({ exp: Math.floor(Date.now() / 1000) - 60 })],
    [
      "without a signature",
      () =>
        `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${token.split(".")[1] ?? ""}.x`,
    ],
    ["with another's signature", () => `${token.split(".").slice(0, 2).join(".")}.${"A".repeat(342)}`],
  ])("a token %s gets 401", async (_, made) => {
    expect((await call(`Bearer ${await made()}`)).status).toBe(401);
  });

  test("another application's token is refused, whatever role it contains", async () => {
    const others = {
      sub: "7e57ab1e-0000-4000-8000-0000000000fe",
      oid: "7e57ab1e-0000-4000-8000-0000000000fe",
    };
    expect((await call(`Bearer ${await forged(others)}`)).status).toBe(401);
    expect((await call(`Bearer ${await forged({ roles: ["reader"] })}`)).status).toBe(401);
    expect((await call(`Bearer ${await forged({ roles: [] })}`)).status).toBe(401);
  });

  test("the scheme is case-insensitive, as everywhere in HTTP", async () => {
    expect(echoOf(await call(`bearer ${token}`)).headers["x-auth-request-roles"]).toEqual(["developer"]);
    expect((await call(`BEARER ${token}`)).status).toBe(200);
  });

  test("no other form of the header is read, and no other site reads any", async () => {
    const basic = Buffer.from(`${token}:x-oauth-basic`).toString("base64");
    expect((await call(`Basic ${basic}`)).status).toBe(401);
    expect((await call(`bearer bearer ${token}`)).status).toBe(401);
    const elsewhere = request({
      url: "https://wiki.company.lab.test/",
      address: first,
      headers: { ...api, authorization: `Bearer ${await tokenOf("wiki-company")}` },
    });
    expect((await elsewhere).status).toBe(401);
  });
});
