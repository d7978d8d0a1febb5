/** azuread.ServicePrincipal: an application's account in the tenant. */
import { randomUUID } from "node:crypto";

import { Unfinished, sameSet } from "../provider.ts";
import type { Properties, ResourceType } from "../provider.ts";
import { gone, notFound } from "./graph.ts";
import type { GraphError, GraphObject } from "./graph.ts";
import { changeOwners, finishOwners, firstOwners, listOwners } from "./owners.ts";
import { graph } from "./session.ts";

interface ServicePrincipal {
  readonly clientId: string;
  readonly owners?: readonly string[];
  readonly accountEnabled?: boolean;
  readonly alternativeNames?: readonly string[];
  readonly appRoleAssignmentRequired?: boolean;
  readonly description?: string;
  readonly loginUrl?: string;
  readonly notes?: string;
  readonly notificationEmailAddresses?: readonly string[];
  readonly preferredSingleSignOnMode?: string;
  readonly tags?: readonly string[];
  readonly useExisting?: boolean;
}

/** The resource type; its ID is `/servicePrincipals/<object ID>`. */
export const servicePrincipal: ResourceType = {
  inputs: {
    clientId: { required: true, replaces: true },
    owners: {},
    accountEnabled: { default: true, shown: true },
    alternativeNames: {},
    appRoleAssignmentRequired: {},
    description: {},
    loginUrl: {},
    notes: {},
    notificationEmailAddresses: {},
    preferredSingleSignOnMode: {},
    tags: {},
    useExisting: {},
  },
  computed: [
    "objectId",
    "displayName",
    "applicationTenantId",
    "appRoleIds",
    "homepageUrl",
    "logoutUrl",
    "oauth2PermissionScopeIds",
    "redirectUris",
    "samlMetadataUrl",
    "servicePrincipalNames",
    "signInAudience",
    "type",
  ],
  listsAreSets: true,

  create: async (inputs, { signal }) => {
    const wanted = inputs as unknown as ServicePrincipal;
    const [existing] = await graph().list("/v1.0/servicePrincipals", `appId eq '${wanted.clientId}'`);
    if (existing !== undefined) {
      const id = `/servicePrincipals/${existing.id ?? ""}`;
      if (wanted.useExisting) return { id, outputs: await change(id, wanted, undefined, signal) };
      throw new Error(
        `A resource with the ID "${id}" already exists - to be managed via Pulumi this resource needs to be imported`,
      );
    }
    const owners = firstOwners(wanted.owners ?? []);
    const made = await graph().post(
      "/v1.0/servicePrincipals",
      {
        ...toGraph(wanted),
        appId: wanted.clientId,
        description: `TERRAFORM_UPDATE_${randomUUID()}`,
        "owners@odata.bind": owners.bind,
      },
      { signal, retryIf: applicationNotThereYet },
    );
    const id = `/servicePrincipals/${made.id ?? ""}`;
    try {
      // The answer shows when the new object is known everywhere.
      await graph().patch(
        `/v1.0${id}`,
        { description: wanted.description ?? null },
        { signal, retryIf: notFound },
      );
      await finishOwners(`/v1.0${id}`, owners);
      return { id, outputs: await read(id) };
    } catch (error) {
      throw new Unfinished({ id, outputs: computedFrom(made, {}) }, error);
    }
  },

  read: async (id) => {
    try {
      return await read(id);
    } catch (error) {
      if (notFound(error)) return undefined;
      throw error;
    }
  },

  update: (id, inputs, state, { signal }) =>
    change(id, inputs as unknown as ServicePrincipal, state as unknown as ServicePrincipal, signal),

  delete: async (id, state, { signal }) => {
    // One that was there before is left where it cannot be deleted.
    if (state["useExisting"] === true) {
      await graph()
        .delete(`/v1.0${id}`, { signal })
        .catch(() => undefined);
      return;
    }
    await graph().delete(`/v1.0${id}`, { signal });
    await gone(graph(), `/v1.0${id}`);
  },
};

/** A new application is not known everywhere at once; the second text is misleading, and means the same. */
const applicationNotThereYet = ({ status, detail }: GraphError) =>
  (status === 400 && detail.includes("does not reference a valid application object")) ||
  (status === 403 && detail.includes("the backing application of the service principal being created"));

async function change(
  id: string,
  wanted: ServicePrincipal,
  before: ServicePrincipal | undefined,
  signal: AbortSignal,
): Promise<Properties> {
  await graph().patch(
    `/v1.0${id}`,
    { ...toGraph(wanted), description: wanted.description ?? null },
    { signal },
  );
  if (wanted.owners !== undefined && !sameSet(wanted.owners, before?.owners))
    await changeOwners(`/v1.0${id}`, wanted.owners);
  return read(id);
}

function toGraph(given: ServicePrincipal): Properties {
  return {
    accountEnabled: given.accountEnabled ?? true,
    alternativeNames: given.alternativeNames ?? [],
    appRoleAssignmentRequired: given.appRoleAssignmentRequired ?? false,
    loginUrl: given.loginUrl ?? null,
    notes: given.notes ?? null,
    notificationEmailAddresses: given.notificationEmailAddresses ?? [],
    preferredSingleSignOnMode: given.preferredSingleSignOnMode ?? null,
    tags: given.tags ?? [],
  };
}

async function read(id: string): Promise<Properties> {
  const found = await graph().get(`/v1.0${id}`);
  // Only the beta answers this one.
  const beta = await graph().get(`/beta${id}?$select=samlMetadataUrl`);
  return { ...describe(found, beta), owners: await listOwners(`/v1.0${id}`) };
}

/** A service principal as both the resource and the function `getServicePrincipal` show it. */
export function describe(found: GraphObject, beta: GraphObject): Properties {
  return {
    ...computedFrom(found, beta),
    clientId: found["appId"],
    accountEnabled: found["accountEnabled"] ?? true,
    alternativeNames: found["alternativeNames"] ?? [],
    appRoleAssignmentRequired: found["appRoleAssignmentRequired"] ?? false,
    description: found["description"] ?? "",
    loginUrl: found["loginUrl"] ?? "",
    notes: found["notes"] ?? "",
    notificationEmailAddresses: found["notificationEmailAddresses"] ?? [],
    preferredSingleSignOnMode: found["preferredSingleSignOnMode"] ?? "",
    tags: found["tags"] ?? [],
  };
}

function computedFrom(found: GraphObject, beta: GraphObject): Properties {
  const byValue = (list: unknown) =>
    Object.fromEntries(
      ((list ?? []) as { id: string; value?: string | null }[])
        .filter(({ value }) => value)
        .map(({ id, value }) => [value, id]),
    ) as Properties;
  return {
    objectId: found.id,
    displayName: found["displayName"] ?? "",
    applicationTenantId: found["appOwnerOrganizationId"] ?? "",
    appRoleIds: byValue(found["appRoles"]),
    homepageUrl: found["homepage"] ?? "",
    logoutUrl: found["logoutUrl"] ?? "",
    oauth2PermissionScopeIds: byValue(found["oauth2PermissionScopes"]),
    redirectUris: found["replyUrls"] ?? [],
    samlMetadataUrl: beta["samlMetadataUrl"] ?? "",
    servicePrincipalNames: ((found["servicePrincipalNames"] ?? []) as string[]).filter(
      (name) => name.toLowerCase() !== String(found["appId"]).toLowerCase(),
    ),
    signInAudience: found["signInAudience"] ?? "",
    type: found["servicePrincipalType"] ?? "",
  };
}
