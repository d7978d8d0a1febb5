/** Microsoft Graph, as far as the azuread provider calls it. */
import { randomBytes, randomUUID } from "node:crypto";

import { hashOf, randomPassword, tenantDomain, tenantId } from "./directory.ts";
import type { Emulator } from "./emulator.ts";
import type {
  Application,
  DirectoryObject,
  PasswordCredential,
  PermissionGrant,
  ServicePrincipal,
} from "./state.ts";

/** A call, after its token has been looked at. */
export interface GraphCall {
  readonly method: string;
  /** Without `/v1.0` or `/beta`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly caller: { readonly objectId: string; readonly roles: readonly string[] };
}

/** An answer; without a body it has no content. */
export interface GraphAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** Graph refuses a call. */
export class GraphError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const forbidden = () =>
  new GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
const missing = (id: string) =>
  new GraphError(
    404,
    "Request_ResourceNotFound",
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );
const invalid = (message: string) => new GraphError(400, "Request_BadRequest", message);
const noContent: GraphAnswer = { status: 204 };
const ok = (body: unknown): GraphAnswer => ({ status: 200, body });

/**
 * Answers one call.
 * @throws GraphError
 */
export function answerGraph(emulator: Emulator, call: GraphCall): GraphAnswer {
  const [kind = "", ...rest] = call.path.split("/").filter(Boolean);
  const answer = answerKind(emulator, call, kind, rest);
  if (call.method !== "GET") emulator.store.save();
  return answer;
}

function answerKind(emulator: Emulator, call: GraphCall, kind: string, rest: readonly string[]): GraphAnswer {
  switch (kind) {
    case "applications":
      return applications(emulator, call, rest);
    case "servicePrincipals":
      return servicePrincipals(emulator, call, rest);
    case "oauth2PermissionGrants":
      return permissionGrants(emulator, call, rest);
    case "groups":
      return groups(emulator, call, rest);
    case "users":
      return users(emulator, call, rest);
    case "identity":
      if (rest[0] === "conditionalAccess" && rest[1] === "policies")
        return policies(emulator, call, rest.slice(2));
      break;
  }
  throw unknown(call);
}

const unknown = ({ method, path }: GraphCall) =>
  new GraphError(400, "BadRequest", `The lab's emulator of Graph does not know ${method} ${path}`);

function may({ caller }: GraphCall, ...roles: readonly string[]): boolean {
  return roles.some((role) => caller.roles.includes(role));
}

/** Application.ReadWrite.OwnedBy lets the caller see and change what it owns. */
function demandOwned(call: GraphCall, owners: readonly string[]): void {
  if (call.method === "GET" && may(call, "Application.Read.All")) return;
  if (may(call, "Application.ReadWrite.All")) return;
  if (may(call, "Application.ReadWrite.OwnedBy") && owners.includes(call.caller.objectId)) return;
  throw forbidden();
}

function demand(call: GraphCall, ...roles: readonly string[]): void {
  if (!may(call, ...roles)) throw forbidden();
}

// --- applications

function applications(
  emulator: Emulator,
  call: GraphCall,
  [id, action, ...rest]: readonly string[],
): GraphAnswer {
  const { state } = emulator;
  const { method, body } = call;
  if (id === undefined) {
    if (method === "GET") {
      demand(call, "Application.Read.All", "Application.ReadWrite.All");
      return list(Object.values(state.applications).map(applicationShown), call.query);
    }
    if (method !== "POST") throw unknown(call);
    demand(call, "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All");
    const made: Application = {
      ...defaultsOfApplication,
      ...writable(body),
      displayName: displayNameIn(body),
      id: randomUUID(),
      appId: randomUUID(),
      createdDateTime: new Date().toISOString(),
      publisherDomain: tenantDomain,
      passwordCredentials: [],
      owners: ownersBound(emulator, body),
    };
    state.applications[made.id] = made;
    return { status: 201, body: applicationShown(made) };
  }
  const application = state.applications[id];
  if (application === undefined) throw missing(id);
  demandOwned(call, application.owners);
  if (action === "owners") return ownersOf(emulator, call, application, rest);
  if (action === "addPassword" && method === "POST") return ok(addPassword(emulator, application, body));
  if (action === "removePassword" && method === "POST") return removePassword(emulator, application, body);
  if (action !== undefined) throw unknown(call);
  if (method === "GET") return ok(applicationShown(application));
  if (method === "PATCH") {
    if (body["appRoles"] !== undefined) demandDisabledFirst(application, body["appRoles"]);
    Object.assign(application, merged(application, writable(body)));
    return noContent;
  }
  if (method === "DELETE") {
    removeApplication(emulator, application);
    return noContent;
  }
  throw unknown(call);
}

const defaultsOfApplication = {
  signInAudience: "AzureADandPersonalMicrosoftAccount",
  appRoles: [],
  identifierUris: [],
  requiredResourceAccess: [],
  groupMembershipClaims: null,
  tags: [],
  api: {},
  web: { redirectUris: [] },
};

const applicationShown = ({ owners: _owners, ...shown }: Application) => shown;

/** What a caller may set: neither identity nor credentials. */
function writable(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fixed = new Set([
    "id",
    "appId",
    "owners",
    "passwordCredentials",
    "publisherDomain",
    "createdDateTime",
  ]);
  return Object.fromEntries(
    Object.entries(body).filter(([name]) => !fixed.has(name) && !name.includes("@odata.")),
  );
}

/** A PATCH leaves alone what it does not name, inside of complex properties, too. */
function merged(present: DirectoryObject, change: Record<string, unknown>): Record<string, unknown> {
  const isComplex = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  return Object.fromEntries(
    Object.entries(change).map(([name, value]) => {
      const before = present[name];
      return [name, isComplex(value) && isComplex(before) ? { ...before, ...value } : value];
    }),
  );
}

function displayNameIn(body: Readonly<Record<string, unknown>>): string {
  const name = body["displayName"];
  if (typeof name !== "string" || name === "") throw invalid("Property displayName is required.");
  return name;
}

function demandDisabledFirst(application: Application, wanted: unknown): void {
  interface Role {
    readonly id: string;
    readonly isEnabled: boolean;
  }
  const kept = new Map((wanted as Role[]).map((role) => [role.id, role]));
  for (const role of (application["appRoles"] ?? []) as Role[])
    if (role.isEnabled && !kept.has(role.id))
      throw new GraphError(
        400,
        "CannotDeleteOrUpdateEnabledEntitlement",
        "Permission (scope or role) cannot be deleted or updated unless disabled first.",
      );
}

function addPassword(
  { state, behaviour }: Emulator,
  application: Application,
  body: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const wanted = (body["passwordCredential"] ?? {}) as Record<string, string | undefined>;
  const text = randomPassword();
  const start = wanted["startDateTime"] ?? new Date().toISOString();
  const inTwoYears = new Date(start);
  inTwoYears.setUTCFullYear(inTwoYears.getUTCFullYear() + 2);
  const credential: PasswordCredential = {
    keyId: randomUUID(),
    displayName: wanted["displayName"] ?? null,
    hint: text.slice(0, 3),
    startDateTime: start,
    endDateTime: wanted["endDateTime"] ?? inTwoYears.toISOString(),
    secretText: null,
    customKeyIdentifier: null,
  };
  application.passwordCredentials.push(credential);
  state.secrets[credential.keyId] = {
    hash: hashOf(text),
    settledAt: Date.now() + behaviour.secretDelay * 1000,
    alternates: behaviour.secretAlternates,
    attempts: 0,
  };
  return { ...credential, secretText: text };
}

function removePassword(
  { state }: Emulator,
  application: Application,
  body: Readonly<Record<string, unknown>>,
): GraphAnswer {
  const keyId = String(body["keyId"]).toLowerCase();
  const kept = application.passwordCredentials.filter((one) => one.keyId !== keyId);
  if (kept.length === application.passwordCredentials.length)
    throw invalid(`No password credential found with keyId '${keyId}'.`);
  application.passwordCredentials = kept;
  state.secrets = Object.fromEntries(Object.entries(state.secrets).filter(([id]) => id !== keyId));
  return noContent;
}

function removeApplication(emulator: Emulator, application: Application): void {
  const { state } = emulator;
  for (const { keyId } of application.passwordCredentials) remove(state.secrets, keyId);
  const principal = emulator.principalOf(application.appId);
  if (principal !== undefined) removePrincipal(emulator, principal);
  remove(state.applications, application.id);
}

function remove(record: Record<string, unknown>, id: string): void {
  Reflect.deleteProperty(record, id);
}

// --- service principals

function servicePrincipals(
  emulator: Emulator,
  call: GraphCall,
  [id, action, ...rest]: readonly string[],
): GraphAnswer {
  const { state } = emulator;
  const { method, body } = call;
  const shown = (one: ServicePrincipal) => principalShown(emulator, one);
  if (id === undefined) {
    if (method === "GET") {
      demand(call, "Application.ReadWrite.OwnedBy", "Application.Read.All", "Application.ReadWrite.All");
      return list(Object.values(state.servicePrincipals).map(shown), call.query);
    }
    if (method !== "POST") throw unknown(call);
    const appId = String(body["appId"]).toLowerCase();
    const application = emulator.applicationOf(appId);
    if (application === undefined)
      throw new GraphError(
        400,
        "Request_BadRequest",
        `The appId '${appId}' of the service principal does not reference a valid application object.`,
      );
    demandOwned(call, application.owners);
    if (emulator.principalOf(appId) !== undefined)
      throw new GraphError(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        `The service principal cannot be created, updated, or restored because the service principal name ${appId} is already in use.`,
      );
    const made: ServicePrincipal = {
      accountEnabled: true,
      appRoleAssignmentRequired: false,
      tags: [],
      ...writable(body),
      id: randomUUID(),
      appId,
      owners: ownersBound(emulator, body),
    };
    state.servicePrincipals[made.id] = made;
    return { status: 201, body: shown(made) };
  }
  const principal = state.servicePrincipals[id];
  if (principal === undefined) throw missing(id);
  if (action === "appRoleAssignedTo") return roleAssignments(emulator, call, principal, rest);
  if (method === "GET" && action === undefined) {
    // Everybody who manages anything may look at principals: it looks up Graph's own.
    demand(call, "Application.ReadWrite.OwnedBy", "Application.Read.All", "Application.ReadWrite.All");
    return ok(shown(principal));
  }
  demandOwned(call, principal.owners);
  if (action === "owners") return ownersOf(emulator, call, principal, rest);
  if (action !== undefined) throw unknown(call);
  if (method === "PATCH") {
    Object.assign(principal, merged(principal, writable(body)));
    return noContent;
  }
  if (method === "DELETE") {
    removePrincipal(emulator, principal);
    return noContent;
  }
  throw unknown(call);
}

function principalShown(
  emulator: Emulator,
  { owners: _owners, ...principal }: ServicePrincipal,
): DirectoryObject {
  const application = emulator.applicationOf(principal.appId);
  if (application === undefined) return principal;
  const web = (application["web"] ?? {}) as {
    redirectUris?: string[];
    homePageUrl?: string;
    logoutUrl?: string;
  };
  return {
    ...principal,
    displayName: application.displayName,
    appDisplayName: application.displayName,
    appOwnerOrganizationId: tenantId,
    appRoles: application["appRoles"] ?? [],
    oauth2PermissionScopes: [],
    homepage: web.homePageUrl ?? null,
    logoutUrl: web.logoutUrl ?? null,
    replyUrls: web.redirectUris ?? [],
    servicePrincipalNames: [principal.appId, ...((application["identifierUris"] ?? []) as string[])],
    servicePrincipalType: "Application",
    signInAudience: application["signInAudience"],
  };
}

function removePrincipal({ state }: Emulator, { id }: ServicePrincipal): void {
  for (const one of Object.values(state.appRoleAssignments))
    if (one.resourceId === id || one.principalId === id) remove(state.appRoleAssignments, one.id);
  for (const one of Object.values(state.permissionGrants))
    if (one.clientId === id || one.resourceId === id) remove(state.permissionGrants, one.id);
  remove(state.servicePrincipals, id);
}

// --- owners

function ownersBound({ state }: Emulator, body: Readonly<Record<string, unknown>>): string[] {
  const ids = ((body["owners@odata.bind"] ?? []) as string[]).map((url) => url.split("/").at(-1) ?? "");
  for (const id of ids)
    if (state.users[id] === undefined && state.servicePrincipals[id] === undefined) throw missing(id);
  return ids;
}

function ownersOf(
  { state }: Emulator,
  call: GraphCall,
  owned: Application | ServicePrincipal,
  [id, ref]: readonly string[],
): GraphAnswer {
  const { method, body } = call;
  if (method === "GET" && id === undefined)
    return list(
      owned.owners.map((owner) => ({
        "@odata.type": state.users[owner] ? "#microsoft.graph.user" : "#microsoft.graph.servicePrincipal",
        id: owner,
      })),
      call.query,
    );
  if (method === "POST" && id === "$ref") {
    const added = String(body["@odata.id"]).split("/").at(-1) ?? "";
    if (owned.owners.includes(added))
      throw invalid(
        "One or more added object references already exist for the following modified properties: 'owners'.",
      );
    if (state.users[added] === undefined && state.servicePrincipals[added] === undefined)
      throw missing(added);
    owned.owners.push(added);
    return noContent;
  }
  if (method === "DELETE" && id !== undefined && ref === "$ref") {
    if (!owned.owners.includes(id)) throw missing(id);
    owned.owners = owned.owners.filter((owner) => owner !== id);
    return noContent;
  }
  throw unknown(call);
}

// --- who may use an application

function roleAssignments(
  emulator: Emulator,
  call: GraphCall,
  resource: ServicePrincipal,
  [id]: readonly string[],
): GraphAnswer {
  const { state } = emulator;
  const { method, body } = call;
  if (method === "GET") {
    demand(call, "AppRoleAssignment.ReadWrite.All", "Application.Read.All", "Application.ReadWrite.All");
    const here = Object.values(state.appRoleAssignments).filter((one) => one.resourceId === resource.id);
    if (id === undefined) return list(here, call.query);
    const found = here.find((one) => one.id === id);
    if (found === undefined) throw missing(id);
    return ok(found);
  }
  demand(call, "AppRoleAssignment.ReadWrite.All");
  if (method === "POST" && id === undefined) {
    const [principalId, appRoleId] = [String(body["principalId"]), String(body["appRoleId"])];
    const group = state.groups[principalId];
    const principal = group ?? state.users[principalId] ?? state.servicePrincipals[principalId];
    if (principal === undefined) throw missing(principalId);
    demandRole(emulator, resource, appRoleId);
    const same = Object.values(state.appRoleAssignments).some(
      (one) =>
        one.resourceId === resource.id && one.principalId === principalId && one.appRoleId === appRoleId,
    );
    if (same) throw invalid("EntitlementGrant entry already exists.");
    const made = {
      id: randomBytes(32).toString("base64url"),
      appRoleId,
      createdDateTime: new Date().toISOString(),
      principalDisplayName: principal["displayName"],
      principalId,
      principalType: group ? "Group" : state.users[principalId] ? "User" : "ServicePrincipal",
      resourceDisplayName: principalShown(emulator, resource)["displayName"],
      resourceId: resource.id,
    };
    state.appRoleAssignments[made.id] = made;
    return { status: 201, body: made };
  }
  if (method === "DELETE" && id !== undefined) {
    if (state.appRoleAssignments[id]?.resourceId !== resource.id) throw missing(id);
    remove(state.appRoleAssignments, id);
    return noContent;
  }
  throw unknown(call);
}

const defaultAccess = "00000000-0000-0000-0000-000000000000";

function demandRole(emulator: Emulator, resource: ServicePrincipal, appRoleId: string): void {
  const roles = (principalShown(emulator, resource)["appRoles"] ?? []) as {
    id: string;
    isEnabled: boolean;
  }[];
  const known = roles.some(({ id, isEnabled }) => id === appRoleId && isEnabled);
  if (!known && !(roles.length === 0 && appRoleId === defaultAccess))
    throw invalid("Permission being assigned was not found on application");
}

// --- consent

function permissionGrants({ state }: Emulator, call: GraphCall, [id]: readonly string[]): GraphAnswer {
  const { method, body } = call;
  demand(call, "DelegatedPermissionGrant.ReadWrite.All");
  if (id === undefined) {
    if (method === "GET") return list(Object.values(state.permissionGrants), call.query);
    if (method !== "POST") throw unknown(call);
    const [clientId, resourceId] = [String(body["clientId"]), String(body["resourceId"])];
    for (const principal of [clientId, resourceId])
      if (state.servicePrincipals[principal] === undefined) throw missing(principal);
    const consentType = body["consentType"] === "Principal" ? "Principal" : "AllPrincipals";
    const principalId = consentType === "Principal" ? String(body["principalId"]) : null;
    const made: PermissionGrant = {
      id: Buffer.concat([clientId, resourceId, principalId ?? ""].map(guidBytes)).toString("base64url"),
      clientId,
      resourceId,
      consentType,
      principalId,
      scope: String(body["scope"]),
    };
    if (state.permissionGrants[made.id] !== undefined)
      throw new GraphError(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "Permission entry already exists.",
      );
    state.permissionGrants[made.id] = made;
    return { status: 201, body: made };
  }
  const grant = state.permissionGrants[id];
  if (grant === undefined) throw missing(id);
  if (method === "GET") return ok(grant);
  if (method === "PATCH") {
    grant.scope = String(body["scope"]);
    return noContent;
  }
  if (method === "DELETE") {
    remove(state.permissionGrants, id);
    return noContent;
  }
  throw unknown(call);
}

/** A GUID's bytes, its first three fields little-endian. */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll("-", ""), "hex");
  for (const [from, to] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ] as const)
    bytes.subarray(from, to).reverse();
  return bytes;
}

// --- groups, users, policies

function groups({ state }: Emulator, call: GraphCall, [id, part]: readonly string[]): GraphAnswer {
  demand(call, "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All");
  if (call.method !== "GET") throw unknown(call);
  const shown = Object.values(state.groups).map(({ members: _members, ...group }) => group);
  if (id === undefined) return list(shown, call.query);
  const group = state.groups[id];
  if (group === undefined) throw missing(id);
  if (part === undefined) return ok(shown.find((one) => one.id === id));
  if (part === "owners") return list([], call.query);
  if (part === "members" || part === "transitiveMembers")
    return list(
      group.members.map((member) => ({ "@odata.type": "#microsoft.graph.user", id: member })),
      call.query,
    );
  throw unknown(call);
}

function users({ state }: Emulator, call: GraphCall, [id, part]: readonly string[]): GraphAnswer {
  demand(call, "User.Read.All", "Directory.Read.All");
  if (call.method !== "GET" || part !== undefined) throw unknown(call);
  const shown = Object.values(state.users).map(
    ({ passwordHash: _hash, sessionsValidFrom: _from, signInName: _name, ...user }) => user,
  );
  if (id === undefined) return list(shown, call.query);
  const user = shown.find((one) => one.id === id);
  if (user === undefined) throw missing(id);
  return ok(user);
}

function policies({ state }: Emulator, call: GraphCall, [id]: readonly string[]): GraphAnswer {
  const { method, body } = call;
  const needed = ["Policy.Read.All", ...(method === "GET" ? [] : ["Policy.ReadWrite.ConditionalAccess"])];
  if (needed.some((role) => !may(call, role)))
    throw new GraphError(
      403,
      "AccessDenied",
      "You cannot perform the requested operation, required scopes are missing in the token.",
    );
  if (id === undefined) {
    if (method === "GET") return list(Object.values(state.policies), call.query);
    if (method !== "POST") throw unknown(call);
    const made = { ...body, id: randomUUID(), createdDateTime: new Date().toISOString() };
    state.policies[made.id] = made;
    return { status: 201, body: made };
  }
  const policy = state.policies[id];
  if (policy === undefined) throw missing(id);
  if (method === "GET") return ok(policy);
  if (method === "PATCH") {
    Object.assign(policy, merged(policy, writable(body)));
    return noContent;
  }
  if (method === "DELETE") {
    remove(state.policies, id);
    return noContent;
  }
  throw unknown(call);
}

// --- lists

function list(all: readonly Readonly<Record<string, unknown>>[], query: URLSearchParams): GraphAnswer {
  const filter = query.get("$filter");
  const value = filter === null ? all : all.filter(matches(filter));
  return ok({ value });
}

/** Filters that join equalities by `and`. */
function matches(filter: string): (one: Readonly<Record<string, unknown>>) => boolean {
  const conditions = filter.split(/ and (?=\w+ eq )/i).map((text) => {
    const found = /^\s*(\w+) eq (?:'((?:[^']|'')*)'|(true|false))\s*$/i.exec(text);
    const [, property = "", quoted, flag] = found ?? [];
    if (found === null)
      throw new GraphError(
        400,
        "Request_UnsupportedQuery",
        `Unsupported or invalid query filter clause: ${text}`,
      );
    const wanted = quoted?.replaceAll("''", "'") ?? flag ?? "";
    return { property, wanted: wanted.toLowerCase() };
  });
  return (one) =>
    conditions.every(({ property, wanted }) => {
      const value = one[property];
      return (
        (typeof value === "string" || typeof value === "boolean") && String(value).toLowerCase() === wanted
      );
    });
}
