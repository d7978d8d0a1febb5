/** azuread.ServicePrincipalDelegatedPermissionGrant: an administrator's consent. */
import type { Properties, ResourceType } from "../provider.ts";
import { notFound } from "./graph.ts";
import type { GraphError, GraphObject } from "./graph.ts";
import { graph } from "./session.ts";

/** The resource type; its ID is `/oauth2PermissionGrants/<ID>`. */
export const delegatedPermissionGrant: ResourceType = {
  inputs: {
    claimValues: { required: true },
    resourceServicePrincipalObjectId: { required: true, replaces: true },
    servicePrincipalObjectId: { required: true, replaces: true },
    userObjectId: { replaces: true },
  },
  computed: [],
  listsAreSets: true,

  create: async (inputs, { signal }) => {
    const client = inputs["servicePrincipalObjectId"] as string;
    const resource = inputs["resourceServicePrincipalObjectId"] as string;
    for (const principal of [client, resource]) {
      try {
        await graph().get(`/v1.0/servicePrincipals/${principal}`, { signal });
      } catch (error) {
        throw notFound(error)
          ? new Error(`Service Principal (Service Principal: "${principal}") was not found`)
          : error;
      }
    }
    const user = inputs["userObjectId"];
    const made = await graph().post(
      "/v1.0/oauth2PermissionGrants",
      {
        clientId: client,
        resourceId: resource,
        scope: scope(inputs),
        ...(user === undefined
          ? { consentType: "AllPrincipals" }
          : { consentType: "Principal", principalId: user }),
      },
      { signal, retryIf: notThereYet },
    );
    const id = `/oauth2PermissionGrants/${made.id ?? ""}`;
    return { id, outputs: flatten(await graph().get(`/v1.0${id}`)) };
  },

  read: async (id) => {
    try {
      return flatten(await graph().get(`/v1.0${id}`));
    } catch (error) {
      if (notFound(error)) return undefined;
      throw error;
    }
  },

  update: async (id, inputs, _state, { signal }) => {
    await graph().patch(`/v1.0${id}`, { scope: scope(inputs) }, { signal });
    return flatten(await graph().get(`/v1.0${id}`));
  },

  delete: async (id, _state, { signal }) => {
    await graph().delete(`/v1.0${id}`, { signal });
  },
};

const notThereYet = ({ status, detail }: GraphError) =>
  status === 404 ||
  (status === 400 &&
    detail.includes("does not exist or one of its queried reference-property objects are not present"));

const scope = (inputs: Properties) => (inputs["claimValues"] as string[]).join(" ");

const flatten = (found: GraphObject): Properties => ({
  claimValues: ((found["scope"] as string | null | undefined) ?? "").split(" ").filter(Boolean),
  resourceServicePrincipalObjectId: found["resourceId"],
  servicePrincipalObjectId: found["clientId"],
  ...(found["principalId"] ? { userObjectId: found["principalId"] } : {}),
});
