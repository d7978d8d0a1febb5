/** New applications and service principals with the defaults that Graph gives them. */
import { randomUUID } from "node:crypto";

import { directoryDate } from "./dates.ts";
import type { ApplicationObject, ServicePrincipalObject } from "./model.ts";

type Properties = Readonly<Record<string, unknown>>;

/** A new app registration. Of `given`, Graph's own properties (IDs, dates) have no effect. */
export function newApplication(given: Properties, publisherDomain: string): ApplicationObject {
  const defaults = {
    displayName: "",
    description: null,
    notes: null,
    signInAudience: "AzureADandPersonalMicrosoftAccount",
    groupMembershipClaims: null,
    identifierUris: [],
    appRoles: [],
    tags: [],
    certification: null,
    disabledByMicrosoftStatus: null,
    applicationTemplateId: null,
    isDeviceOnlyAuthSupported: null,
    isFallbackPublicClient: null,
    optionalClaims: null,
    requiredResourceAccess: [],
    serviceManagementReference: null,
    addIns: [],
    keyCredentials: [],
    tokenEncryptionKeyId: null,
    api: {
      acceptMappedClaims: null,
      knownClientApplications: [],
      oauth2PermissionScopes: [],
      preAuthorizedApplications: [],
      requestedAccessTokenVersion: null,
    },
    info: {
      logoUrl: null,
      marketingUrl: null,
      privacyStatementUrl: null,
      supportUrl: null,
      termsOfServiceUrl: null,
    },
    web: {
      homePageUrl: null,
      logoutUrl: null,
      redirectUris: [],
      implicitGrantSettings: { enableAccessTokenIssuance: false, enableIdTokenIssuance: false },
    },
    spa: { redirectUris: [] },
    publicClient: { redirectUris: [] },
  };
  return {
    ...(merged(defaults, given) as unknown as ApplicationObject),
    id: randomUUID(),
    appId: randomUUID(),
    createdDateTime: directoryDate(),
    deletedDateTime: null,
    publisherDomain,
  };
}

/** A new service principal; what the application says of itself is copied, as Entra does. */
export function newServicePrincipal(
  application: ApplicationObject,
  given: Properties,
  tenantId: string,
): ServicePrincipalObject {
  const defaults = {
    accountEnabled: true,
    alternativeNames: [],
    appRoleAssignmentRequired: false,
    description: null,
    loginUrl: null,
    notes: null,
    notificationEmailAddresses: [],
    preferredSingleSignOnMode: null,
    samlSingleSignOnSettings: null,
    tags: [],
    disabledByMicrosoftStatus: null,
    servicePrincipalType: "Application",
    appOwnerOrganizationId: tenantId,
  };
  return {
    ...(merged(defaults, given) as unknown as ServicePrincipalObject),
    ...copied(application),
    id: randomUUID(),
    createdDateTime: directoryDate(),
    deletedDateTime: null,
  };
}

/** What a service principal shows of its application. */
export function copied(application: ApplicationObject) {
  const { appId, displayName, appRoles, signInAudience, identifierUris, web, spa, publicClient, api } =
    application;
  return {
    appId,
    displayName,
    appDisplayName: displayName,
    appRoles,
    signInAudience,
    homepage: web["homePageUrl"] ?? null,
    logoutUrl: web.logoutUrl,
    oauth2PermissionScopes: api.oauth2PermissionScopes,
    replyUrls: [...web.redirectUris, ...spa.redirectUris, ...publicClient.redirectUris],
    servicePrincipalNames: [appId, ...identifierUris],
  };
}

/** `given` over `before`: objects are merged, lists and everything else replaced, as a PATCH of Graph does. */
export function merged(before: Properties, given: Properties): Record<string, unknown> {
  const result: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(given)) {
    if (name.includes("@odata.")) continue;
    const old = before[name];
    result[name] = isObject(value) && isObject(old) ? merged(old, value) : value;
  }
  return result;
}

/** `object` but for some properties. */
export function without(object: Properties, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
