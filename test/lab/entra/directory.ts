/** The tenant as it is at first: its people, their groups, Microsoft Graph and the deployer. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { directoryDate } from "./dates.ts";
import { makeSigningKey } from "./keys.ts";
import type { AppRoleAssignment, Behaviour, Group, Principal, Registration, Tenant, User } from "./model.ts";
import {
  type ApplicationPermission,
  applicationPermissions,
  delegatedPermissions,
  graphAppId,
  leastPermissions,
} from "./permissions.ts";
import { newApplication, newServicePrincipal } from "./objects.ts";
import { hash, makeSecret, newPassword, newSecretText } from "./secrets.ts";

/** The lab's tenant. */
export const tenantId = "5f0c0de0-1111-4222-8333-444455556666";

/** Its one verified domain; both this and {@link tenantId} stand for it in URLs. */
export const tenantDomain = "lab.test";

/** Object ID of the group that may open the wiki. */
export const wikiReaders = "7e57ab1e-0000-4000-8000-000000000001";

/** Everybody of the tenant. */
export type UserKey = "ada" | "bob" | "eve" | "grace" | "hedy" | "mallory";

/** Somebody who can sign in, as users.json has it. */
export interface Person {
  /** What is typed at the sign-in. */
  readonly userPrincipalName: string;
  readonly password: string;
  /** Who that is, in words. */
  readonly note: string;
}

/** What users.json and deployer.json hold. */
export interface Credentials {
  readonly users: Readonly<Record<UserKey, Person>>;
  readonly deployer: {
    readonly tenantId: string;
    readonly clientId: string;
    readonly clientSecret: string;
    /** Of its service principal. */
    readonly objectId: string;
  };
}

/** The credentials of a tenant that has been made in `directory`. */
export function readCredentials(directory: string): Credentials {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(directory, name), "utf8"));
  return { users: read("users.json"), deployer: read("deployer.json") } as Credentials;
}

/** Nothing out of the ordinary. */
export const wellBehaved: Behaviour = {
  newSecrets: { delaySeconds: 0, meanwhile: "refuse" },
  throttle: { calls: 0, retryAfterSeconds: 1 },
  outage: { login: "none", graph: "none" },
  lostAnswers: 0,
  clockSkewSeconds: 0,
  tokenLifetimeSeconds: null,
  secretDays: null,
  interactionRequired: [],
  concurrencyViolations: 0,
  usersDelta: { pageSize: 100, tokens: "known", tracksSessions: true },
};

interface Entry {
  readonly key: UserKey;
  readonly note: string;
  readonly number: number;
  readonly name: readonly [given: string, family: string];
  readonly mail: string | null;
  readonly groups: readonly string[];
  readonly homeDomain?: string;
  readonly enabled?: boolean;
}

const many = (count: number) => Array.from({ length: count }, (_, index) => numberedGroup(index + 1).id);

const people: readonly Entry[] = [
  {
    key: "ada",
    note: "member, in the group wiki-readers: may open every site",
    number: 1,
    name: ["Ada", "Lovelace"],
    mail: "ada@lab.test",
    groups: [wikiReaders],
  },
  // Like many members: no mail address, so no `email` claim.
  {
    key: "bob",
    note: "member without a mail address, not in that group",
    number: 2,
    name: ["Bob", "Kahn"],
    mail: null,
    groups: ["7e57ab1e-0000-4000-8000-000000000002"],
  },
  {
    key: "eve",
    note: "guest from another e-mail domain",
    number: 3,
    name: ["Eve", "Guest"],
    mail: "eve@elsewhere.test",
    groups: [],
    homeDomain: "elsewhere.test",
  },
  {
    key: "grace",
    note: "member of 150 groups: her tokens are long",
    number: 4,
    name: ["Grace", "Hopper"],
    mail: "grace@lab.test",
    groups: many(150),
  },
  {
    key: "hedy",
    note: "member of 250 groups: more than a token tells of",
    number: 5,
    name: ["Hedy", "Lamarr"],
    mail: "hedy@lab.test",
    groups: many(250),
  },
  {
    key: "mallory",
    note: "in the group wiki-readers, but disabled",
    number: 6,
    name: ["Mallory", "Former"],
    mail: null,
    groups: [wikiReaders],
    enabled: false,
  },
];

/** The groups that the example environments name; who wants members in them puts them there. */
const exampleGroups = ["All staff", "Editors", "Developers", "Operations", "Partner portal", "Auditors"].map(
  (displayName, index) => ({ id: `7e57ab1e-0000-4000-8000-00000000001${index + 1}`, displayName }),
);

/** Changes with what entra.json holds; a file of another format is of no use. */
export const format = 1;

/** Another tenant, where guests are at home. */
const elsewhere = "e15e0000-0000-4000-8000-000000000001";

function numberedGroup(number: number): { readonly id: string; readonly displayName: string } {
  const displayName = `team-${String(number).padStart(3, "0")}`;
  // As random as Entra's: what is alike is compressed, and sessions would be smaller than anybody's.
  const hash = createHash("sha256").update(displayName).digest("hex");
  const id = [hash.slice(0, 8), hash.slice(8, 12), `4${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`];
  return { id: [...id, hash.slice(20, 32)].join("-"), displayName };
}

/**
 * Makes a tenant. @param kept - One whose passwords, keys and deployer go on to be valid; the credentials that are
 * returned are then without meaning.
 */
export async function makeTenant(kept?: Tenant): Promise<{ tenant: Tenant; credentials: Credentials }> {
  const passwords = new Map<string, string>(people.map(({ key }) => [key, newPassword()]));
  const deployerSecret = newSecretText();
  const graph = graphPrincipal();
  const keptDeployer = kept?.registrations.find(isDeployer);
  const deployer =
    keptDeployer ??
    ({
      application: newApplication({ displayName: "deployer" }, tenantDomain),
      owners: [],
      secrets: [makeSecret(deployerSecret, { displayName: "lab" }, wellBehaved.newSecrets)],
      federatedCredentials: [],
    } satisfies Registration);
  const { appId } = deployer.application;
  const principal = kept?.principals.find((one) => one.servicePrincipal.appId === appId) ?? {
    servicePrincipal: newServicePrincipal(deployer.application, {}, tenantId),
    owners: [],
  };
  const tenant: Tenant = {
    format,
    tenantId,
    users: people.map((person) => userOf(person, hash(passwords.get(person.key) ?? ""), kept)),
    deletedUsers: [],
    deltaTokens: {},
    groups: groups(),
    registrations: [deployer],
    principals: [graph, principal],
    appRoleAssignments: [],
    permissionGrants: [],
    policies: [],
    salt: kept?.salt ?? randomBytes(32).toString("base64url"),
    signingKeys: kept?.signingKeys ?? [await makeSigningKey(), await makeSigningKey()],
    graphKey: kept?.graphKey ?? (await makeSigningKey()),
    oidc: {},
    behaviour: structuredClone(wellBehaved),
  };
  givePermissions(tenant, leastPermissions);
  const users = people.map(({ key, note, homeDomain = tenantDomain }) => [
    key,
    { userPrincipalName: `${key}@${homeDomain}`, password: passwords.get(key) ?? "", note },
  ]);
  return {
    tenant,
    credentials: {
      users: Object.fromEntries(users) as Credentials["users"],
      deployer: {
        tenantId,
        clientId: appId,
        clientSecret: deployerSecret,
        objectId: principal.servicePrincipal.id,
      },
    },
  };
}

/** Puts people, groups and the deployer's permissions back to what they were at first. */
export function restorePeople(tenant: Tenant): void {
  tenant.groups = groups();
  const all = [...tenant.users, ...tenant.deletedUsers];
  tenant.users = people.flatMap((person) => {
    const { enabled = true } = person;
    return all
      .filter(({ key }) => key === person.key)
      .map((user) => ({ ...user, ...namesOf(person), accountEnabled: enabled }));
  });
  tenant.deletedUsers = [];
  givePermissions(tenant, leastPermissions);
}

/** Gives the deployer exactly these permissions of Graph. */
export function givePermissions(tenant: Tenant, permissions: readonly ApplicationPermission[]): void {
  const principalOf = (matches: (appId: string) => boolean) => {
    const found = tenant.principals.find(({ servicePrincipal }) => matches(servicePrincipal.appId));
    if (found === undefined) throw new Error("the tenant's file lacks the deployer, or Microsoft Graph");
    return found;
  };
  const deployer = tenant.registrations.find(isDeployer)?.application.appId;
  const holder = principalOf((appId) => appId === deployer);
  const graph = principalOf((appId) => appId === graphAppId);
  const others = tenant.appRoleAssignments.filter(
    ({ principalId, resourceId }) =>
      principalId !== holder.servicePrincipal.id || resourceId !== graph.servicePrincipal.id,
  );
  tenant.appRoleAssignments = [...others, ...permissions.map((name) => permissionOf(name, holder, graph))];
}

/** Whether it is the registration of the deployer. */
export function isDeployer({ application }: Registration): boolean {
  return application.displayName === "deployer";
}

/** An application permission of Graph, as it is granted: an assignment of Graph's role. */
function permissionOf(
  name: ApplicationPermission,
  { servicePrincipal: holder }: Principal,
  { servicePrincipal: graph }: Principal,
): AppRoleAssignment {
  return {
    id: randomBytes(32).toString("base64url"),
    appRoleId: applicationPermissions[name],
    principalId: holder.id,
    principalType: "ServicePrincipal",
    principalDisplayName: holder.displayName,
    resourceId: graph.id,
    resourceDisplayName: graph.displayName,
    createdDateTime: directoryDate(),
  };
}

function namesOf({ key, homeDomain }: { readonly key: string; readonly homeDomain?: string | undefined }) {
  return {
    userPrincipalName:
      homeDomain === undefined
        ? `${key}@${tenantDomain}`
        : `${key}_${homeDomain}#EXT#@${tenantDomain.replace(".", "")}.onmicrosoft.com`,
    signInName: `${key}@${homeDomain ?? tenantDomain}`,
  };
}

function userOf(
  { key, number, name, mail, homeDomain, enabled = true }: Entry,
  passwordHash: string,
  kept?: Tenant,
): User {
  const [givenName, surname] = name;
  return {
    id: `0fee1000-0000-4000-8000-00000000000${String(number)}`,
    key,
    displayName: `${givenName} ${surname}`,
    givenName,
    surname,
    mail,
    ...namesOf({ key, homeDomain }),
    userType: homeDomain === undefined ? "Member" : "Guest",
    ...(homeDomain === undefined ? {} : { homeTenantId: elsewhere }),
    accountEnabled: enabled,
    passwordHash:
      [...(kept?.users ?? []), ...(kept?.deletedUsers ?? [])].find((user) => user.key === key)
        ?.passwordHash ?? passwordHash,
    validFrom: 0,
  };
}

function groups(): Group[] {
  const named = [
    { id: wikiReaders, displayName: "wiki-readers" },
    { id: "7e57ab1e-0000-4000-8000-000000000002", displayName: "staff" },
    { id: "7e57ab1e-0000-4000-8000-000000000003", displayName: "wiki-editors" },
    // Its only member is a group: what assignments of nested groups are worth can be seen.
    { id: "7e57ab1e-0000-4000-8000-000000000004", displayName: "all-staff" },
    // Two of the same name, as every large tenant has them.
    { id: "7e57ab1e-0000-4000-8000-000000000005", displayName: "twice" },
    { id: "7e57ab1e-0000-4000-8000-000000000006", displayName: "twice" },
    ...exampleGroups,
    ...Array.from({ length: 250 }, (_, index) => numberedGroup(index + 1)),
  ];
  const members = (id: string) => [
    ...people
      .filter(({ groups: in_ }) => in_.includes(id))
      .map(({ number }) => `0fee1000-0000-4000-8000-00000000000${String(number)}`),
    ...(id.endsWith("-8000-000000000004") ? ["7e57ab1e-0000-4000-8000-000000000002"] : []),
  ];
  return named.map(({ id, displayName }) => ({
    id,
    displayName,
    description: null,
    mailEnabled: false,
    securityEnabled: true,
    mailNickname: displayName,
    members: members(id),
  }));
}

function graphPrincipal(): Principal {
  const graph = newApplication({ displayName: "Microsoft Graph" }, "microsoft.com");
  const roles = Object.entries(applicationPermissions).map(([value, id]) => ({
    id,
    value,
    displayName: value,
    description: value,
    allowedMemberTypes: ["Application"],
    isEnabled: true,
  }));
  const servicePrincipal = newServicePrincipal({ ...graph, appId: graphAppId }, {}, tenantId);
  return {
    servicePrincipal: {
      ...servicePrincipal,
      id: randomUUID(),
      appOwnerOrganizationId: "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
      appRoles: roles,
      oauth2PermissionScopes: delegatedPermissions.map((permission) => ({ ...permission, isEnabled: true })),
      servicePrincipalNames: [graphAppId, "https://graph.microsoft.com"],
    },
    owners: [],
  };
}
