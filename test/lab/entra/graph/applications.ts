/** App registrations: /applications, their owners, secrets and federated credentials. */
import { randomUUID } from "node:crypto";

import { directoryDate } from "../dates.ts";
import { tenantDomain } from "../directory.ts";
import type {
  AppRole,
  ApplicationObject,
  FederatedCredential,
  Registration,
  Secret,
  Tenant,
} from "../model.ts";
import { copied, merged, newApplication, without } from "../objects.ts";
import { makeSecret, newSecretText } from "../secrets.ts";
import { boundIds, type GraphCall, may, require, requireOwnership, type Route } from "./call.ts";
import { badRequest, denied, GraphRefusal, notThere } from "./errors.ts";
import { list, one } from "./odata.ts";
import { ownersOf } from "./owners.ts";

const id = "([0-9a-fA-F-]{36})";

/** The calls. */
export const applicationRoutes: readonly Route[] = [
  [
    "GET",
    /^\/applications$/,
    (call) => {
      // Application.ReadWrite.OwnedBy is not enough for a list.
      require(call, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All");
      return list(call, call.tenant.registrations.filter(isLive).map(shown));
    },
  ],
  [
    "POST",
    /^\/applications$/,
    async (call) => {
      require(call, "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy");
      const application = newApplication(call.body, tenantDomain);
      check(application, undefined);
      const bound = boundIds(call.body["owners@odata.bind"]);
      const owners = new Set(may(call, "Application.ReadWrite.All") ? bound : [...bound, call.caller.id]);
      const registration = { application, owners: [...owners], secrets: [], federatedCredentials: [] };
      call.tenant.registrations.push(registration);
      await call.state.save();
      return one(call, shown(registration), 201);
    },
  ],
  ["GET", at(""), (call, objectId) => one(call, shown(readable(call, objectId)))],
  [
    "PATCH",
    at(""),
    async (call, objectId) => {
      const registration = owned(call, objectId);
      const before = registration.application;
      // The rest is Graph's own.
      const given = without(call.body, "id", "appId", "passwordCredentials");
      const after = merged(before, given) as unknown as ApplicationObject;
      check(after, before);
      registration.application = after;
      copyToPrincipal(call.tenant, after);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    at(""),
    async (call, objectId) => {
      const registration = owned(call, objectId);
      registration.deletedDateTime = directoryDate();
      const { appId } = registration.application;
      for (const { servicePrincipal } of call.tenant.principals)
        if (servicePrincipal.appId === appId) removePrincipal(call.tenant, servicePrincipal.id);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "POST",
    at("/addPassword"),
    async (call, objectId) => {
      const registration = owned(call, objectId);
      refuseSomeChanges(call.tenant);
      const text = newSecretText();
      const given = (call.body["passwordCredential"] ?? {}) as Readonly<Record<string, unknown>>;
      const secret = makeSecret(text, given, call.tenant.behaviour.newSecrets);
      refuseByPolicy(call.tenant, secret);
      registration.secrets.push(secret);
      await call.state.save();
      const body = {
        "@odata.context": `https://graph.microsoft.com/${call.version}/$metadata#microsoft.graph.passwordCredential`,
        ...credential(secret),
        secretText: text,
      };
      return { status: 200, body };
    },
  ],
  [
    "POST",
    at("/removePassword"),
    async (call, objectId) => {
      const registration = owned(call, objectId);
      refuseSomeChanges(call.tenant);
      const keyId = String(call.body["keyId"]).toLowerCase();
      if (!registration.secrets.some((secret) => secret.keyId === keyId))
        throw badRequest(`No password credential found with keyId.`);
      registration.secrets = registration.secrets.filter((secret) => secret.keyId !== keyId);
      await call.state.save();
      return { status: 204 };
    },
  ],
  ["GET", at("/owners"), (call, objectId) => list(call, ownersOf(call.tenant, readable(call, objectId)))],
  [
    "POST",
    at("/owners/\\$ref"),
    async (call, objectId) => {
      const registration = owned(call, objectId);
      // An owner with Application.ReadWrite.OwnedBy alone may name further ones only at the creation.
      if (!may(call, "Application.ReadWrite.All", "Directory.Read.All")) throw denied();
      const [owner = ""] = boundIds(call.body["@odata.id"]);
      if (registration.owners.includes(owner))
        throw badRequest(
          "One or more added object references already exist for the following modified properties: 'owners'.",
        );
      registration.owners.push(owner);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    at(`/owners/${id}/\\$ref`),
    async (call, objectId, owner = "") => {
      const registration = owned(call, objectId);
      if (!registration.owners.includes(owner)) throw notThere(owner);
      registration.owners = registration.owners.filter((one_) => one_ !== owner);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "GET",
    at("/federatedIdentityCredentials"),
    (call, objectId) =>
      list(
        call,
        readable(call, objectId).federatedCredentials.map((one_) => ({ ...one_ })),
      ),
  ],
  [
    "POST",
    at("/federatedIdentityCredentials"),
    async (call, objectId) => {
      const registration = owned(call, objectId);
      const made = federated({}, call.body);
      const { federatedCredentials: present } = registration;
      if (
        present.some(
          ({ issuer, subject, name }) =>
            name === made.name || (issuer === made.issuer && subject === made.subject),
        )
      )
        throw new GraphRefusal(
          409,
          "Request_MultipleObjectsWithSameKeyValue",
          `FederatedIdentityCredential with name ${made.name} already exists.`,
        );
      present.push(made);
      await call.state.save();
      return one(call, { ...made }, 201);
    },
  ],
  [
    "GET",
    at(`/federatedIdentityCredentials/${id}`),
    (call, objectId, credentialId = "") =>
      one(call, { ...federatedOf(readable(call, objectId), credentialId) }),
  ],
  [
    "PATCH",
    at(`/federatedIdentityCredentials/${id}`),
    async (call, objectId, credentialId = "") => {
      const registration = owned(call, objectId);
      const before = federatedOf(registration, credentialId);
      const after = federated(before, without(call.body, "name"));
      registration.federatedCredentials = registration.federatedCredentials.map((one_) =>
        one_ === before ? after : one_,
      );
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    at(`/federatedIdentityCredentials/${id}`),
    async (call, objectId, credentialId = "") => {
      const registration = owned(call, objectId);
      const found = federatedOf(registration, credentialId);
      registration.federatedCredentials = registration.federatedCredentials.filter((one_) => one_ !== found);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "GET",
    /^\/directory\/deletedItems\/microsoft\.graph\.application$/,
    (call) => {
      require(call, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All");
      return list(call, call.tenant.registrations.filter((one_) => !isLive(one_)).map(shown));
    },
  ],
  ["GET", deleted(""), (call, objectId) => one(call, shown(deletedOf(call, objectId)))],
  [
    "DELETE",
    deleted(""),
    async (call, objectId) => {
      const found = deletedOf(call, objectId);
      requireOwnership(call, found);
      call.tenant.registrations = call.tenant.registrations.filter((one_) => one_ !== found);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "POST",
    deleted("/restore"),
    async (call, objectId) => {
      const found = deletedOf(call, objectId);
      requireOwnership(call, found);
      delete found.deletedDateTime;
      await call.state.save();
      return one(call, shown(found));
    },
  ],
];

/** An application as Graph shows it. */
function shown({ application, secrets, deletedDateTime }: Registration): Readonly<Record<string, unknown>> {
  return {
    ...application,
    passwordCredentials: secrets.map(credential),
    deletedDateTime: deletedDateTime ?? null,
  };
}

/** Takes a service principal away, and with it its assignments and consents. */
export function removePrincipal(tenant: Tenant, objectId: string): void {
  tenant.principals = tenant.principals.filter(({ servicePrincipal }) => servicePrincipal.id !== objectId);
  tenant.appRoleAssignments = tenant.appRoleAssignments.filter(
    ({ principalId, resourceId }) => principalId !== objectId && resourceId !== objectId,
  );
  tenant.permissionGrants = tenant.permissionGrants.filter(
    ({ clientId, resourceId }) => clientId !== objectId && resourceId !== objectId,
  );
}

function at(rest: string): RegExp {
  return new RegExp(`^/applications/${id}${rest}$`);
}

function deleted(rest: string): RegExp {
  return new RegExp(`^/directory/deletedItems/${id}${rest}$`);
}

function isLive({ deletedDateTime }: Registration): boolean {
  return deletedDateTime === undefined;
}

function find({ tenant }: GraphCall, objectId = ""): Registration {
  const found = tenant.registrations.find(
    (one_) => isLive(one_) && one_.application.id === objectId.toLowerCase(),
  );
  if (found === undefined) throw notThere(objectId);
  return found;
}

function owned(call: GraphCall, objectId?: string): Registration {
  require(call, "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy");
  const found = find(call, objectId);
  requireOwnership(call, found);
  return found;
}

function readable(call: GraphCall, objectId?: string): Registration {
  if (may(call, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"))
    return find(call, objectId);
  return owned(call, objectId);
}

function deletedOf(call: GraphCall, objectId = ""): Registration {
  require(call, "Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy");
  const found = call.tenant.registrations.find((one_) => !isLive(one_) && one_.application.id === objectId);
  if (found === undefined) throw notThere(objectId);
  return found;
}

/** A secret as Graph shows it: never its text. */
function credential({
  keyId,
  displayName,
  hint,
  startDateTime,
  endDateTime,
}: Registration["secrets"][number]) {
  return {
    customKeyIdentifier: null,
    displayName,
    endDateTime,
    hint,
    keyId,
    secretText: null,
    startDateTime,
  };
}

/** Codes and texts as people have reported them of tenants with such a policy. */
function refuseByPolicy({ behaviour: { secretDays } }: Tenant, { startDateTime, endDateTime }: Secret): void {
  if (secretDays === null) return;
  if (secretDays === 0)
    throw new GraphRefusal(
      400,
      "CredentialTypeNotAllowedAsPerAppPolicy",
      "Credential type not allowed as per assigned policy.",
    );
  if (Date.parse(endDateTime) - Date.parse(startDateTime) > secretDays * 86_400_000)
    throw new GraphRefusal(
      400,
      "CredentialInvalidLifetimeAsPerAppPolicy",
      "Credential lifetime exceeds the max value allowed as per assigned policy.",
    );
}

function refuseSomeChanges({ behaviour }: Tenant): void {
  if (behaviour.concurrencyViolations === 0) return;
  behaviour.concurrencyViolations -= 1;
  throw new GraphRefusal(
    409,
    "Directory_ConcurrencyViolation",
    "Update to application failed due to concurrent requests being made.",
  );
}

/** What Graph refuses of a new or changed application. */
function check(after: ApplicationObject, before: ApplicationObject | undefined): void {
  if (typeof after.displayName !== "string" || after.displayName === "")
    throw badRequest("Invalid value specified for property 'displayName' of resource 'Application'.");
  for (const uri of [...after.web.redirectUris, ...after.spa.redirectUris]) checkRedirectUri(uri);
  for (const role of before?.appRoles ?? [])
    checkRole(
      role,
      after.appRoles.find((one_) => one_.id === role.id),
    );
}

function checkRedirectUri(uri: string): void {
  const url = URL.parse(uri);
  const local = url?.hostname === "localhost" || url?.hostname === "127.0.0.1";
  const valid =
    url !== null &&
    (url.protocol === "https:" || (url.protocol === "http:" && local)) &&
    !uri.includes("#") &&
    !uri.includes("*") &&
    uri.length <= 256;
  if (!valid)
    throw badRequest(
      `Invalid value specified for property 'redirectUris' of resource 'Application': ${uri} must be https (http only on localhost), without fragment or wildcard, and of at most 256 characters.`,
    );
}

/** A role must be disabled before it goes or changes. */
function checkRole(before: AppRole, after: AppRole | undefined): void {
  if (!before.isEnabled) return;
  const changed = after === undefined || (after.isEnabled && after.value !== before.value);
  if (changed)
    throw new GraphRefusal(
      400,
      "CannotDeleteOrUpdateEnabledEntitlement",
      "Permission (scope or role) cannot be deleted or updated unless disabled first.",
    );
}

function copyToPrincipal({ principals }: Tenant, application: ApplicationObject): void {
  for (const principal of principals)
    if (principal.servicePrincipal.appId === application.appId)
      principal.servicePrincipal = { ...principal.servicePrincipal, ...copied(application) };
}

function federatedOf({ federatedCredentials }: Registration, credentialId: string): FederatedCredential {
  const found = federatedCredentials.find((one_) => one_.id === credentialId);
  if (found === undefined) throw notThere(credentialId);
  return found;
}

function federated(
  before: Partial<FederatedCredential>,
  given: Readonly<Record<string, unknown>>,
): FederatedCredential {
  const defaults = { id: randomUUID(), description: null, audiences: ["api://AzureADTokenExchange"] };
  return { ...defaults, ...before, ...merged({}, given) } as FederatedCredential;
}
