/** The lab's tenant as it is when it is first started. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { exportJWK, generateKeyPair } from "jose";

import { Store, readState, writeWhole } from "./state.ts";
import type { Application, ServicePrincipal, State, User } from "./state.ts";

export const tenantId = "5f0c0de0-1111-4222-8333-444455556666";
export const tenantDomain = "lab.test";

/** The group that opens the site wiki. */
export const wikiReaders = "7e57ab1e-0000-4000-8000-000000000001";

/** Microsoft Graph's application ID, the same in every tenant. */
export const graphAppId = "00000003-0000-0000-c000-000000000000";

/** Delegated permissions of Microsoft Graph, https://learn.microsoft.com/graph/permissions-reference */
export const delegatedPermissions = {
  openid: "37f7f235-527c-4136-accd-4a02d197296e",
  profile: "14dad69e-099b-42c9-810b-d002981feec1",
  email: "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
  offline_access: "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
  "User.Read": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
  "GroupMember.Read.All": "bc024368-1153-4739-b217-4326f2e966d0",
} as const;

/** Application permissions of Microsoft Graph; the deployer has all of them until the control API says otherwise. */
export const applicationPermissions = {
  "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
  "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
  "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
  "DelegatedPermissionGrant.ReadWrite.All": "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
  "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
  "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
  "Policy.ReadWrite.ConditionalAccess": "01c0a623-fc9b-48e9-b794-0756f8e8f067",
} as const;

/** Somebody who can sign in, as `users.json` lists them. */
export interface Person {
  /** What is typed into the sign-in page. */
  readonly userPrincipalName: string;
  readonly password: string;
  readonly note: string;
}

/** What `deployer.json` holds: the client credentials of the program. */
export interface Deployer {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

const people = [
  {
    name: "ada",
    signInName: `ada@${tenantDomain}`,
    note: "member, in the group wiki-readers: may open every site",
  },
  {
    name: "bob",
    signInName: `bob@${tenantDomain}`,
    note: "member, not in the group: may open code, not wiki",
  },
  { name: "eve", signInName: "eve@elsewhere.test", note: "guest of another e-mail domain: may open nothing" },
] as const;

/** Opens the tenant of a folder; makes it, with `users.json` and `deployer.json`, where there is none. */
export async function openDirectory(directory: string): Promise<Store> {
  const known = readState(directory);
  if (known !== undefined) return new Store(directory, known);

  const passwords = people.map(() => randomPassword());
  const users = people.map(({ name, signInName }, index) =>
    makeUser(name, signInName, passwords[index] ?? ""),
  );
  const deployer = { tenantId, clientId: randomUUID(), clientSecret: randomPassword() };
  const store = new Store(directory, await firstState(users, deployer));
  writeWhole(
    join(directory, "users.json"),
    people.map(({ signInName, note }, index): Person => {
      return { userPrincipalName: signInName, password: passwords[index] ?? "", note };
    }),
  );
  writeWhole(join(directory, "deployer.json"), deployer);
  // Last: as long as it is missing, the next start begins anew.
  store.save();
  return store;
}

/** The people of a folder's `users.json` by their short names. */
export function readPeople(directory: string): Record<"ada" | "bob" | "eve", Person> {
  const list = JSON.parse(readFileSync(join(directory, "users.json"), "utf8")) as Person[];
  const named = list.map((person) => [person.userPrincipalName.split("@")[0], person]);
  return Object.fromEntries(named) as ReturnType<typeof readPeople>;
}

/** What is kept of a random secret. */
export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** 240 random bits in the characters of Entra's own secrets. */
export function randomPassword(): string {
  return randomBytes(30).toString("base64url");
}

async function firstState(users: User[], deployer: Deployer): Promise<State> {
  const byId = <T extends { readonly id: string }>(list: T[]) =>
    Object.fromEntries(list.map((one) => [one.id, one]));
  const keyId = randomUUID();
  const application: Application = {
    id: randomUUID(),
    appId: deployer.clientId,
    displayName: "Deployer of the lab",
    signInAudience: "AzureADMyOrg",
    owners: [],
    passwordCredentials: [
      {
        keyId,
        displayName: "lab",
        hint: deployer.clientSecret.slice(0, 3),
        startDateTime: "2020-01-01T00:00:00Z",
        endDateTime: "2120-01-01T00:00:00Z",
        secretText: null,
        customKeyIdentifier: null,
      },
    ],
  };
  const ada = users.find(({ signInName }) => signInName.startsWith("ada@"));
  return {
    tenantId,
    signingKeys: [await makeSigningKey(), await makeSigningKey()],
    encryptionKey: randomBytes(32).toString("base64url"),
    applications: byId([application]),
    servicePrincipals: byId([graphPrincipal(), { id: randomUUID(), appId: deployer.clientId, owners: [] }]),
    users: byId(users),
    groups: {
      [wikiReaders]: {
        id: wikiReaders,
        displayName: "wiki-readers",
        mailNickname: "wiki-readers",
        mailEnabled: false,
        securityEnabled: true,
        groupTypes: [],
        members: ada === undefined ? [] : [ada.id],
      },
    },
    appRoleAssignments: {},
    permissionGrants: {},
    policies: {},
    secrets: {
      [keyId]: { hash: hashOf(deployer.clientSecret), settledAt: 0, alternates: false, attempts: 0 },
    },
    deployerPermissions: Object.keys(applicationPermissions),
  };
}

async function makeSigningKey() {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomBytes(20).toString("base64url"), use: "sig" };
}

function graphPrincipal(): ServicePrincipal {
  const entries = (permissions: Readonly<Record<string, string>>) =>
    Object.entries(permissions).map(([value, id]) => ({ id, value, isEnabled: true }));
  return {
    id: randomUUID(),
    appId: graphAppId,
    displayName: "Microsoft Graph",
    appOwnerOrganizationId: "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    servicePrincipalType: "Application",
    accountEnabled: true,
    owners: [],
    oauth2PermissionScopes: entries(delegatedPermissions),
    appRoles: entries(applicationPermissions),
  };
}

function makeUser(name: string, signInName: string, password: string): User {
  const guest = !signInName.endsWith(`@${tenantDomain}`);
  return {
    id: randomUUID(),
    signInName,
    userPrincipalName: guest ? `${signInName.replace("@", "_")}#EXT#@${tenantDomain}` : signInName,
    displayName: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    givenName: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    userType: guest ? "Guest" : "Member",
    // Members have none here, as in tenants without Exchange: their tokens carry no email claim.
    mail: guest ? signInName : null,
    mailNickname: name,
    accountEnabled: true,
    sessionsValidFrom: 0,
    passwordHash: hashOf(password),
  };
}
