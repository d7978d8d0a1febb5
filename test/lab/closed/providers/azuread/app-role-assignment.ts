/** azuread.AppRoleAssignment: who may use an application. */
import type { ResourceType } from "../provider.ts";
import { notFound } from "./graph.ts";
import type { GraphError, GraphObject } from "./graph.ts";
import { graph } from "./session.ts";

/** The resource type; its ID is `/servicePrincipals/<resource>/appRoleAssignedTo/<ID>`. */
export const appRoleAssignment: ResourceType = {
  inputs: {
    appRoleId: { required: true, replaces: true },
    principalObjectId: { required: true, replaces: true },
    resourceObjectId: { required: true, replaces: true },
  },
  computed: ["principalDisplayName", "principalType", "resourceDisplayName"],

  create: async ({ appRoleId, principalObjectId, resourceObjectId }, { signal }) => {
    const resource = `/v1.0/servicePrincipals/${String(resourceObjectId)}`;
    try {
      await graph().get(resource, { signal });
    } catch (error) {
      throw notFound(error)
        ? new Error(`Service principal not found for resource (Object ID: "${String(resourceObjectId)}")`)
        : error;
    }
    const made = await graph().post(
      `${resource}/appRoleAssignedTo`,
      { appRoleId, principalId: principalObjectId, resourceId: resourceObjectId },
      { signal, retryIf: notThereYet },
    );
    const id = `/servicePrincipals/${String(made["resourceId"])}/appRoleAssignedTo/${made.id ?? ""}`;
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

  delete: async (id, _state, { signal }) => {
    await graph().delete(`/v1.0${id}`, { signal });
  },
};

const notThereYet = ({ status, detail }: GraphError) =>
  status === 404 || (status === 400 && detail.includes("Not a valid reference update"));

const flatten = (found: GraphObject) => ({
  appRoleId: found["appRoleId"],
  principalObjectId: found["principalId"],
  resourceObjectId: found["resourceId"],
  principalDisplayName: found["principalDisplayName"] ?? "",
  principalType: found["principalType"] ?? "",
  resourceDisplayName: found["resourceDisplayName"] ?? "",
});
