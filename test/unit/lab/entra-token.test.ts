/** Tokens of the emulated Entra: claims, refreshes, errors. */
import { createHash, randomBytes } from "node:crypto";

import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { tenantId, wikiReaders } from "../../lab/entra/directory.ts";
import {
  callback,
  claimsOf,
  loginUrl,
  Trial,
  type TrialApplication,
  usualScope,
} from "../../lab/entra/trial.ts";

let entra: Trial;
let site: TrialApplication;
const issuer = `https://login.microsoftonline.com/${tenantId}/v2.0`;

beforeAll(async () => {
  entra = await Trial.start();
  site = await entra.register();
});
afterAll(() => entra.close());
beforeEach(() => entra.control.reset());

const idToken = async (application: TrialApplication, user: "ada" | "bob" | "eve" | "grace" | "hedy") => {
  const { body } = await entra.redeem(application, (await entra.signIn(application, user)).get("code"));
  return claimsOf(body["id_token"]);
};

describe("documents", () => {
  test("discovery lists Entra's own endpoints and does not mention PKCE", async () => {
    const { body } = await entra.document(`/${tenantId}/v2.0/.well-known/openid-configuration`);
    expect(body).toMatchObject({ issuer, token_endpoint: `${loginUrl}/oauth2/v2.0/token` });
    expect(body).not.toHaveProperty("code_challenge_methods_supported");
    const byDomain = await entra.document("/lab.test/v2.0/.well-known/openid-configuration");
    expect(byDomain.body).toEqual(body);
  });

  test("an unknown tenant is a bad request", async () => {
    const { status, body } = await entra.document("/nobody.test/v2.0/.well-known/openid-configuration");
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: "invalid_tenant", error_codes: [90002] });
  });

  test("keys have x5t and a certificate, and no alg", async () => {
    const { body } = await entra.document(`/${tenantId}/discovery/v2.0/keys`);
    const [key] = body["keys"] as Record<string, unknown>[];
    expect(Object.keys(key ?? {})).toEqual(["kty", "use", "kid", "x5t", "n", "e", "x5c", "issuer"]);
    expect(key?.["x5t"]).toBe(key?.["kid"]);
  });

  test("a provider with a metadataHost learns where Graph is", async () => {
    const { body } = await entra.document("/metadata/endpoints?api-version=2022-09-01");
    expect(body["microsoftGraphResourceId"]).toBe("https://graph.microsoft.com/");
  });
});

test("the code flow with PKCE gives an ID token that the published keys prove", async () => {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const pkce = { code_challenge: challenge, code_challenge_method: "S256" };
  const code = (await entra.signIn(site, "ada", pkce)).get("code");
  const { status, body } = await entra.redeem(site, code, { code_verifier: verifier });
  expect(status).toBe(200);
  expect(Object.keys(body)).toEqual([
    ...["token_type", "scope", "expires_in", "ext_expires_in", "access_token", "refresh_token", "id_token"],
  ]);

  const { body: keys } = await entra.document(`/${tenantId}/discovery/v2.0/keys`);
  const token = String(body["id_token"]);
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys as unknown as JSONWebKeySet), {
    issuer,
    audience: site.clientId,
  });
  expect(decodeProtectedHeader(token)).toEqual({
    typ: "JWT",
    alg: "RS256",
    kid: expect.any(String) as string,
  });
  expect(payload).toMatchObject({
    oid: expect.any(String) as string,
    tid: tenantId,
    ver: "2.0",
    name: "Ada Lovelace",
    preferred_username: "ada@lab.test",
    email: "ada@lab.test",
    nonce: "nonce-1",
  });
  expect(payload.iat).toBe(payload.nbf);
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3900);
});

test("Graph's access tokens are opaque to clients: no published key verifies them", async () => {
  const { body } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
  const { body: keys } = await entra.document(`/${tenantId}/discovery/v2.0/keys`);
  const set = createLocalJWKSet(keys as unknown as JSONWebKeySet);
  await expect(jwtVerify(String(body["access_token"]), set)).rejects.toThrow();
});

describe("claims", () => {
  test("a subject differs between applications", async () => {
    const other = await entra.register();
    const [one, two] = [await idToken(site, "ada"), await idToken(other, "ada")];
    expect(one["sub"]).not.toBe(two["sub"]);
    expect(one["oid"]).toBe(two["oid"]);
    expect((await idToken(site, "ada"))["sub"]).toBe(one["sub"]);
  });

  test("a member without a mail address has no email claim, a guest has the address of the home tenant", async () => {
    expect(await idToken(site, "bob")).not.toHaveProperty("email");
    const guest = await idToken(site, "eve");
    expect(guest).toMatchObject({ preferred_username: "eve@elsewhere.test", email: "eve@elsewhere.test" });
    expect(guest["idp"]).toMatch(/^https:\/\/sts\.windows\.net\//);
  });

  test("groups are included as the registration configures; above 200, only a link to them", async () => {
    expect(await idToken(site, "ada")).not.toHaveProperty("groups");
    const all = await entra.register({ application: { groupMembershipClaims: "SecurityGroup" } });
    expect((await idToken(all, "ada"))["groups"]).toEqual([wikiReaders]);
    // staff, and all-staff since staff is a member of it
    expect((await idToken(all, "bob"))["groups"]).toHaveLength(2);
    expect((await idToken(all, "grace"))["groups"]).toHaveLength(150);
    const overage = await idToken(all, "hedy");
    expect(overage).not.toHaveProperty("groups");
    expect(overage["_claim_names"]).toEqual({ groups: "src1" });
    expect(overage["_claim_sources"]).toHaveProperty("src1.endpoint");
  });

  test("ApplicationGroup includes only assigned groups, and a token only assigned roles", async () => {
    const role = {
      id: "11111111-2222-4333-8444-555555555555",
      value: "reader",
      displayName: "Reader",
      description: "reads",
      allowedMemberTypes: ["User"],
      isEnabled: true,
    };
    const wiki = await entra.register({
      application: { groupMembershipClaims: "ApplicationGroup", appRoles: [role] },
    });
    const assign = (principalId: string) =>
      entra.graph("POST", `/v1.0/servicePrincipals/${wiki.servicePrincipalId}/appRoleAssignedTo`, {
        appRoleId: role.id,
        principalId,
        resourceId: wiki.servicePrincipalId,
      });
    await assign(wikiReaders);
    // Its only member is a group: nested members are not assigned.
    await assign("7e57ab1e-0000-4000-8000-000000000004");
    expect(await idToken(wiki, "ada")).toMatchObject({ groups: [wikiReaders], roles: ["reader"] });
    const nested = await idToken(wiki, "bob");
    expect(nested).not.toHaveProperty("groups");
    expect(nested).not.toHaveProperty("roles");
  });

  test("optional claims are included where requested", async () => {
    const idTokenClaims = ["acct", "upn", "login_hint", "given_name"].map((name) => ({ name }));
    const application = await entra.register({ application: { optionalClaims: { idToken: idTokenClaims } } });
    expect(await idToken(application, "ada")).toMatchObject({
      acct: 0,
      upn: "ada@lab.test",
      given_name: "Ada",
    });
    const guest = await idToken(application, "eve");
    expect(guest["acct"]).toBe(1);
    expect(guest).not.toHaveProperty("upn");
  });
});

describe("a refresh", () => {
  test("gives a new token, repeats the nonce, and leaves the old token valid", async () => {
    const { body: first } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
    const second = await entra.refresh(site, first["refresh_token"]);
    expect(second.status).toBe(200);
    expect(second.body["refresh_token"]).not.toBe(first["refresh_token"]);
    expect(claimsOf(second.body["id_token"])).toMatchObject({
      nonce: "nonce-1",
      preferred_username: "ada@lab.test",
    });
    const old = await entra.refresh(site, first["refresh_token"], { scope: usualScope });
    expect(old.status).toBe(200);
    expect((await entra.refresh(site, second.body["refresh_token"])).status).toBe(200);
  });

  test("is possible only if offline_access was requested, and even after a sign-out", async () => {
    const visitor = entra.visitor();
    const without = await entra.signIn(site, "ada", { scope: "openid profile" }, visitor);
    const answer = await entra.redeem(site, without.get("code"));
    expect(answer.body).not.toHaveProperty("refresh_token");
    const { body } = await entra.redeem(site, (await entra.signIn(site, "ada")).get("code"));
    await visitor.open(`${loginUrl}/oauth2/v2.0/logout`);
    expect((await entra.refresh(site, body["refresh_token"])).status).toBe(200);
  });

  test("notices at once if a user is disabled, revoked or removed from the group", async () => {
    const { body } = await entra.redeem(site, (await entra.signIn(site, "bob")).get("code"));
    const codes = async () => (await entra.refresh(site, body["refresh_token"])).body["error_codes"];
    expect(await codes()).toBeUndefined();
    await entra.control.setEnabled("bob", false);
    expect(await codes()).toEqual([50057]);
    await entra.control.setEnabled("bob", true);
    await entra.control.revokeSessions("bob");
    expect(await codes()).toEqual([50173]);
  });
});

describe("errors of the token endpoint", () => {
  const code = async () => (await entra.signIn(site, "ada")).get("code");

  test("have Entra's members in Entra's order", async () => {
    const { status, body } = await entra.prove(site.clientId, "wrong");
    expect(status).toBe(401);
    expect(Object.keys(body)).toEqual([
      ...[
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
      ],
    ]);
    expect(body).toMatchObject({
      error: "invalid_client",
      error_codes: [7000215],
      error_description: expect.stringMatching(
        /^AADSTS7000215: .* Trace ID: \S+ Correlation ID: \S+ Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/,
      ) as string,
    });
  });

  test.each<[string, () => ReturnType<Trial["token"]>, number, string, number]>([
    [
      "an expired secret",
      async () => {
        const expired = await entra.register();
        await entra.control.expireSecret(expired.keyId);
        return entra.prove(expired.clientId, expired.secret);
      },
      401,
      "invalid_client",
      7000222,
    ],
    [
      "no secret",
      async () =>
        entra.token({
          client_id: site.clientId,
          grant_type: "authorization_code",
          code: (await code()) ?? "",
          redirect_uri: callback,
        }),
      401,
      "invalid_client",
      7000218,
    ],
    [
      "an unknown application",
      () => entra.prove("00000000-0000-4000-8000-000000000000", "x"),
      400,
      "unauthorized_client",
      700016,
    ],
    ["a code that is none", () => entra.redeem(site, "nonsense"), 400, "invalid_grant", 9002313],
    ["a refresh token that is none", () => entra.refresh(site, "nonsense"), 400, "invalid_grant", 9002313],
    ["no code", () => entra.redeem(site, ""), 400, "invalid_request", 900144],
    [
      "another redirect URI",
      async () => entra.redeem(site, await code(), { redirect_uri: "https://app.lab.test/signed-out" }),
      400,
      "invalid_client",
      500112,
    ],
    [
      "a verifier without a challenge",
      async () => entra.redeem(site, await code(), { code_verifier: "v".repeat(43) }),
      400,
      "invalid_grant",
      501481,
    ],
    [
      "a grant that is unknown",
      () => entra.token({ client_id: site.clientId, client_secret: site.secret, grant_type: "password" }),
      400,
      "unsupported_grant_type",
      70003,
    ],
    [
      "another application's code",
      async () => entra.redeem(await entra.register(), await code()),
      400,
      "invalid_grant",
      9002313,
    ],
    [
      "single permissions in client credentials",
      () =>
        entra.token({
          client_id: site.clientId,
          client_secret: site.secret,
          grant_type: "client_credentials",
          scope: "User.Read",
        }),
      400,
      "invalid_request",
      1002012,
    ],
  ])("%s", async (_, ask, status, error, number) => {
    const answer = await ask();
    expect([answer.status, answer.body["error"], answer.body["error_codes"]]).toEqual([
      status,
      error,
      [number],
    ]);
  });

  test("a code that is used twice is refused, and revokes nothing", async () => {
    const once = await code();
    const { body } = await entra.redeem(site, once);
    expect((await entra.redeem(site, once)).body["error_codes"]).toEqual([54005]);
    expect((await entra.refresh(site, body["refresh_token"])).status).toBe(200);
  });
});

test("client authentication with HTTP Basic works, too", async () => {
  const code = (await entra.signIn(site, "ada")).get("code") ?? "";
  const basic = Buffer.from(`${site.clientId}:${encodeURIComponent(site.secret)}`).toString("base64");
  const { status } = await entra.token(
    { grant_type: "authorization_code", code, redirect_uri: callback },
    { authorization: `Basic ${basic}` },
  );
  expect(status).toBe(200);
});

test("an API of one's own gets a token with its own audience, scopes and version", async () => {
  const scopeId = "22222222-2222-4333-8444-555555555555";
  const api = await entra.register({
    application: {
      displayName: "api",
      identifierUris: ["api://lab-api"],
      api: {
        requestedAccessTokenVersion: 2,
        oauth2PermissionScopes: [{ id: scopeId, value: "read", type: "User", isEnabled: true }],
      },
    },
  });
  await entra.graph("POST", "/v1.0/oauth2PermissionGrants", {
    clientId: site.servicePrincipalId,
    resourceId: api.servicePrincipalId,
    consentType: "AllPrincipals",
    scope: "read",
  });
  const answer = await entra.signIn(site, "ada", {
    scope: "openid profile offline_access api://lab-api/read",
  });
  const { body } = await entra.redeem(site, answer.get("code"));
  expect(claimsOf(body["access_token"])).toMatchObject({
    aud: api.clientId,
    iss: issuer,
    scp: "read",
    ver: "2.0",
    azp: site.clientId,
  });
  const userinfo = await entra.graphAs(String(body["access_token"]), "GET", "/oidc/userinfo");
  expect(userinfo.status).toBe(401);
});

test("a person's own token tells Graph who she is, and of more than 200 groups page by page", async () => {
  const withRead = await entra.register({ consent: `${usualScope} User.Read` });
  const answer = await entra.signIn(withRead, "hedy", { scope: `${usualScope} User.Read` });
  const { body } = await entra.redeem(withRead, answer.get("code"));
  const token = String(body["access_token"]);
  expect((await entra.graphAs(token, "GET", "/oidc/userinfo")).body).toMatchObject({
    name: "Hedy Lamarr",
    email: "hedy@lab.test",
  });

  const ids = new Set<string>();
  let path = "/v1.0/me/transitiveMemberOf?$select=id&$top=100";
  for (let pages = 1; path !== ""; pages++) {
    const { body: page } = await entra.graphAs(token, "GET", path);
    for (const { id } of page["value"] as { readonly id: string }[]) ids.add(id);
    path = ((page["@odata.nextLink"] ?? "") as string).replace("https://graph.microsoft.com", "");
    expect(pages).toBeLessThan(5);
  }
  expect(ids.size).toBe(250);
});
