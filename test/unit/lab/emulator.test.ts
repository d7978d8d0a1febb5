/** The lab's Entra, asked as a browser, an application and the azuread provider ask the real one. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request as tlsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import type { JSONWebKeySet } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { entraNames } from "../../lab/addresses.ts";
import { type Certificate, certify, makeAuthority } from "../../lab/certificates.ts";
import { EntraControl } from "../../lab/emulator/control.ts";
import { type Deployer, readPeople, tenantId, wikiReaders } from "../../lab/emulator/directory.ts";
import { type Entra, startEntra } from "../../lab/emulator/main.ts";

type Json = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Json;
}

const state = mkdtempSync(join(tmpdir(), "protected-sites-entra-"));
const redirectUri = "https://wiki.lab.test/oauth2/callback";
const signedOut = "https://wiki.lab.test/oauth2/signed-out";
const tenant = `https://login.microsoftonline.com/${tenantId}`;
const scope = "openid profile email offline_access";
const graphScope = "https://graph.microsoft.com/.default";

let ca = "";
let tls: Certificate;
let entra: Entra;
let control: EntraControl;
let deployer: Deployer;
let token = "";

beforeAll(async () => {
  const authority = await makeAuthority("unit");
  ca = authority.certificate;
  tls = await certify(authority, entraNames);
  entra = await startEntra({ state, listen: "127.0.0.1", port: 0, controlPort: 0, ...tls });
  control = new EntraControl(entra.controlUrl);
  deployer = JSON.parse(readFileSync(join(state, "deployer.json"), "utf8")) as Deployer;
  token = await deployerToken();
});

beforeEach(() => control.reset());

afterAll(async () => {
  await entra.close();
  rmSync(state, { recursive: true });
});

function ask(
  url: string,
  {
    method = "GET",
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { host, hostname, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = tlsRequest(
      {
        ...{ host: "127.0.0.1", port: entra.port, servername: hostname, ca, method, agent: false },
        path: pathname + search,
        headers: { host, ...headers },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => {
          const json = /^[[{]/.test(text) ? (JSON.parse(text) as Json) : {};
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

const form = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  ask(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields).toString(),
  });

const askToken = (fields: Record<string, string>) => form(`${tenant}/oauth2/v2.0/token`, fields);

async function deployerToken(): Promise<string> {
  const { clientId, clientSecret } = deployer;
  const fields = { client_id: clientId, client_secret: clientSecret, scope: graphScope };
  return String((await askToken({ grant_type: "client_credentials", ...fields })).json["access_token"]);
}

async function graph(method: string, path: string, body?: unknown): Promise<Answer> {
  return ask(`https://graph.microsoft.com/v1.0${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

interface Site {
  readonly id: string;
  readonly appId: string;
  readonly principal: string;
  readonly secret: string;
}

/** A registration as the program makes it: for everybody, or for the group. */
async function register({ group = false, consent = true } = {}): Promise<Site> {
  const owner = decodeJwt(token)["oid"] as string;
  const owners = { "owners@odata.bind": [`https://graph.microsoft.com/v1.0/directoryObjects/${owner}`] };
  const application = await graph("POST", "/applications", {
    displayName: "Protected site wiki.lab.test",
    web: { redirectUris: [redirectUri, signedOut] },
    groupMembershipClaims: group ? "ApplicationGroup" : null,
    ...owners,
  });
  const { id, appId } = application.json as { id: string; appId: string };
  const principal = await graph("POST", "/servicePrincipals", {
    appId,
    appRoleAssignmentRequired: group,
    ...owners,
  });
  const principalId = String(principal.json["id"]);
  if (group)
    await graph("POST", `/servicePrincipals/${principalId}/appRoleAssignedTo`, {
      appRoleId: "00000000-0000-0000-0000-000000000000",
      principalId: wikiReaders,
      resourceId: principalId,
    });
  if (consent)
    await graph("POST", "/oauth2PermissionGrants", {
      clientId: principalId,
      resourceId: await graphPrincipal(),
      consentType: "AllPrincipals",
      scope,
    });
  return { id, appId, principal: principalId, secret: (await addSecret(id)).text };
}

async function graphPrincipal(): Promise<string> {
  const found = await graph(
    "GET",
    "/servicePrincipals?$filter=appId%20eq%20'00000003-0000-0000-c000-000000000000'",
  );
  return String((found.json["value"] as Json[])[0]?.["id"]);
}

async function addSecret(id: string, displayName = "first"): Promise<{ keyId: string; text: string }> {
  const { json } = await graph("POST", `/applications/${id}/addPassword`, {
    passwordCredential: { displayName },
  });
  return { keyId: String(json["keyId"]), text: String(json["secretText"]) };
}

/** A browser with one cookie. */
class Visitor {
  cookie = "";

  async open(url: string): Promise<Answer> {
    return this.#keep(await ask(url, { headers: { cookie: this.cookie } }));
  }

  async submit(page: Answer, fields: Record<string, string>): Promise<Answer> {
    const action = /action="([^"]+)"/.exec(page.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    return this.#keep(await form(new URL(action, tenant).href, fields, { cookie: this.cookie }));
  }

  /** Types the name, then the password; ends where Entra sends the browser to, or at its page. */
  async signIn(
    url: string,
    { userPrincipalName, password }: { userPrincipalName: string; password: string },
  ) {
    const asked = await this.submit(await this.open(url), { loginfmt: userPrincipalName });
    const signedIn = await this.submit(asked, { loginfmt: userPrincipalName, passwd: password });
    return signedIn.status === 302
      ? this.open(new URL(String(signedIn.headers["location"]), tenant).href)
      : signedIn;
  }

  #keep(answer: Answer): Answer {
    const [set] = answer.headers["set-cookie"] ?? [];
    if (set !== undefined) this.cookie = set.split(";")[0] ?? "";
    return answer;
  }
}

const verifier = randomBytes(32).toString("base64url");

function authorizeUrl({ appId }: Site, more: Record<string, string> = {}): string {
  const parameters = {
    ...{ client_id: appId, response_type: "code", redirect_uri: redirectUri, scope, state: "s", nonce: "n" },
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...more,
  };
  return `${tenant}/oauth2/v2.0/authorize?${new URLSearchParams(parameters).toString()}`;
}

const codeOf = ({ headers }: Answer) => new URL(String(headers["location"])).searchParams.get("code") ?? "";

const redeem = ({ appId, secret }: Site, code: string, more: Record<string, string> = {}) =>
  askToken({
    ...{ grant_type: "authorization_code", client_id: appId, client_secret: secret },
    ...{ code, redirect_uri: redirectUri, code_verifier: verifier, ...more },
  });

const refresh = ({ appId, secret }: Site, refreshToken: unknown) =>
  askToken({
    ...{ grant_type: "refresh_token", client_id: appId, client_secret: secret },
    refresh_token: String(refreshToken),
  });

/** Whether Entra knows a secret. */
async function proves({ appId }: Site, secret: string): Promise<unknown> {
  const fields = { client_id: appId, client_secret: secret, scope: graphScope };
  const { status, json } = await askToken({ grant_type: "client_credentials", ...fields });
  return status === 200 ? true : [status, json["error"], json["error_codes"]];
}

const people = () => readPeople(state);

test("only the owner may read the files with passwords and secrets", () => {
  for (const file of ["users.json", "deployer.json", "entra.json"])
    expect(statSync(join(state, file)).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(state, "entra.json"), "utf8")).not.toContain(people().ada.password);
});

test("a registration is made, read, changed and deleted with all that belongs to it", async () => {
  const { id, principal } = await register({ group: true });
  const read = await graph("GET", `/applications/${id}`);
  expect(read.json).toMatchObject({
    displayName: "Protected site wiki.lab.test",
    publisherDomain: "lab.test",
  });
  const changed = await graph("PATCH", `/applications/${id}`, { web: { logoutUrl: "https://a.test" } });
  expect(changed.status).toBe(204);
  expect((await graph("GET", `/applications/${id}`)).json["web"]).toEqual({
    redirectUris: [redirectUri, signedOut],
    logoutUrl: "https://a.test",
  });

  expect((await graph("DELETE", `/applications/${id}`)).status).toBe(204);
  const gone = await graph("GET", `/applications/${id}`);
  expect([gone.status, (gone.json["error"] as Json)["code"]]).toEqual([404, "Request_ResourceNotFound"]);
  expect((await graph("GET", `/servicePrincipals/${principal}`)).status).toBe(404);
});

test("a deployer that is no owner any more, or lacks the permission, is refused", async () => {
  const { id } = await register();
  const owner = decodeJwt(token)["oid"] as string;
  expect((await graph("DELETE", `/applications/${id}/owners/${owner}/$ref`)).status).toBe(204);
  const refused = await graph("PATCH", `/applications/${id}`, { notes: "x" });
  expect([refused.status, (refused.json["error"] as Json)["code"]]).toEqual([
    403,
    "Authorization_RequestDenied",
  ]);

  await control.setDeployerPermissions(["Application.ReadWrite.OwnedBy"]);
  const before = token;
  try {
    token = await deployerToken();
    expect((await graph("GET", `/groups/${wikiReaders}`)).status).toBe(403);
  } finally {
    token = before;
  }
});

test("somebody signs in with PKCE, and the application learns who it is", async () => {
  const site = await register({ group: true });
  const arrived = await new Visitor().signIn(authorizeUrl(site), people().ada);
  const location = new URL(String(arrived.headers["location"]));
  expect(location.origin + location.pathname).toBe(redirectUri);
  expect(location.searchParams.get("state")).toBe("s");

  const { status, json } = await redeem(site, codeOf(arrived));
  expect(status).toBe(200);
  const { json: keys } = await ask(`${tenant}/discovery/v2.0/keys`);
  const { payload } = await jwtVerify(
    String(json["id_token"]),
    createLocalJWKSet(keys as unknown as JSONWebKeySet),
    { issuer: `${tenant}/v2.0`, audience: site.appId },
  );
  expect(payload).toMatchObject({
    ...{ tid: tenantId, ver: "2.0", nonce: "n", preferred_username: "ada@lab.test" },
    groups: [wikiReaders],
  });
  expect(payload["email"]).toBeUndefined();
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3900);
});

test("a guest's token carries an e-mail address", async () => {
  const site = await register();
  const { json } = await redeem(site, codeOf(await new Visitor().signIn(authorizeUrl(site), people().eve)));
  expect(decodeJwt(String(json["id_token"]))["email"]).toBe("eve@elsewhere.test");
});

test("a code works once, with the verifier and the address that it was asked for with", async () => {
  const site = await register();
  const visitor = new Visitor();
  await visitor.signIn(authorizeUrl(site), people().bob);
  const newCode = async () => codeOf(await visitor.open(authorizeUrl(site)));

  const wrongVerifier = await redeem(site, await newCode(), { code_verifier: "wrong" });
  expect([wrongVerifier.json["error"], wrongVerifier.json["error_codes"]]).toEqual([
    "invalid_grant",
    [501481],
  ]);
  const wrongAddress = await redeem(site, await newCode(), { redirect_uri: "https://else.test/" });
  expect(wrongAddress.json["error_codes"]).toEqual([500112]);
  const code = await newCode();
  expect((await redeem(site, code)).status).toBe(200);
  expect((await redeem(site, code)).json["error_codes"]).toEqual([54005]);
});

test("a refresh token stays valid beside its successor, until the sessions are revoked", async () => {
  const site = await register();
  const first = await redeem(site, codeOf(await new Visitor().signIn(authorizeUrl(site), people().ada)));
  const second = await refresh(site, first.json["refresh_token"]);
  expect(decodeJwt(String(second.json["id_token"]))["nonce"]).toBe("n");
  expect((await refresh(site, first.json["refresh_token"])).status).toBe(200);
  expect((await refresh(site, second.json["refresh_token"])).status).toBe(200);

  await control.revokeSessions("ada@lab.test");
  expect((await refresh(site, second.json["refresh_token"])).json["error_codes"]).toEqual([50173]);
});

test("without offline_access there is no refresh token", async () => {
  const site = await register();
  const url = authorizeUrl(site, { scope: "openid profile" });
  const { json } = await redeem(site, codeOf(await new Visitor().signIn(url, people().ada)));
  expect(Object.keys(json)).not.toContain("refresh_token");
});

test("a refresh looks at people's groups and accounts again", async () => {
  const site = await register({ group: true });
  const { json } = await redeem(site, codeOf(await new Visitor().signIn(authorizeUrl(site), people().ada)));
  await control.setGroups("ada@lab.test", []);
  expect((await refresh(site, json["refresh_token"])).json["error_codes"]).toEqual([50105]);
  await control.setGroups("ada@lab.test", [wikiReaders]);
  expect((await refresh(site, json["refresh_token"])).status).toBe(200);
  await control.setEnabled("ada@lab.test", false);
  expect((await refresh(site, json["refresh_token"])).json["error_codes"]).toEqual([50057]);
});

test("what an application must not learn is said on Entra's own page", async () => {
  const site = await register({ group: true });
  const stranger = await register({ consent: false });
  const { ada, bob } = people();

  expect((await new Visitor().signIn(authorizeUrl(site), bob)).text).toContain("AADSTS50105");
  expect((await new Visitor().signIn(authorizeUrl(stranger), ada)).text).toContain("AADSTS65001");
  const wrong = await new Visitor().signIn(authorizeUrl(site), { ...ada, password: "wrong" });
  expect(wrong.text).toContain("AADSTS50126");
  expect(wrong.text).toContain('name="passwd"');
  const elsewhere = await new Visitor().open(authorizeUrl(site, { redirect_uri: `${redirectUri}/` }));
  expect(elsewhere.text).toContain("AADSTS50011");
  const unknown = await new Visitor().open(authorizeUrl({ ...site, appId: "none" }));
  expect(unknown.text).toContain("AADSTS700016");
  await control.setEnabled(ada.userPrincipalName, false);
  expect((await new Visitor().signIn(authorizeUrl(site), ada)).text).toContain("AADSTS50057");
});

test("prompt=none tells the application that nobody is signed in; prompt=login asks again", async () => {
  const site = await register();
  const visitor = new Visitor();
  const silent = await visitor.open(authorizeUrl(site, { prompt: "none" }));
  expect(new URL(String(silent.headers["location"])).searchParams.get("error")).toBe("login_required");
  await visitor.signIn(authorizeUrl(site), people().ada);
  expect(codeOf(await visitor.open(authorizeUrl(site, { prompt: "none" })))).not.toBe("");
  expect((await visitor.open(authorizeUrl(site, { prompt: "login" }))).text).toContain('name="loginfmt"');
});

test("signing out ends the session, and goes only where an application has registered", async () => {
  const site = await register();
  const visitor = new Visitor();
  await visitor.signIn(authorizeUrl(site), people().ada);
  const logout = `${tenant}/oauth2/v2.0/logout?post_logout_redirect_uri=`;
  const left = await visitor.open(logout + encodeURIComponent(signedOut));
  expect(left.headers["location"]).toBe(signedOut);
  expect((await visitor.open(authorizeUrl(site))).text).toContain('name="loginfmt"');
  const elsewhere = await visitor.open(`${logout}https://else.test/`);
  expect([elsewhere.status, elsewhere.headers["location"]]).toEqual([200, undefined]);
});

test("several secrets of an application are valid at once, until one is removed", async () => {
  const site = await register();
  const second = await addSecret(site.id, "second");
  expect(await proves(site, site.secret)).toBe(true);
  expect(await proves(site, second.text)).toBe(true);
  const basic = Buffer.from(`${site.appId}:${second.text}`).toString("base64");
  const fields = { grant_type: "client_credentials", scope: graphScope };
  const withHeader = await form(`${tenant}/oauth2/v2.0/token`, fields, { authorization: `Basic ${basic}` });
  expect(withHeader.status).toBe(200);

  await graph("POST", `/applications/${site.id}/removePassword`, { keyId: second.keyId });
  expect(await proves(site, second.text)).toEqual([401, "invalid_client", [7000215]]);
  expect(await proves(site, site.secret)).toBe(true);
  const here = (await control.registrations()).find(({ appId }) => appId === site.appId);
  expect(here?.keyIds).toHaveLength(1);
});

test("a new secret may take its time, and work every second time until then", async () => {
  const site = await register();
  await control.behave({ secretDelay: 3600 });
  const late = await addSecret(site.id);
  expect(await proves(site, late.text)).toEqual([401, "invalid_client", [7000215]]);
  expect(await proves(site, site.secret)).toBe(true);

  await control.behave({ secretAlternates: true });
  const { text } = await addSecret(site.id);
  const tries = [await proves(site, text), await proves(site, text), await proves(site, text)];
  expect(tries.map((one) => one === true)).toEqual([false, true, false]);
  await control.reset();
  expect(await proves(site, late.text)).toBe(true);
});

test("Graph throttles, and both services fail, on command; the requests are remembered without secrets", async () => {
  const site = await register();
  await control.behave({ throttledCalls: 1, retryAfter: 7 });
  const throttled = await graph("GET", `/applications/${site.id}`);
  expect([throttled.status, throttled.headers["retry-after"]]).toEqual([429, "7"]);
  expect((await graph("GET", `/applications/${site.id}`)).status).toBe(200);
  await control.behave({ loginOutage: "503", graphOutage: "503" });
  expect((await ask(`${tenant}/discovery/v2.0/keys`)).status).toBe(503);
  expect((await graph("GET", `/applications/${site.id}`)).status).toBe(503);
  await control.behave({ loginOutage: null, graphOutage: null });
  expect(await proves(site, "wrong")).toEqual([401, "invalid_client", [7000215]]);

  const seen = await control.requests();
  expect(seen.at(-1)).toMatchObject({ client: site.appId, grantType: "client_credentials", status: 401 });
  expect(JSON.stringify(seen)).not.toContain(site.secret);
});

test("groups beyond 200 leave the token", async () => {
  const site = await register();
  await graph("PATCH", `/applications/${site.id}`, { groupMembershipClaims: "SecurityGroup" });
  await control.setGroups(
    "ada@lab.test",
    Array.from({ length: 201 }, () => crypto.randomUUID()),
  );
  const { json } = await redeem(site, codeOf(await new Visitor().signIn(authorizeUrl(site), people().ada)));
  const claims = decodeJwt(String(json["id_token"]));
  expect(claims["groups"]).toBeUndefined();
  expect(claims["_claim_names"]).toEqual({ groups: "src1" });
});

test("what the tenant knows outlives the process", async () => {
  const site = await register();
  const { json } = await redeem(site, codeOf(await new Visitor().signIn(authorizeUrl(site), people().ada)));
  const { port } = entra;
  await entra.close();
  entra = await startEntra({ state, listen: "127.0.0.1", port, controlPort: 0, ...tls });
  control = new EntraControl(entra.controlUrl);
  expect((await refresh(site, json["refresh_token"])).status).toBe(200);
});
