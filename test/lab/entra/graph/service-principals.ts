/** Service principals, and who is assigned to them. */
import { randomBytes } from "node:crypto";

import { directoryDate } from "../dates.ts";
import type { AppRoleAssignment, Principal, ServicePrincipalObject } from "../model.ts";
import { merged, newServicePrincipal, without } from "../objects.ts";
import { defaultAccess } from "../permissions.ts";
import { registrationOf } from "../membership.ts";
import { removePrincipal } from "./applications.ts";
import { boundIds, type GraphCall, may, require, requireOwnership, type Route } from "./call.ts";
import { badRequest, denied, GraphRefusal, notThere } from "./errors.ts";
import { list, one } from "./odata.ts";
import { ownersOf } from "./owners.ts";

const id = "([0-9a-fA-F-]{36})";
const readers = [
  "Application.Read.All",
  "Application.ReadWrite.All",
  "Application.ReadWrite.OwnedBy",
  "Directory.Read.All",
];

/** The calls. */
export const servicePrincipalRoutes: readonly Route[] = [
  [
    "GET",
    /^\/servicePrincipals$/,
    (call) => {
      require(call, ...readers);
      return list(call, call.tenant.principals.map(shown));
    },
  ],
  [
    "POST",
    /^\/servicePrincipals$/,
    async (call) => {
      require(call, "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy");
      const { appId: given, ...rest } = call.body;
      const appId = String(given);
      const registration = registrationOf(call.tenant, appId);
      if (registration === undefined)
        throw badRequest(
          `The appId '${appId}' of the service principal does not reference a valid application object.`,
        );
      if (!may(call, "Application.ReadWrite.All") && !registration.owners.includes(call.caller.id))
        throw new GraphRefusal(
          403,
          "Authorization_RequestDenied",
          "When using this permission, the backing application of the service principal being created must in the local tenant",
        );
      if (call.tenant.principals.some(({ servicePrincipal }) => servicePrincipal.appId === appId))
        throw new GraphRefusal(
          409,
          "Request_MultipleObjectsWithSameKeyValue",
          `The service principal cannot be created, updated, or restored because the service principal name ${appId} is already in use.`,
        );
      const bound = boundIds(call.body["owners@odata.bind"]);
      const owners = new Set(may(call, "Application.ReadWrite.All") ? bound : [...bound, call.caller.id]);
      const principal = {
        servicePrincipal: newServicePrincipal(registration.application, rest, call.tenant.tenantId),
        owners: [...owners],
      };
      call.tenant.principals.push(principal);
      await call.state.save();
      return one(call, shown(principal), 201);
    },
  ],
  [
    "GET",
    at(""),
    (call, objectId) => {
      require(call, ...readers);
      return one(call, {
        ...shown(find(call, objectId)),
        ...(call.version === "beta" ? { samlMetadataUrl: null } : {}),
      });
    },
  ],
  [
    "PATCH",
    at(""),
    async (call, objectId) => {
      const principal = owned(call, objectId);
      const given = without(call.body, "id", "appId");
      principal.servicePrincipal = merged(
        principal.servicePrincipal,
        given,
      ) as unknown as ServicePrincipalObject;
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    at(""),
    async (call, objectId) => {
      removePrincipal(call.tenant, owned(call, objectId).servicePrincipal.id);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "GET",
    at("/owners"),
    (call, objectId) => {
      require(call, ...readers);
      return list(call, ownersOf(call.tenant, find(call, objectId)));
    },
  ],
  [
    "POST",
    at("/owners/\\$ref"),
    async (call, objectId) => {
      const principal = owned(call, objectId);
      if (!may(call, "Application.ReadWrite.All", "Directory.Read.All")) throw denied();
      principal.owners.push(...boundIds(call.body["@odata.id"]));
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    at(`/owners/${id}/\\$ref`),
    async (call, objectId, owner = "") => {
      const principal = owned(call, objectId);
      if (!principal.owners.includes(owner)) throw notThere(owner);
      principal.owners = principal.owners.filter((one_) => one_ !== owner);
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "GET",
    at("/appRoleAssignedTo"),
    (call, objectId) => {
      require(call, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All");
      const { id: resource } = find(call, objectId).servicePrincipal;
      return list(
        call,
        call.tenant.appRoleAssignments
          .filter(({ resourceId }) => resourceId === resource)
          .map((one_) => ({ ...one_ })),
      );
    },
  ],
  [
    "POST",
    at("/appRoleAssignedTo"),
    async (call, objectId) => {
      requireAssigning(call);
      const assignment = assign(call, find(call, objectId));
      call.tenant.appRoleAssignments.push(assignment);
      await call.state.save();
      return one(call, { ...assignment }, 201);
    },
  ],
  [
    "GET",
    at("/appRoleAssignedTo/([^/]+)"),
    (call, _objectId, assignmentId = "") => {
      require(call, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All");
      const found = call.tenant.appRoleAssignments.find((one_) => one_.id === assignmentId);
      if (found === undefined) throw notThere(assignmentId);
      return one(call, { ...found });
    },
  ],
  [
    "DELETE",
    at("/appRoleAssignedTo/([^/]+)"),
    async (call, _objectId, assignmentId = "") => {
      requireAssigning(call);
      // Where others get 404, a missing assignment is a bad request.
      if (!call.tenant.appRoleAssignments.some((one_) => one_.id === assignmentId))
        throw badRequest("Permission grant to be removed was not found.");
      call.tenant.appRoleAssignments = call.tenant.appRoleAssignments.filter(
        (one_) => one_.id !== assignmentId,
      );
      await call.state.save();
      return { status: 204 };
    },
  ],
];

function at(rest: string): RegExp {
  return new RegExp(`^/servicePrincipals/${id}${rest}$`);
}

function shown({ servicePrincipal }: Principal): Readonly<Record<string, unknown>> {
  return servicePrincipal;
}

function find({ tenant }: GraphCall, objectId = ""): Principal {
  const found = tenant.principals.find(
    ({ servicePrincipal }) => servicePrincipal.id === objectId.toLowerCase(),
  );
  if (found === undefined) throw notThere(objectId);
  return found;
}

function owned(call: GraphCall, objectId?: string): Principal {
  require(call, "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy");
  const found = find(call, objectId);
  requireOwnership(call, found);
  return found;
}

/** Either alone is not enough. */
function requireAssigning(call: GraphCall): void {
  require(call, "AppRoleAssignment.ReadWrite.All");
  require(call, "Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All");
}

function assign({ tenant, body }: GraphCall, { servicePrincipal: resource }: Principal): AppRoleAssignment {
  const [appRoleId, principalId] = [String(body["appRoleId"]), String(body["principalId"])];
  const known =
    appRoleId === defaultAccess
      ? resource.appRoles.length === 0
      : resource.appRoles.some((role) => role.id === appRoleId && role.isEnabled);
  if (!known) throw badRequest("Permission being assigned was not found on application");
  const user = tenant.users.find((one_) => one_.id === principalId);
  const group = tenant.groups.find((one_) => one_.id === principalId);
  const principal = tenant.principals.find(
    ({ servicePrincipal }) => servicePrincipal.id === principalId,
  )?.servicePrincipal;
  const holder = user ?? group ?? principal;
  if (holder === undefined) throw badRequest("Not a valid reference update.");
  const same = (one_: AppRoleAssignment) =>
    one_.appRoleId === appRoleId && one_.principalId === principalId && one_.resourceId === resource.id;
  if (tenant.appRoleAssignments.some(same)) throw badRequest("EntitlementGrant entry already exists.");
  return {
    id: randomBytes(32).toString("base64url"),
    appRoleId,
    principalId,
    principalType: user !== undefined ? "User" : group !== undefined ? "Group" : "ServicePrincipal",
    principalDisplayName: holder.displayName,
    resourceId: resource.id,
    resourceDisplayName: resource.displayName,
    createdDateTime: directoryDate(),
  };
}
