import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";

import { remedy } from "../../../components/entra/permissions.ts";
import { ProtectedSite, type ProtectedSiteArgs } from "../../../components/index.ts";
import { Registration } from "../../../components/entra/registration.ts";
import { checksum } from "../../../components/host/kept-text.ts";
import { siteFrom } from "../../../components/site/site.ts";
import { tenantId } from "../../sites.ts";
import { type Asked, clearTexts, deployed, isSecret } from "./pretend-cloud.ts";

const hostKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;
const args: ProtectedSiteArgs = {
  site: {
    domain: "wiki.example.com",
    port: 4180,
    upstream: "http://127.0.0.1:3000",
    emailDomains: ["example.com"],
    allowedGroups: ["7e57ab1e-0000-4000-8000-000000000001"],
  },
  tenantId,
  hosts: [
    { name: "edge-1", address: "10.0.0.11", hostKey },
    { name: "edge-2", address: "10.0.0.12", hostKey },
  ],
  deployerPrivateKey: "SECRET-private-key",
};

describe.each([
  ["update", false],
  ["preview, when nothing exists yet", true],
])("%s", (_, preview) => {
  let asked: Asked[];
  const one = (name: string) => {
    const found = asked.filter((it) => it.name === name && it.type === "command:local:Command");
    expect(found, name).toHaveLength(1);
    return found[0]?.inputs ?? {};
  };
  beforeAll(async () => {
    asked = await deployed(() => new ProtectedSite("wiki", args), { preview });
  });

  test("each host gets the site's files and, separately, its secrets", () => {
    for (const host of ["edge-1", "edge-2"]) {
      expect(one(`wiki-${host}`)["create"]).toBe("sudo -n /usr/local/sbin/protected-sites push");
      expect(one(`wiki-${host}-credentials`)["create"]).toBe(
        "sudo -n /usr/local/sbin/protected-sites credentials # client secret 1, cookie secret 1",
      );
    }
  });

  test("the whole text of the files is known, and stands once for all hosts", () => {
    const text = String(one("wiki-edge-1")["stdin"]);
    expect(text).toMatch(/^protected-sites bundle 1\n==> site.json\n/);
    expect(text).toContain("server_name wiki.example.com;");
    expect(text).toMatch(/==> end\n$/);
    expect(one("wiki-edge-2")["stdin"]).toBe(`as wiki-edge-1, SHA-256 ${checksum(text)}`);
  });

  test("a change of the files is an update in place, on a host whose key is pinned", () => {
    for (const { inputs } of asked.filter((it) => it.type === "command:local:Command")) {
      expect(JSON.stringify(inputs["environment"])).toContain(`"HOST_KEY":"${hostKey}"`);
      expect(inputs).not.toHaveProperty("triggers");
      expect(inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
    }
  });

  test("what the engine stores in plain text contains no secret", () => {
    const texts = asked.flatMap(({ inputs }) => clearTexts(inputs)).join("\n");
    expect(texts).toContain("server_name wiki.example.com;");
    expect(texts).not.toContain("SECRET");
  });

  test("what a reviewer sees contains nothing that Entra generates", () => {
    for (const host of ["edge-1", "edge-2"]) {
      expect(one(`wiki-${host}`)["stdin"]).not.toContain("client-id-from-entra");
    }
  });
});

test("every secret is marked as one before it leaves the program", async () => {
  const asked = await deployed(() => new ProtectedSite("wiki", args));
  const credentials = asked.filter((it) => it.name.endsWith("-credentials"));
  expect(credentials).toHaveLength(2);
  for (const { inputs } of credentials) expect(isSecret(inputs["stdin"])).toBe(true);
  for (const { inputs } of asked.filter((it) => it.type === "command:local:Command")) {
    expect(JSON.stringify(inputs["environment"])).toContain("SECRET-private-key");
    expect(clearTexts(inputs["environment"]).join()).not.toContain("SECRET");
  }
});

test("the state encrypts what a secret is derived from, and a host's output about it", async () => {
  const { site } = args;
  const withRedis = { ...site, sessionStore: "redis", redis: { host: "redis.example.com" } };
  const asked = await deployed(
    () => new ProtectedSite("wiki", { ...args, site: withRedis, redisPassword: "SECRET-redis" }),
  );
  const kept = asked
    .filter(({ secretOutputs }) => secretOutputs.length > 0)
    .map(({ name, secretOutputs }) => `${name}: ${[...new Set(secretOutputs)].sort().join(", ")}`);
  expect(kept.sort()).toEqual([
    "wiki-client-secret-1: value",
    "wiki-cookie-secret: bcryptHash, result",
    "wiki-edge-1-credentials: stderr, stdin, stdout",
    "wiki-edge-2-credentials: stderr, stdin, stdout",
    "wiki-fingerprint-key: bcryptHash, result",
    "wiki-sessions: stderr, stdin, stdout",
  ]);
});

test("everything derived from the client secret is secret", async () => {
  let made: Registration | undefined;
  await deployed(() => {
    made = new Registration("wiki", { site: siteFrom("wiki", args.site) });
  });
  if (made === undefined) throw new Error("nothing was registered");
  expect(await pulumi.isSecret(made.clientSecret)).toBe(true);
  expect(await pulumi.isSecret(made.clientId)).toBe(false);
});

test("hosts get the newest of several client secrets, through a user that may only push", async () => {
  const site = { ...args.site, clientSecrets: [{ generation: 1 }, { generation: 2 }] };
  const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site }));
  for (const { name, inputs } of asked.filter((it) => it.type === "command:local:Command")) {
    expect(JSON.stringify(inputs["environment"])).toContain('"HOST_USER":"protected-sites"');
    if (!name.endsWith("-credentials")) continue;
    expect(JSON.stringify(inputs["stdin"])).toContain("SECRET of wiki-client-secret-2");
    expect(JSON.stringify(inputs["stdin"])).not.toContain("SECRET of wiki-client-secret-1");
  }
});

test("the first host has a site's files and secrets before any other host gets either", async () => {
  const asked = await deployed(() => new ProtectedSite("wiki", args));
  const after = (name: string) =>
    asked.find((it) => it.name === name && it.type === "command:local:Command")?.after ?? [];
  const first = ["wiki-edge-1-credentials", "wiki-edge-1"];
  expect(after("wiki-edge-2-credentials")).toEqual(expect.arrayContaining(first));
  expect(after("wiki-edge-2")).toEqual(expect.arrayContaining(first));
  for (const name of first) expect(after(name).join()).not.toContain("edge-2");
});

test("no host gets a rule before its assignments exist in Entra, nor files before their secrets", async () => {
  const asked = await deployed(() => new ProtectedSite("wiki", args));
  for (const host of ["edge-1", "edge-2"]) {
    const push = asked.find((it) => it.name === `wiki-${host}` && it.type === "command:local:Command");
    expect(push?.after).toEqual(expect.arrayContaining([`wiki-${host}-credentials`, "wiki"]));
  }
});

test("the site's callback is the only redirect URI, and groups are assigned to the registration", async () => {
  const asked = await deployed(() => new ProtectedSite("wiki", args));
  const inputs = (type: string) => asked.find((it) => it.type.endsWith(type))?.inputs;
  expect(inputs(":Application")).toMatchObject({
    displayName: "Protected site wiki.example.com",
    signInAudience: "AzureADMyOrg",
    web: {
      redirectUris: [
        "https://wiki.example.com/oauth2/callback",
        "https://wiki.example.com/oauth2/signed-out",
      ],
      logoutUrl: "https://wiki.example.com/.well-known/protected-sites/front-channel-logout",
    },
    groupMembershipClaims: ["ApplicationGroup"],
  });
  expect(inputs(":ServicePrincipal")).toMatchObject({ appRoleAssignmentRequired: true });
  expect(inputs(":AppRoleAssignment")).toMatchObject({
    principalObjectId: "7e57ab1e-0000-4000-8000-000000000001",
  });
});

test("the password of a Redis is pushed with a site's secrets if its sessions are stored there", async () => {
  const { site } = args;
  const withRedis = { ...site, sessionStore: "redis", redis: { host: "redis.example.com" } };
  const sent = async (site: ProtectedSiteArgs["site"]) => {
    const asked = await deployed(
      () => new ProtectedSite("wiki", { ...args, site, redisPassword: "SECRET-redis" }),
    );
    expect(asked.flatMap(({ inputs }) => clearTexts(inputs)).join("\n")).not.toContain("SECRET");
    return JSON.stringify(asked.find((it) => it.name === "wiki-edge-1-credentials")?.inputs["stdin"]);
  };
  expect(await sent(withRedis)).toContain("OAUTH2_PROXY_REDIS_PASSWORD");
  expect(await sent(site)).not.toContain("REDIS");
});

test("one host deletes the sessions from a Redis, and only when the site is removed", async () => {
  const { site } = args;
  const withRedis = { ...site, sessionStore: "redis", redis: { host: "redis.example.com", database: 2 } };
  const asked = await deployed(
    () => new ProtectedSite("wiki", { ...args, site: withRedis, redisPassword: "SECRET-redis" }),
  );
  const sessions = asked.filter(({ inputs }) => String(inputs["delete"]).endsWith("forget-sessions"));
  expect(sessions.map(({ name }) => name)).toEqual(["wiki-sessions"]);
  const inputs = sessions[0]?.inputs ?? {};
  expect(inputs).not.toHaveProperty("create");
  expect(inputs).toMatchObject({ logging: "stderr" });
  expect(isSecret(inputs["stdin"])).toBe(true);
  expect(JSON.parse((inputs["stdin"] as { value: string }).value)).toEqual({
    domain: "wiki.example.com",
    cookieName: "__Host-_oauth2_proxy_wiki_example_com",
    host: "redis.example.com",
    port: 6379,
    tls: true,
    database: 2,
    password: "SECRET-redis",
  });
});

test("a host's secrets are described by text that changes with them, and contains none", async () => {
  const toldOf = async (given: object, redisPassword = "SECRET-redis") => {
    const site = { ...args.site, sessionStore: "redis", redis: { host: "redis.example.com" }, ...given };
    const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site, redisPassword }));
    const { create } = asked.find((it) => it.name === "wiki-edge-1-credentials")?.inputs ?? {};
    return String(create).replace(/^.* # /, "");
  };
  const before = await toldOf({});
  expect(before).toMatch(/^client secret 1, cookie secret 1, Redis password [0-9a-f]{8}$/);
  expect(await toldOf({})).toBe(before);
  expect(
    await toldOf({ clientSecrets: [{ generation: 1 }, { generation: 3 }], cookieSecretGeneration: 2 }),
  ).toBe(before.replace("client secret 1, cookie secret 1", "client secret 3, cookie secret 2"));
  const other = await toldOf({}, "SECRET-other");
  expect(other.slice(0, -8)).toBe(before.slice(0, -8));
  expect(other).not.toBe(before);
});

test("the fingerprint of a Redis password is made with a secret key: it cannot be brute-forced", async () => {
  const { site } = args;
  const withRedis = { ...site, sessionStore: "redis", redis: { host: "redis.example.com" } };
  const told = async (name: string) => {
    const asked = await deployed(
      () => new ProtectedSite(name, { ...args, site: withRedis, redisPassword: "SECRET-redis" }),
    );
    const { create } = asked.find((it) => it.name === `${name}-edge-1-credentials`)?.inputs ?? {};
    return String(create).slice(-8);
  };
  // The pretend cloud makes each site's key out of its name.
  expect(await told("wiki")).not.toBe(await told("code"));
});

test("only a role that a program has can be given to programs, and tokens are of the second version", async () => {
  const applicationWith = async (applications: string[]) => {
    const roles = [{ value: "reader", users: ["ada@example.com"], applications }];
    const { allowedGroups: _, ...site } = args.site;
    const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site: { ...site, roles } }));
    return asked.find((it) => it.type.endsWith(":Application"))?.inputs;
  };
  expect(await applicationWith([])).toMatchObject({
    appRoles: [{ allowedMemberTypes: ["User"] }],
    // What oauth2-proxy checks the issuer of: a token of the first version has another.
    api: { requestedAccessTokenVersion: 2 },
  });
  expect(await applicationWith(["7e57ab1e-0000-4000-8000-0000000000a1"])).toMatchObject({
    appRoles: [{ allowedMemberTypes: ["User", "Application"] }],
  });
});

test("the stack consents for everybody, to the sign-in and to the site's API", async () => {
  const site = {
    ...args.site,
    identityHeaders: ["user", "accessToken"],
    accessTokenScope: "api://7e57ab1e-0000-4000-8000-00000000000a/read",
  };
  const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site }));
  const grants = asked
    .filter((it) => it.type.endsWith("PermissionGrant"))
    .map(({ inputs }) => inputs["claimValues"]);
  expect(new Set(grants)).toEqual(new Set([["openid", "profile", "email", "offline_access"], ["read"]]));
});

test("owners are set from the start, besides the deployer, by ID or as looked up; unknown ones are skipped", async () => {
  const grace = "7e57ab1e-0000-4000-8000-000000000002";
  const site = {
    ...args.site,
    owners: ["ada@example.com", "gone@example.com", grace],
    serviceManagementReference: "CMDB-4711",
  };
  const roleHolders = { "ada@example.com": "id-of-ada" };
  const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site, roleHolders }));
  const [application, principal] = ["Application", "ServicePrincipal"].map(
    (type) => asked.find((it) => it.type.endsWith(`:${type}`))?.inputs,
  );
  expect(application?.["serviceManagementReference"]).toBe("CMDB-4711");
  for (const it of [application, principal]) {
    expect(it?.["owners"]).toHaveLength(3);
    expect((it?.["owners"] as string[]).slice(1)).toEqual(["id-of-ada", grace]);
  }
});

test("an error about owners names the permission that the deployer lacks, and any other error its own", () => {
  const type = "azuread:index/application:Application";
  const denied = "unexpected status 403 (403 Forbidden) with error: Authorization_RequestDenied";
  expect(remedy(type, `Could not add owners to application with object ID: "1": ${denied}`)).toContain(
    "lacks the application permission Directory.Read.All (in addition to Application.ReadWrite.OwnedBy, to change owners)",
  );
  expect(remedy(type, denied)).toContain("lacks the application permission Application.ReadWrite.OwnedBy of");
  expect(remedy(type, "Could not add owners to application: 503")).toBeUndefined();
});

test("a conditional access policy applies only to the site, and is report-only by default", async () => {
  const policyOf = async (conditionalAccess: NonNullable<ProtectedSiteArgs["site"]["conditionalAccess"]>) => {
    const site = { ...args.site, conditionalAccess };
    const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site }));
    return asked.find((it) => it.type.endsWith(":ConditionalAccessPolicy"))?.inputs;
  };
  expect(await policyOf({})).toMatchObject({
    state: "enabledForReportingButNotEnforced",
    conditions: {
      applications: { includedApplications: ["client-id-from-entra"] },
      users: { includedUsers: ["All"] },
    },
    grantControls: { operator: "OR", builtInControls: ["mfa"] },
  });
  const frequent = await policyOf({ mfa: false, signInFrequencyHours: 4, state: "enabled" });
  expect(frequent).toMatchObject({
    state: "enabled",
    sessionControls: { signInFrequency: 4, signInFrequencyPeriod: "hours" },
  });
  expect(frequent).not.toHaveProperty("grantControls");
});

test("roles are part of the registration, and assigned to groups and users by object ID or by name", async () => {
  const roles = [
    { value: "reader", groups: ["Wiki readers", "7e57ab1e-0000-4000-8000-000000000001"] },
    { value: "editor", users: ["ada@example.com"] },
  ];
  const { allowedGroups: _, ...site } = args.site;
  const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site: { ...site, roles } }));
  const application = asked.find((it) => it.type.endsWith(":Application"))?.inputs;
  const appRoles = application?.["appRoles"] as { id: string; value: string }[];
  expect(appRoles.map(({ value }) => value)).toEqual(["reader", "editor"]);
  expect(application).not.toHaveProperty("groupMembershipClaims");
  expect(asked.find((it) => it.type.endsWith(":ServicePrincipal"))?.inputs).toMatchObject({
    appRoleAssignmentRequired: true,
  });
  const given = asked.filter((it) => it.type.endsWith(":AppRoleAssignment")).map(({ inputs }) => inputs);
  const [reader, editor] = appRoles.map(({ id }) => id);
  // Look-ups take their time, so that the order is not that of the settings.
  expect(new Set(given.map((it) => [it["appRoleId"], it["principalObjectId"]]))).toEqual(
    new Set([
      [reader, "object of azuread:index/getGroup:getGroup"],
      [reader, "7e57ab1e-0000-4000-8000-000000000001"],
      [editor, "object of azuread:index/getUser:getUser"],
    ]),
  );
});

test("a group that only a path requires is in the tokens, and does not lock others out", async () => {
  const { allowedGroups: [group = ""] = [], ...site } = args.site;
  const paths = [{ path: "/admin", allowedGroups: [group] }];
  const asked = await deployed(() => new ProtectedSite("wiki", { ...args, site: { ...site, paths } }));
  const inputs = (type: string) => asked.find((it) => it.type.endsWith(type))?.inputs;
  expect(inputs(":Application")).toMatchObject({ groupMembershipClaims: ["ApplicationGroup"] });
  expect(inputs(":AppRoleAssignment")).toMatchObject({ principalObjectId: group });
  expect(inputs(":ServicePrincipal")).toMatchObject({ appRoleAssignmentRequired: false });
});

test("an invalid site is refused before the engine is called", async () => {
  let thrown: unknown;
  const asked = await deployed(() => {
    try {
      new ProtectedSite("wiki", { ...args, site: { ...args.site, port: 80 } });
    } catch (error) {
      thrown = error;
    }
  });
  expect(String(thrown)).toContain(
    'ProtectedSite, site "wiki": port must be a whole number from 1024 to 65535, got 80',
  );
  expect(asked.filter((it) => it.type !== "pulumi:pulumi:Stack")).toEqual([]);
});

test("an adopted cookie secret is used until there is a new generation, which is a reported change", async () => {
  const sent = async (generation: number, adoptedCookieSecret?: string) => {
    const site = { ...args.site, cookieSecretGeneration: generation };
    const given = adoptedCookieSecret === undefined ? {} : { adoptedCookieSecret };
    const asked = await deployed(() => new ProtectedSite("wiki", { ...args, ...given, site }));
    const made = asked.find(({ type }) => type.endsWith(":RandomPassword"));
    const stdin = asked.find(({ name }) => name === "wiki-edge-1-credentials")?.inputs["stdin"];
    expect(isSecret(stdin)).toBe(true);
    return { keepers: JSON.stringify(made?.inputs["keepers"]), stdin: JSON.stringify(stdin) };
  };
  const [takenOver, next, own] = [
    await sent(1, "SECRET-theirs"),
    await sent(2, "SECRET-theirs"),
    await sent(1),
  ];
  expect(takenOver.stdin).toContain("SECRET-theirs");
  expect(next.stdin).not.toContain("SECRET-theirs");
  expect(new Set([takenOver.keepers, next.keepers, own.keepers]).size).toBe(3);
});

test("a cookie secret's keepers never change: a change would sign everybody out", async () => {
  const asked = await deployed(() => new ProtectedSite("wiki", args));
  const { type, name, inputs } = asked.find((it) => it.type.endsWith(":RandomPassword")) ?? {};
  expect({ type, name, inputs }).toEqual({
    type: "random:index/randomPassword:RandomPassword",
    name: "wiki-cookie-secret",
    inputs: {
      length: 43,
      special: false,
      keepers: { "generation (a new one signs everybody of wiki.example.com out, once)": "1" },
    },
  });
});
