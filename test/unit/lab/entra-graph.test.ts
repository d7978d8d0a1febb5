/** The emulated Microsoft Graph: the life of what a site needs, and who may do what. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { tenantId, wikiReaders } from "../../lab/entra/directory.ts";
import { leastPermissions } from "../../lab/entra/permissions.ts";
import { callback, claimsOf, Trial, type TrialApplication } from "../../lab/entra/trial.ts";

let entra: Trial;
const missing = "00000000-0000-4000-8000-000000000000";

beforeAll(async () => {
  entra = await Trial.start();
});
afterAll(() => entra.close());
beforeEach(() => entra.control.reset());

const code = ({ body }: { readonly body: Readonly<Record<string, unknown>> }) =>
  (body["error"] as { readonly code?: string } | undefined)?.code;

test("the deployer's token is a JWT with its object ID and its permissions", async () => {
  const { body } = await entra.prove(entra.deployer.clientId, entra.deployer.clientSecret);
  const { oid, roles } = claimsOf(body["access_token"]);
  expect(oid).toBe(entra.deployer.objectId);
  expect(new Set(roles as string[])).toEqual(new Set(leastPermissions));
});

test("an application goes through the azuread provider's life cycle", async () => {
  const { objectId: caller } = entra.deployer;
  const owner = `https://graph.microsoft.com/v1.0/directoryObjects/${caller}`;
  const made = await entra.graph("POST", "/v1.0/applications", {
    displayName: "site",
    web: { redirectUris: [callback], implicitGrantSettings: { enableIdTokenIssuance: true } },
    "owners@odata.bind": [owner],
  });
  expect(made.status).toBe(201);
  const path = `/v1.0/applications/${String(made.body["id"])}`;

  expect((await entra.graph("PATCH", path, { displayName: "TERRAFORM_UPDATE_1" })).status).toBe(204);
  expect(
    (
      await entra.graph("PATCH", path, {
        displayName: "site",
        web: { logoutUrl: "https://app.lab.test/out" },
      })
    ).status,
  ).toBe(204);
  const { body: read } = await entra.graph("GET", path);
  expect(read).toMatchObject({
    displayName: "site",
    web: { redirectUris: [callback], logoutUrl: "https://app.lab.test/out" },
    passwordCredentials: [],
  });
  expect(
    (await entra.graph("GET", `${path.replace("v1.0", "beta")}?$select=oauth2RequirePostResponse`)).status,
  ).toBe(200);
  const { body: owners } = await entra.graph("GET", `${path}/owners`);
  expect(owners["value"]).toMatchObject([{ "@odata.type": "#microsoft.graph.servicePrincipal", id: caller }]);

  const secret = await entra.graph("POST", `${path}/addPassword`, {
    passwordCredential: { displayName: "one", endDateTime: "2030-01-01T00:00:00Z" },
  });
  expect(secret.status).toBe(200);
  const text = String(secret.body["secretText"]);
  expect(secret.body).toMatchObject({
    displayName: "one",
    hint: text.slice(0, 3),
    endDateTime: "2030-01-01T00:00:00Z",
    customKeyIdentifier: null,
  });
  const { body: withSecret } = await entra.graph("GET", path);
  expect(withSecret["passwordCredentials"]).toMatchObject([
    { keyId: secret.body["keyId"], secretText: null },
  ]);

  const { keyId } = secret.body;
  expect((await entra.graph("POST", `${path}/removePassword`, { keyId })).status).toBe(204);
  expect((await entra.graph("DELETE", path)).status).toBe(204);
  const gone = await entra.graph("GET", path);
  expect([gone.status, code(gone)]).toEqual([404, "Request_ResourceNotFound"]);
});

test("deleting an application deletes its service principal, and it can be restored without it", async () => {
  const site = await entra.register();
  await entra.graph("DELETE", `/v1.0/applications/${site.objectId}`);
  expect((await entra.graph("GET", `/v1.0/servicePrincipals/${site.servicePrincipalId}`)).status).toBe(404);
  expect((await entra.prove(site.clientId, site.secret)).body["error_codes"]).toEqual([700016]);

  const path = `/v1.0/directory/deletedItems/${site.objectId}`;
  expect((await entra.graph("GET", path)).status).toBe(200);
  expect((await entra.graph("POST", `${path}/restore`)).status).toBe(200);
  expect((await entra.prove(site.clientId, site.secret)).body["error_codes"]).toEqual([7000229]);
  await entra.graph("DELETE", `/v1.0/applications/${site.objectId}`);
  expect((await entra.graph("DELETE", path)).status).toBe(204);
  expect((await entra.graph("GET", path)).status).toBe(404);
});

test("two secrets of an application are valid at once, and a removed one no longer", async () => {
  const site = await entra.register();
  const path = `/v1.0/applications/${site.objectId}`;
  const { body: second } = await entra.graph("POST", `${path}/addPassword`, { passwordCredential: {} });
  const status = async (secret: string) => (await entra.prove(site.clientId, secret)).status;
  expect(await status(site.secret)).toBe(200);
  expect(await status(String(second["secretText"]))).toBe(200);
  await entra.graph("POST", `${path}/removePassword`, { keyId: site.keyId });
  expect(await status(site.secret)).toBe(401);
  expect(await status(String(second["secretText"]))).toBe(200);
});

test("a tenant's policy refuses secrets that are valid for too long, or all", async () => {
  const site = await entra.register();
  const add = async (secretDays: number, days: number) => {
    await entra.control.behave({ secretDays });
    const endDateTime = new Date(Date.now() + days * 86_400_000).toISOString();
    const path = `/v1.0/applications/${site.objectId}/addPassword`;
    return entra.graph("POST", path, { passwordCredential: { endDateTime } });
  };
  expect((await add(180, 179)).status).toBe(200);
  expect(code(await add(180, 181))).toBe("CredentialInvalidLifetimeAsPerAppPolicy");
  expect(code(await add(0, 1))).toBe("CredentialTypeNotAllowedAsPerAppPolicy");
});

test("a service principal needs an application, and an application has one", async () => {
  const site = await entra.register();
  const none = await entra.graph("POST", "/v1.0/servicePrincipals", { appId: missing });
  expect(none.status).toBe(400);
  const second = await entra.graph("POST", "/v1.0/servicePrincipals", { appId: site.clientId });
  expect([second.status, code(second)]).toEqual([409, "Request_MultipleObjectsWithSameKeyValue"]);
});

test("a second consent for the same pair is a conflict, and its ID is made of both object IDs", async () => {
  const site = await entra.register({ consent: "" });
  const resourceId = await entra.graphPrincipalId();
  const body = {
    clientId: site.servicePrincipalId,
    resourceId,
    consentType: "AllPrincipals",
    scope: "openid",
  };
  const first = await entra.graph("POST", "/v1.0/oauth2PermissionGrants", body);
  const id = Buffer.from(String(first.body["id"]), "base64url");
  expect(id.length).toBe(32);
  // The last eight bytes of a GUID stand as they are written.
  expect(id.subarray(8, 16).toString("hex")).toBe(site.servicePrincipalId.replaceAll("-", "").slice(16));
  const second = await entra.graph("POST", "/v1.0/oauth2PermissionGrants", body);
  expect(second.status).toBe(409);
  expect(JSON.stringify(second.body)).toContain("Permission entry already exists");
});

test("assignments take roles that exist, and each once", async () => {
  const site = await entra.register();
  const path = `/v1.0/servicePrincipals/${site.servicePrincipalId}/appRoleAssignedTo`;
  const body = {
    appRoleId: "00000000-0000-0000-0000-000000000000",
    principalId: wikiReaders,
    resourceId: site.servicePrincipalId,
  };
  expect((await entra.graph("POST", path, { ...body, appRoleId: missing })).status).toBe(400);
  expect((await entra.graph("POST", path, { ...body, principalId: missing })).body).toHaveProperty(
    "error.message",
    "Not a valid reference update.",
  );
  const made = await entra.graph("POST", path, body);
  expect(made.body).toMatchObject({ principalType: "Group", principalDisplayName: "wiki-readers" });
  expect((await entra.graph("POST", path, body)).status).toBe(400);
  const one = `${path}/${String(made.body["id"])}`;
  expect((await entra.graph("GET", one)).status).toBe(200);
  expect((await entra.graph("DELETE", one)).status).toBe(204);
  expect((await entra.graph("GET", one)).status).toBe(404);
});

test("a role can be removed only once it is disabled", async () => {
  const role = {
    id: missing,
    value: "reader",
    displayName: "r",
    description: "r",
    allowedMemberTypes: ["User"],
  };
  const site = await entra.register({ application: { appRoles: [{ ...role, isEnabled: true }] } });
  const path = `/v1.0/applications/${site.objectId}`;
  const refused = await entra.graph("PATCH", path, { appRoles: [] });
  expect([refused.status, code(refused)]).toEqual([400, "CannotDeleteOrUpdateEnabledEntitlement"]);
  await entra.graph("PATCH", path, { appRoles: [{ ...role, isEnabled: false }] });
  expect((await entra.graph("PATCH", path, { appRoles: [] })).status).toBe(204);
});

test("a user without a manager has none to return", async () => {
  await entra.control.setPermissions([...leastPermissions, "User.Read.All"]);
  const none = await entra.graph("GET", "/v1.0/users/0fee1000-0000-4000-8000-000000000001/manager");
  expect([none.status, code(none)]).toEqual([404, "Request_ResourceNotFound"]);
});

test("groups are found by name, even two with the same name", async () => {
  const named = async (name: string) => {
    const filter = new URLSearchParams({ $filter: `displayName eq '${name}'` }).toString();
    return (await entra.graph("GET", `/beta/groups?${filter}`)).body["value"];
  };
  expect(await named("wiki-readers")).toMatchObject([{ id: wikiReaders, securityEnabled: true }]);
  expect(await named("twice")).toHaveLength(2);
  expect(await named("it''s none")).toEqual([]);
  const { body } = await entra.graph("GET", `/beta/groups/${wikiReaders}/members`);
  expect(body["value"]).toMatchObject([
    { userPrincipalName: "ada@lab.test" },
    { userPrincipalName: "mallory@lab.test" },
  ]);
});

test("a federated credential lives, and its name stays", async () => {
  const site = await entra.register();
  const path = `/v1.0/applications/${site.objectId}/federatedIdentityCredentials`;
  const body = {
    name: "edge",
    issuer: "https://issuer.test",
    subject: "edge-1",
    audiences: ["api://AzureADTokenExchange"],
  };
  const made = await entra.graph("POST", path, body);
  expect(made.status).toBe(201);
  const one = `${path}/${String(made.body["id"])}`;
  await entra.graph("PATCH", one, { name: "other", subject: "edge-2" });
  expect((await entra.graph("GET", one)).body).toMatchObject({ name: "edge", subject: "edge-2" });
  expect((await entra.graph("POST", path, { ...body, subject: "edge-2" })).status).toBe(409);
  expect((await entra.graph("DELETE", one)).status).toBe(204);
});

describe("who may do what", () => {
  let site: TrialApplication;
  beforeAll(async () => {
    site = await entra.register();
  });
  afterAll(() => entra.control.setPermissions(leastPermissions));

  const policies = "/v1.0/identity/conditionalAccess/policies";
  const calls: Readonly<Record<string, () => ReturnType<Trial["graph"]>>> = {
    "list applications": () => entra.graph("GET", "/v1.0/applications"),
    "read an application": () => entra.graph("GET", `/v1.0/applications/${site.objectId}`),
    "make an application": () => entra.graph("POST", "/v1.0/applications", { displayName: "x" }),
    "change an application": () =>
      entra.graph("PATCH", `/v1.0/applications/${site.objectId}`, { notes: "x" }),
    "assign a role": () =>
      entra.graph("POST", `/v1.0/servicePrincipals/${site.servicePrincipalId}/appRoleAssignedTo`, {}),
    "consent for all": () => entra.graph("POST", "/v1.0/oauth2PermissionGrants", {}),
    "read groups": () => entra.graph("GET", `/v1.0/groups/${wikiReaders}`),
    "read users": () => entra.graph("GET", "/v1.0/users"),
    "make a policy": () => entra.graph("POST", policies, {}),
  };
  const refused = async () => {
    const names: string[] = [];
    for (const [name, call] of Object.entries(calls)) if ((await call()).status === 403) names.push(name);
    return names;
  };

  test("the least permissions suffice for everything except users", async () => {
    await entra.control.setPermissions(leastPermissions);
    expect(await refused()).toEqual(["read users"]);
  });

  test.each([
    ["Application.Read.All", ["list applications", "assign a role", "read users", "make a policy"]],
    ["AppRoleAssignment.ReadWrite.All", ["assign a role", "read users"]],
    ["DelegatedPermissionGrant.ReadWrite.All", ["consent for all", "read users"]],
    ["GroupMember.Read.All", ["read groups", "read users"]],
    ["Policy.ReadWrite.ConditionalAccess", ["read users", "make a policy"]],
    ["Application.ReadWrite.OwnedBy", ["make an application", "change an application", "read users"]],
  ] as const)("without %s: not %s", async (permission, names) => {
    await entra.control.setPermissions(leastPermissions.filter((name) => name !== permission));
    expect(await refused()).toEqual(names);
  });

  test("an error about owners names no missing user", async () => {
    await entra.control.setPermissions([]);
    const answer = await entra.graph("POST", "/v1.0/applications", {});
    expect(answer.body).toEqual({
      error: {
        code: "Authorization_RequestDenied",
        message: "Insufficient privileges to complete the operation.",
        innerError: {
          date: expect.any(String) as string,
          "request-id": expect.any(String) as string,
          "client-request-id": expect.any(String) as string,
        },
      },
    });
    expect(code(await entra.graph("POST", policies, {}))).toBe("AccessDenied");
  });

  test("an owner that removed itself can no longer change anything", async () => {
    await entra.control.setPermissions(leastPermissions);
    const path = `/v1.0/applications/${site.objectId}`;
    await entra.graph("DELETE", `${path}/owners/${entra.deployer.objectId}/$ref`);
    expect((await entra.graph("POST", `${path}/addPassword`, {})).status).toBe(403);
    expect((await entra.graph("GET", path)).status).toBe(200);
  });

  test("without a token, and with one for somebody else, Graph answers 401", async () => {
    const none = await entra.graphAs("", "GET", "/v1.0/applications");
    const other = await entra.graphAs("a.b.c", "GET", "/v1.0/applications");
    expect([none.status, code(none)]).toEqual([401, "InvalidAuthenticationToken"]);
    expect([other.status, code(other)]).toEqual([401, "InvalidAuthenticationToken"]);
  });
});

test("Graph says so if it does not have something", async () => {
  expect((await entra.graph("GET", "/v1.0/nothing")).status).toBe(400);
  expect((await entra.graph("GET", `/v1.0/applications/${missing}`)).status).toBe(404);
  expect((await entra.graph("PATCH", `/v1.0/groups/${wikiReaders}`, {})).status).toBe(405);
  const { body } = await entra.graph("POST", "/v1.0/applications", {
    displayName: "x",
    web: { redirectUris: ["http://app.lab.test/"] },
  });
  expect(body).toHaveProperty("error.code", "Request_BadRequest");
  expect(tenantId).toBe(entra.deployer.tenantId);
});
