/** What the program relies on in @pulumi/azuread, against the lab's Entra. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as azuread from "@pulumi/azuread";
import type * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";

import { explainRefusals } from "../../infra/refusals.ts";
import { openStack } from "../contract/stack.ts";
import { EntraControl } from "../lab/entra/control.ts";
import { leastPermissions } from "../lab/entra/permissions.ts";
import { lab } from "./instance.ts";

const deployer = JSON.parse(readFileSync(join(lab.state, "deployer.json"), "utf8")) as {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
};
const environment = {
  ARM_TENANT_ID: deployer.tenantId,
  ARM_CLIENT_ID: deployer.clientId,
  ARM_CLIENT_SECRET: deployer.clientSecret,
};

const entra = new EntraControl("http://192.0.2.2:8400");

/** Microsoft Graph's own application ID, the same in every tenant. */
const graph = "00000003-0000-0000-c000-000000000000";
const ada = "0fee1000-0000-4000-8000-000000000001";
const readers = "7e57ab1e-0000-4000-8000-000000000001";

/** A site's registration, as components/entra makes it. */
const registration =
  (
    name: string,
    {
      redirectUri = "https://contract.lab.test/oauth2/callback",
      secret = "first",
    }: { readonly redirectUri?: string; readonly secret?: string } = {},
  ) =>
  () => {
    const owners = [azuread.getClientConfigOutput().objectId, ada];
    const application = new azuread.Application("site", {
      displayName: name,
      owners,
      serviceManagementReference: "CMDB-4711",
      api: { requestedAccessTokenVersion: 2 },
      web: { redirectUris: [redirectUri] },
      groupMembershipClaims: ["ApplicationGroup"],
      requiredResourceAccesses: [
        {
          resourceAppId: graph,
          resourceAccesses: [{ id: "37f7f235-527c-4136-accd-4a02d197296e", type: "Scope" }],
        },
      ],
    });
    const principal = new azuread.ServicePrincipal("site", {
      clientId: application.clientId,
      owners,
      appRoleAssignmentRequired: true,
    });
    const assignment = new azuread.AppRoleAssignment("site", {
      appRoleId: "00000000-0000-0000-0000-000000000000",
      principalObjectId: readers,
      resourceObjectId: principal.objectId,
    });
    const consent = new azuread.ServicePrincipalDelegatedPermissionGrant("site", {
      servicePrincipalObjectId: principal.objectId,
      resourceServicePrincipalObjectId: azuread.getServicePrincipalOutput({ clientId: graph }).objectId,
      claimValues: ["openid", "profile"],
    });
    const password = new azuread.ApplicationPassword("site", {
      applicationId: application.id,
      displayName: secret,
      // As Graph writes it back: one that differed by a fraction of a second would be replaced at every run.
      endDate: "2030-01-01T00:00:00Z",
    });
    return Promise.resolve({
      id: application.id,
      objectId: application.objectId,
      clientId: application.clientId,
      principalId: principal.id,
      assignmentId: assignment.id,
      assigned: assignment.principalDisplayName,
      consentId: consent.id,
      passwordId: password.id,
      keyId: password.keyId,
      value: password.value,
      endDate: password.endDate,
    });
  };

test("a registration is created, found again, changed in place, and its secret replaced", async ({
  onTestFinished,
}) => {
  const stack = await openStack(onTestFinished, environment);
  const name = `contract ${randomUUID()}`;
  try {
    expect((await stack.preview(registration(name))).changes).toEqual({ create: 5 });
    const first = await stack.up(registration(name));
    expect(first.changes).toEqual({ create: 5 });
    const value = (output: string) => String(first.outputs[output]?.value);
    const objectId = value("objectId");
    expect(value("id")).toBe(`/applications/${objectId}`);
    expect(value("clientId")).toMatch(/^[0-9a-f-]{36}$/);
    expect(value("principalId")).toMatch(/^\/servicePrincipals\/[0-9a-f-]{36}$/);
    expect(value("assignmentId")).toMatch(/^\/servicePrincipals\/[0-9a-f-]{36}\/appRoleAssignedTo\/./);
    expect(value("assigned")).toBe("wiki-readers");
    expect(value("consentId")).toMatch(/^\/oauth2PermissionGrants\/./);
    expect(value("passwordId")).toBe(`${objectId}/password/${value("keyId")}`);
    expect(value("endDate")).toBe("2030-01-01T00:00:00Z");
    expect(first.outputs["value"]?.secret).toBe(true);
    expect(await stack.state()).not.toContain(value("value"));

    expect((await stack.up(registration(name))).changes).toEqual({ same: 5 });
    await stack.refresh();
    expect((await stack.preview(registration(name))).changes, "after a refresh").toEqual({ same: 5 });

    const moved = { redirectUri: "https://moved.lab.test/oauth2/callback" };
    const preview = await stack.preview(registration(name, moved));
    // The client ID stays known, so that nothing that depends on it shows as changed.
    expect(preview.changes).toEqual({ update: 1, same: 4 });
    expect(preview.text).toContain("https://moved.lab.test/oauth2/callback");
    const second = await stack.up(registration(name, moved));
    expect(second.changes).toEqual({ update: 1, same: 4 });
    expect(second.outputs["clientId"]?.value).toBe(value("clientId"));

    const third = await stack.up(registration(name, { ...moved, secret: "second" }));
    expect(third.changes).toEqual({ replace: 1, same: 4 });
    expect(third.outputs["value"]?.value).not.toBe(value("value"));
    expect(third.outputs["keyId"]?.value).not.toBe(value("keyId"));
  } finally {
    await stack.destroy();
  }
});

test("existing objects can be looked up, and a missing one is reported by name", async ({
  onTestFinished,
}) => {
  onTestFinished(() => entra.reset());
  await entra.setPermissions([...leastPermissions, "User.Read.All"]);
  const stack = await openStack(onTestFinished, environment);
  const run = await stack.up(() => {
    const config = azuread.getClientConfigOutput();
    const group = azuread.getGroupOutput({ displayName: "wiki-readers", securityEnabled: true });
    const user = azuread.getUserOutput({ userPrincipalName: "ada@lab.test" });
    return Promise.resolve({
      tenantId: config.tenantId,
      clientId: config.clientId,
      group: group.objectId,
      user: user.objectId,
      manager: user.managerId,
      principal: azuread.getServicePrincipalOutput({ clientId: graph }).displayName,
    });
  });
  expect(run.outputs["tenantId"]?.value).toBe(deployer.tenantId);
  expect(run.outputs["clientId"]?.value).toBe(deployer.clientId);
  expect(run.outputs["group"]?.value).toBe(readers);
  expect(run.outputs["user"]?.value).toBe(ada);
  expect(run.outputs["manager"]?.value).toBe("");
  expect(run.outputs["principal"]?.value).toBe("Microsoft Graph");

  const unknown = async (look: () => pulumi.Output<unknown>) =>
    stack.upFails(() => Promise.resolve({ found: look() }));
  expect(await unknown(() => azuread.getUserOutput({ userPrincipalName: "gone@lab.test" }))).toContain(
    'User with UPN "gone@lab.test" was not found',
  );
  expect(
    await unknown(() => azuread.getGroupOutput({ displayName: "gone", securityEnabled: true })),
  ).toContain("No group found matching specified filter (displayName eq 'gone' and securityEnabled eq true)");
});

test("a refusal is reported with Graph's own code and message", async ({ onTestFinished }) => {
  const stack = await openStack(onTestFinished, environment);
  const error = await stack.upFails(() => {
    new azuread.ApplicationPassword("lost", {
      applicationId: "/applications/00000000-1111-4222-8333-444455556666",
    });
    return Promise.resolve();
  });
  expect(error).toContain('"00000000-1111-4222-8333-444455556666"');
  expect(error).toContain("was not found");

  // The deployer may register applications, and read no users.
  const denied = await stack.upFails(() => {
    const user = azuread.getUserOutput({ userPrincipalName: "ada@lab.test" });
    return Promise.resolve({ user: user.objectId });
  });
  expect(denied).toContain(
    "unexpected status 403 (403 Forbidden) with error: Authorization_RequestDenied: Insufficient privileges",
  );

  const closed = await openStack(onTestFinished, { ...environment, ARM_CLIENT_SECRET: "wrong" });
  expect(await closed.upFails(registration("never"))).toContain("invalid_client");
});

test("a tenant's policy on secrets is reported, with what it allows and what to do", async ({
  onTestFinished,
}) => {
  onTestFinished(() => entra.reset());
  const stack = await openStack(onTestFinished, environment);
  const run = registration(`contract ${randomUUID()}`);
  const program = () => {
    explainRefusals();
    return run();
  };
  try {
    await entra.behave({ secretDays: 180 });
    const tooLong = await stack.upFails(program);
    expect(tooLong).toMatch(/^.*CredentialInvalidLifetimeAsPerAppPolicy: Credential lifetime exceeds/m);
    expect(tooLong).toContain(
      "site: a policy of the tenant (app management policy) limits the lifetime of client secrets; set an earlier endDate",
    );
    await entra.behave({ secretDays: 0 });
    const none = await stack.upFails(program);
    expect(none).toContain("CredentialTypeNotAllowedAsPerAppPolicy");
    expect(none).toContain("site: a policy of the tenant (app management policy) forbids client secrets");
  } finally {
    await stack.destroy();
  }
});
