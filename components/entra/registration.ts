/** A site's app registration in Entra, and the client secret for its hosts. */
import { createHash } from "node:crypto";

import * as azuread from "@pulumi/azuread";
import * as pulumi from "@pulumi/pulumi";

import { frontChannelLogoutUrl, displayName, registeredUrls } from "../site/names.ts";
import { isObjectId, machineClients } from "../site/roles.ts";
import type { Site } from "../site/site.ts";
import { lookUpHolders } from "./holders.ts";
import { once } from "./once.ts";

/** Microsoft Graph's own application ID, the same in every tenant. */
const graph = "00000003-0000-0000-c000-000000000000";

/**
 * The delegated permissions that the sign-in asks for, by their IDs in Graph,
 * https://learn.microsoft.com/graph/permissions-reference
 */
const signInPermissions = {
  openid: "37f7f235-527c-4136-accd-4a02d197296e",
  profile: "14dad69e-099b-42c9-810b-d002981feec1",
  email: "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
  offline_access: "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
};

/** The role ID that an assignment takes where an application defines no roles of its own. */
const defaultAccess = "00000000-0000-0000-0000-000000000000";

/** App registration, service principal, consent and client secret of one site. */
export class Registration extends pulumi.ComponentResource {
  /** The client ID; Entra generates it, so it is unknown before the registration exists. */
  readonly clientId: pulumi.Output<string>;
  /** The client secret, marked secret. */
  readonly clientSecret: pulumi.Output<string>;
  /** When that secret expires, for example `2027-11-01T00:00:00Z`. */
  readonly clientSecretEnds: pulumi.Output<string>;

  /** @param args - `roleHolders`: see ProtectedSiteArgs */
  constructor(
    name: string,
    {
      site,
      roleHolders,
    }: { readonly site: Site; readonly roleHolders?: Readonly<Record<string, string>> | undefined },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("protected-sites:index:Registration", name, { domain: site.domain }, opts);
    const child = { parent: this };
    // The engine ignores it once the resource is in the state.
    const adopted = (path: string) => ({ ...child, import: path });
    const existing = site.adoptedRegistration;
    const groups = [...new Set([...site.allowedGroups, ...site.paths.flatMap((rule) => rule.allowedGroups)])];
    const lookedUp = roleHolders === undefined ? everybody(site) : undefined;
    const idOf = (holder: string) =>
      isObjectId(holder) ? holder : (lookedUp?.(holder) ?? roleHolders?.[holder]);
    // Without itself as an owner, a deployer with Application.ReadWrite.OwnedBy locks itself out.
    const owners = [
      once(this, "deployer", (asked) => azuread.getClientConfigOutput(asked)).objectId,
      ...site.owners.map(idOf).filter((id) => id !== undefined),
    ];

    const application = new azuread.Application(
      name,
      applicationOf(site, owners, groups),
      existing === undefined ? child : adopted(`/applications/${existing.application}`),
    );
    // Entra deletes all of these with the application. Deleting each separately would wait for all of Entra's replicas,
    // 20 seconds. Secrets are deleted anyway: an application can be restored for 30 days.
    const part = { ...child, deletedWith: application };
    this.clientId = application.clientId;

    const principal = new azuread.ServicePrincipal(
      name,
      {
        clientId: application.clientId,
        owners,
        appRoleAssignmentRequired: site.allowedGroups.length > 0 || site.roles.length > 0,
      },
      existing === undefined ? part : { ...part, import: `/servicePrincipals/${existing.servicePrincipal}` },
    );
    assign(name, { groups, site, principal, idOf }, part);
    consent(name, { site, principal }, part);
    // Entra accepts policies only for applications that exist in the tenant.
    const afterPrincipal = { ...child, dependsOn: [principal] };
    restrict(name, { site, application }, afterPrincipal);
    const secrets = clientSecrets(name, { site, application }, afterPrincipal);
    this.clientSecret = pulumi.secret(
      pulumi.all(secrets.map(({ value }) => value)).apply((values) => values.at(-1) ?? ""),
    );
    this.clientSecretEnds = pulumi
      .all(secrets.map(({ endDate }) => endDate))
      .apply((ends) => ends.at(-1) ?? "");
    this.registerOutputs({ clientId: this.clientId });
  }
}

function applicationOf(
  site: Site,
  owners: pulumi.Input<string>[],
  groups: readonly string[],
): azuread.ApplicationArgs {
  return {
    displayName: displayName(site.domain),
    owners,
    signInAudience: "AzureADMyOrg",
    ...(site.serviceManagementReference === undefined
      ? {}
      : { serviceManagementReference: site.serviceManagementReference }),
    api: { requestedAccessTokenVersion: 2 },
    web: { redirectUris: registeredUrls(site), logoutUrl: frontChannelLogoutUrl(site) },
    // Its tokens contain only groups assigned to this application, so there are never too many.
    ...(groups.length > 0 ? { groupMembershipClaims: ["ApplicationGroup"] } : {}),
    ...(site.roles.length > 0
      ? {
          appRoles: site.roles.map(({ value, displayName }) => ({
            id: roleId(site.domain, value),
            value,
            displayName,
            description: displayName,
            allowedMemberTypes: machineClients(site).length > 0 ? ["User", "Application"] : ["User"],
            enabled: true,
          })),
        }
      : {}),
    requiredResourceAccesses: [
      {
        resourceAppId: graph,
        resourceAccesses: Object.values(signInPermissions).map((id) => ({ id, type: "Scope" })),
      },
    ],
  };
}

interface Assignments {
  readonly site: Site;
  readonly groups: readonly string[];
  readonly principal: azuread.ServicePrincipal;
  /** Nothing where a holder has not been found. */
  readonly idOf: (holder: string) => pulumi.Input<string> | undefined;
}

/** Gives the application to the site's groups, and its roles to their holders. */
function assign(
  name: string,
  { site, groups, principal, idOf }: Assignments,
  opts: pulumi.CustomResourceOptions,
): void {
  for (const group of groups) {
    new azuread.AppRoleAssignment(
      `${name}-${group}`,
      { appRoleId: defaultAccess, principalObjectId: group, resourceObjectId: principal.objectId },
      opts,
    );
  }
  for (const role of site.roles) {
    for (const holder of [...role.groups, ...role.users, ...role.applications]) {
      const objectId = idOf(holder);
      if (objectId === undefined) continue;
      new azuread.AppRoleAssignment(
        `${name}-${role.value}-${holder}`,
        {
          appRoleId: roleId(site.domain, role.value),
          principalObjectId: objectId,
          resourceObjectId: principal.objectId,
        },
        opts,
      );
    }
  }
}

/** Consents, for everybody, to what the sign-in reads, and to the API that the site's access tokens are for. */
function consent(
  name: string,
  { site, principal }: { readonly site: Site; readonly principal: azuread.ServicePrincipal },
  opts: pulumi.CustomResourceOptions & { readonly parent: pulumi.Resource },
): void {
  const grant = (resourceName: string, clientId: string, claimValues: string[], existing?: string) =>
    new azuread.ServicePrincipalDelegatedPermissionGrant(
      resourceName,
      {
        servicePrincipalObjectId: principal.objectId,
        resourceServicePrincipalObjectId: once(opts.parent, clientId, (asked) =>
          azuread.getServicePrincipalOutput({ clientId }, asked),
        ).objectId,
        claimValues,
      },
      existing === undefined ? opts : { ...opts, import: `/oauth2PermissionGrants/${existing}` },
    );
  grant(`${name}-consent`, graph, Object.keys(signInPermissions), site.adoptedRegistration?.consent);
  const [, api, scope] = /^api:\/\/(.*)\/(.*)$/.exec(site.accessTokenScope ?? "") ?? [];
  if (api !== undefined && scope !== undefined) grant(`${name}-consent-api`, api, [scope]);
}

interface OfApplication {
  readonly site: Site;
  readonly application: azuread.Application;
}

/** The site's Conditional Access policy, where it has one. */
function restrict(
  name: string,
  { site, application }: OfApplication,
  opts: pulumi.CustomResourceOptions,
): void {
  if (site.conditionalAccess === undefined) return;
  const { mfa, signInFrequencyHours, state, excludedGroups } = site.conditionalAccess;
  new azuread.ConditionalAccessPolicy(
    `${name}-conditional-access`,
    {
      displayName: displayName(site.domain),
      state: state === "enabled" ? "enabled" : "enabledForReportingButNotEnforced",
      conditions: {
        clientAppTypes: ["all"],
        applications: { includedApplications: [application.clientId] },
        users: { includedUsers: ["All"], excludedGroups: [...excludedGroups] },
      },
      ...(mfa ? { grantControls: { operator: "OR", builtInControls: ["mfa"] } } : {}),
      ...(signInFrequencyHours === undefined
        ? {}
        : { sessionControls: { signInFrequency: signInFrequencyHours, signInFrequencyPeriod: "hours" } }),
    },
    opts,
  );
}

/** One resource for each generation, so that the old secret coexists with the new one for as long as it is listed. */
function clientSecrets(
  name: string,
  { site, application }: OfApplication,
  opts: pulumi.CustomResourceOptions,
): azuread.ApplicationPassword[] {
  return site.clientSecrets.map(
    ({ generation, endDate }) =>
      new azuread.ApplicationPassword(
        `${name}-client-secret-${generation}`,
        {
          applicationId: application.id,
          displayName: `protected-sites ${generation}`,
          ...(endDate === undefined ? {} : { endDate: `${endDate}T00:00:00Z` }),
        },
        opts,
      ),
  );
}

/** Looks up a site's role holders and owners, for a program that has not done so itself. */
function everybody(site: Site): (holder: string) => Promise<string> {
  const looked = lookUpHolders([site]).then(({ ids, missing: [first] }) => {
    if (first !== undefined)
      throw new Error(
        `site "${site.name}": roles or owners name the ${first.kind} "${first.name}", which ${first.why}`,
      );
    return ids;
  });
  return async (holder) => (await looked)[holder] ?? "";
}

/** The ID of a site's role: derived from its name, so that it is known before the role exists. */
function roleId(domain: string, value: string): string {
  const hash = createHash("sha256").update(`${domain} ${value}`).digest("hex");
  // The form of a UUID of version 8, which is free for uses such as this (RFC 9562, section 5.8).
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join("-");
}
