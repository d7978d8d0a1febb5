/** Consents: /oauth2PermissionGrants. */
import { makeGrant } from "../grants.ts";
import type { PermissionGrant } from "../model.ts";
import { type GraphCall, require, type Route } from "./call.ts";
import { badRequest, GraphRefusal, notThere } from "./errors.ts";
import { list, one } from "./odata.ts";

const single = /^\/oauth2PermissionGrants\/([\w-]+)$/;

/** The calls. */
export const permissionGrantRoutes: readonly Route[] = [
  [
    "GET",
    /^\/oauth2PermissionGrants$/,
    (call) => {
      require(call, "Directory.Read.All", "DelegatedPermissionGrant.ReadWrite.All");
      return list(
        call,
        call.tenant.permissionGrants.map((grant) => ({ ...grant })),
      );
    },
  ],
  [
    "POST",
    /^\/oauth2PermissionGrants$/,
    async (call) => {
      require(call, "DelegatedPermissionGrant.ReadWrite.All");
      const {
        clientId,
        resourceId,
        consentType,
        principalId,
        scope = "",
      } = call.body as Readonly<Record<string, string | undefined>>;
      for (const id of [clientId, resourceId])
        if (!call.tenant.principals.some(({ servicePrincipal }) => servicePrincipal.id === id))
          throw badRequest(
            `Resource '${String(id)}' does not exist or one of its queried reference-property objects are not present.`,
          );
      const forEverybody = consentType === "AllPrincipals";
      if (forEverybody !== !principalId)
        throw badRequest("principalId must be given for consentType Principal, and only then.");
      if (scope.length > 3850) throw badRequest("The scope is longer than 3850 characters.");
      const made = makeGrant(String(clientId), String(resourceId), principalId ?? null, scope);
      if (call.tenant.permissionGrants.some(({ id }) => id === made.id))
        throw new GraphRefusal(
          409,
          "Request_MultipleObjectsWithSameKeyValue",
          "Permission entry already exists.",
        );
      call.tenant.permissionGrants.push(made);
      await call.state.save();
      return one(call, { ...made }, 201);
    },
  ],
  [
    "GET",
    single,
    (call, id) => {
      require(call, "Directory.Read.All", "DelegatedPermissionGrant.ReadWrite.All");
      return one(call, { ...find(call, id) });
    },
  ],
  [
    "PATCH",
    single,
    async (call, id) => {
      require(call, "DelegatedPermissionGrant.ReadWrite.All");
      find(call, id).scope = (call.body["scope"] ?? "") as string;
      await call.state.save();
      return { status: 204 };
    },
  ],
  [
    "DELETE",
    single,
    async (call, id) => {
      require(call, "DelegatedPermissionGrant.ReadWrite.All");
      const found = find(call, id);
      call.tenant.permissionGrants = call.tenant.permissionGrants.filter((grant) => grant !== found);
      await call.state.save();
      return { status: 204 };
    },
  ],
];

function find({ tenant }: GraphCall, id = ""): PermissionGrant {
  const found = tenant.permissionGrants.find((grant) => grant.id === id);
  if (found === undefined) throw notThere(id);
  return found;
}
