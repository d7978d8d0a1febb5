/** azuread.Application: an app registration. */
import { randomUUID } from "node:crypto";

import { Unfinished, sameSet } from "../provider.ts";
import type { Properties, ResourceType } from "../provider.ts";
import { gone, notFound } from "./graph.ts";
import type { GraphError, GraphObject } from "./graph.ts";
import { changeOwners, finishOwners, firstOwners, listOwners } from "./owners.ts";
import { graph } from "./session.ts";

interface Application {
  readonly displayName: string;
  readonly owners?: readonly string[];
  readonly api?: Api;
  readonly appRoles?: readonly AppRole[];
  readonly description?: string;
  readonly deviceOnlyAuthEnabled?: boolean;
  readonly fallbackPublicClientEnabled?: boolean;
  readonly groupMembershipClaims?: readonly string[];
  readonly identifierUris?: readonly string[];
  readonly marketingUrl?: string;
  readonly notes?: string;
  readonly optionalClaims?: OptionalClaims;
  readonly privacyStatementUrl?: string;
  readonly publicClient?: { readonly redirectUris?: readonly string[] };
  readonly requiredResourceAccesses?: readonly ResourceAccess[];
  readonly serviceManagementReference?: string;
  readonly signInAudience?: string;
  readonly singlePageApplication?: { readonly redirectUris?: readonly string[] };
  readonly supportUrl?: string;
  readonly tags?: readonly string[];
  readonly termsOfServiceUrl?: string;
  readonly web?: Web;
}

interface Api {
  readonly knownClientApplications?: readonly string[];
  readonly mappedClaimsEnabled?: boolean;
  readonly requestedAccessTokenVersion?: number;
}

interface AppRole {
  readonly id: string;
  readonly displayName: string;
  readonly description: string;
  readonly allowedMemberTypes: readonly string[];
  readonly enabled?: boolean;
  readonly value?: string;
}

interface OptionalClaim {
  readonly name: string;
  readonly essential?: boolean;
  readonly source?: string;
  readonly additionalProperties?: readonly string[];
}

interface OptionalClaims {
  readonly accessTokens?: readonly OptionalClaim[];
  readonly idTokens?: readonly OptionalClaim[];
  readonly saml2Tokens?: readonly OptionalClaim[];
}

interface ResourceAccess {
  readonly resourceAppId: string;
  readonly resourceAccesses: readonly { readonly id: string; readonly type: string }[];
}

interface Web {
  readonly homepageUrl?: string;
  readonly logoutUrl?: string;
  readonly redirectUris?: readonly string[];
  readonly implicitGrant?: {
    readonly accessTokenIssuanceEnabled?: boolean;
    readonly idTokenIssuanceEnabled?: boolean;
  };
}

/** The resource type; its ID is `/applications/<object ID>`. */
export const application: ResourceType = {
  inputs: {
    displayName: { required: true },
    owners: {},
    api: {},
    appRoles: {},
    description: {},
    deviceOnlyAuthEnabled: {},
    fallbackPublicClientEnabled: {},
    groupMembershipClaims: {},
    identifierUris: {},
    marketingUrl: {},
    notes: {},
    optionalClaims: {},
    privacyStatementUrl: {},
    publicClient: {},
    requiredResourceAccesses: {},
    serviceManagementReference: {},
    signInAudience: { default: "AzureADMyOrg" },
    singlePageApplication: {},
    supportUrl: {},
    tags: {},
    termsOfServiceUrl: {},
    web: {},
  },
  computed: [
    "clientId",
    "objectId",
    "appRoleIds",
    "oauth2PermissionScopeIds",
    "disabledByMicrosoft",
    "logoUrl",
    "publisherDomain",
    "templateId",
  ],
  listsAreSets: true,

  create: async (inputs, { signal }) => {
    const wanted = inputs as unknown as Application;
    const owners = firstOwners(wanted.owners ?? []);
    const made = await graph().post(
      "/v1.0/applications",
      {
        ...toGraph(wanted),
        appRoles: appRolesToGraph(wanted),
        identifierUris: wanted.identifierUris ?? [],
        optionalClaims: optionalClaimsToGraph(wanted.optionalClaims),
        requiredResourceAccess: resourceAccessToGraph(wanted),
        "owners@odata.bind": owners.bind,
      },
      { signal },
    );
    const id = `/applications/${made.id ?? ""}`;
    const path = `/v1.0${id}`;
    try {
      // The answers show when the new object is known everywhere.
      for (const displayName of [`TERRAFORM_UPDATE_${randomUUID()}`, wanted.displayName])
        await graph().patch(path, { displayName }, { signal, retryIf: notThereYet });
      await finishOwners(path, owners);
      return { id, outputs: await read(id) };
    } catch (error) {
      throw new Unfinished({ id, outputs: computedFrom(made) }, error);
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

  update: async (id, inputs, state, { signal }) => {
    const wanted = inputs as unknown as Application;
    const before = state as unknown as Application;
    const path = `/v1.0${id}`;
    const changed = (property: "appRoles" | "identifierUris" | "owners" | "requiredResourceAccesses") =>
      !sameSet(wanted[property], before[property]);
    if (changed("appRoles")) await disableAppRoles(path, wanted);
    await graph().patch(
      path,
      {
        ...toGraph(wanted),
        ...(changed("appRoles") ? { appRoles: appRolesToGraph(wanted) } : {}),
        ...(changed("identifierUris") ? { identifierUris: wanted.identifierUris ?? [] } : {}),
        ...(JSON.stringify(wanted.optionalClaims) === JSON.stringify(before.optionalClaims)
          ? {}
          : { optionalClaims: optionalClaimsToGraph(wanted.optionalClaims) }),
        ...(changed("requiredResourceAccesses")
          ? { requiredResourceAccess: resourceAccessToGraph(wanted) }
          : {}),
      },
      { signal },
    );
    if (wanted.owners !== undefined && changed("owners")) await changeOwners(path, wanted.owners);
    return read(id);
  },

  delete: async (id, _state, { signal }) => {
    await graph().delete(`/v1.0${id}`, { signal });
    await gone(graph(), `/v1.0${id}`);
  },
};

/** 409 is what Graph answers here while the parts of a new object disagree. */
const notThereYet = ({ status, detail }: GraphError) =>
  status === 404 ||
  status === 409 ||
  (status === 400 && detail.includes("cannot be deleted or updated unless disabled first"));

/** Graph deletes and changes a role only once it is disabled. */
async function disableAppRoles(path: string, wanted: Application): Promise<void> {
  const present = ((await graph().get(path))["appRoles"] ?? []) as { id: string; isEnabled: boolean }[];
  const kept = new Set(wanted.appRoles?.map(({ id }) => id));
  const disabled = present.map((role) => (kept.has(role.id) ? role : { ...role, isEnabled: false }));
  if (JSON.stringify(disabled) !== JSON.stringify(present)) {
    await graph().patch(path, { appRoles: disabled });
    await graph().get(path);
  }
}

function toGraph(given: Application): Properties {
  return {
    displayName: given.displayName,
    signInAudience: given.signInAudience ?? "AzureADMyOrg",
    description: given.description ?? null,
    notes: given.notes ?? null,
    serviceManagementReference: given.serviceManagementReference ?? null,
    isDeviceOnlyAuthSupported: given.deviceOnlyAuthEnabled ?? false,
    isFallbackPublicClient: given.fallbackPublicClientEnabled ?? false,
    groupMembershipClaims: given.groupMembershipClaims?.join(",") ?? null,
    api: {
      acceptMappedClaims: given.api?.mappedClaimsEnabled ?? false,
      knownClientApplications: given.api?.knownClientApplications ?? [],
      requestedAccessTokenVersion: given.api?.requestedAccessTokenVersion ?? 1,
    },
    info: {
      marketingUrl: given.marketingUrl ?? null,
      privacyStatementUrl: given.privacyStatementUrl ?? null,
      supportUrl: given.supportUrl ?? null,
      termsOfServiceUrl: given.termsOfServiceUrl ?? null,
    },
    publicClient: { redirectUris: given.publicClient?.redirectUris ?? [] },
    spa: { redirectUris: given.singlePageApplication?.redirectUris ?? [] },
    tags: given.tags ?? [],
    web: {
      homePageUrl: given.web?.homepageUrl ?? null,
      logoutUrl: given.web?.logoutUrl ?? null,
      redirectUris: given.web?.redirectUris ?? [],
      implicitGrantSettings: {
        enableAccessTokenIssuance: given.web?.implicitGrant?.accessTokenIssuanceEnabled ?? false,
        enableIdTokenIssuance: given.web?.implicitGrant?.idTokenIssuanceEnabled ?? false,
      },
    },
  };
}

const appRolesToGraph = ({ appRoles = [] }: Application) =>
  appRoles.map(({ enabled, value, ...rest }) => ({
    ...rest,
    isEnabled: enabled ?? true,
    value: value ?? null,
  }));

const resourceAccessToGraph = ({ requiredResourceAccesses = [] }: Application) =>
  requiredResourceAccesses.map(({ resourceAppId, resourceAccesses }) => ({
    resourceAppId,
    resourceAccess: resourceAccesses,
  }));

function optionalClaimsToGraph(claims: OptionalClaims | undefined): Properties {
  if (claims === undefined) return {};
  const expand = (list: readonly OptionalClaim[] = []) =>
    list.map(({ name, essential, source, additionalProperties }) => ({
      name,
      essential: essential ?? false,
      additionalProperties: additionalProperties ?? [],
      ...(source === undefined ? {} : { source }),
    }));
  return {
    accessToken: expand(claims.accessTokens),
    idToken: expand(claims.idTokens),
    saml2Token: expand(claims.saml2Tokens),
  };
}

async function read(id: string): Promise<Properties> {
  const path = `/v1.0${id}`;
  const found = await graph().get(path);
  // Only the beta answers this one.
  await graph().get(`/beta${id}?$select=oauth2RequirePostResponse`);
  return { ...computedFrom(found), ...inputsFrom(found), owners: await listOwners(path) };
}

function computedFrom(found: GraphObject): Properties {
  const roles = (found["appRoles"] ?? []) as { id: string; value?: string | null }[];
  const named = roles.filter(({ value }) => value).map(({ id, value }) => [value, id]);
  return {
    clientId: found["appId"],
    objectId: found.id,
    appRoleIds: Object.fromEntries(named) as Properties,
    oauth2PermissionScopeIds: {},
    disabledByMicrosoft: found["disabledByMicrosoftStatus"] ?? "",
    logoUrl: "",
    publisherDomain: found["publisherDomain"] ?? "",
    templateId: found["applicationTemplateId"] ?? "",
  };
}

/** What the directory says of the inputs, so that a refresh shows who changed what. */
function inputsFrom(found: GraphObject): Properties {
  const part = (name: string) => (found[name] ?? {}) as Properties;
  const grant = (part("web")["implicitGrantSettings"] ?? {}) as Properties;
  const claims = found["groupMembershipClaims"] as string | null | undefined;
  return {
    displayName: found["displayName"],
    signInAudience: found["signInAudience"],
    description: found["description"] ?? "",
    notes: found["notes"] ?? "",
    serviceManagementReference: found["serviceManagementReference"] ?? "",
    groupMembershipClaims: claims ? claims.split(",") : [],
    identifierUris: found["identifierUris"] ?? [],
    tags: found["tags"] ?? [],
    api: {
      mappedClaimsEnabled: part("api")["acceptMappedClaims"] ?? false,
      knownClientApplications: part("api")["knownClientApplications"] ?? [],
      requestedAccessTokenVersion: part("api")["requestedAccessTokenVersion"] ?? 1,
    },
    appRoles: ((found["appRoles"] ?? []) as (AppRole & { isEnabled: boolean })[]).map(
      ({ isEnabled, id, displayName, description, allowedMemberTypes, value }) => ({
        id,
        displayName,
        description,
        allowedMemberTypes,
        enabled: isEnabled,
        value: value ?? "",
      }),
    ),
    requiredResourceAccesses: (
      (found["requiredResourceAccess"] ?? []) as { resourceAppId: string; resourceAccess: unknown }[]
    ).map(({ resourceAppId, resourceAccess }) => ({ resourceAppId, resourceAccesses: resourceAccess })),
    publicClient: { redirectUris: part("publicClient")["redirectUris"] ?? [] },
    singlePageApplication: { redirectUris: part("spa")["redirectUris"] ?? [] },
    web: {
      homepageUrl: part("web")["homePageUrl"] ?? "",
      logoutUrl: part("web")["logoutUrl"] ?? "",
      redirectUris: part("web")["redirectUris"] ?? [],
      implicitGrant: {
        accessTokenIssuanceEnabled: grant["enableAccessTokenIssuance"] ?? false,
        idTokenIssuanceEnabled: grant["enableIdTokenIssuance"] ?? false,
      },
    },
  };
}
