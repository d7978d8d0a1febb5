/** What Entra says of a person in an ID token, https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference */
import { createHash } from "node:crypto";

import { allGroupsOf, assignmentsOf, groupsOf, roleNames } from "./membership.ts";
import type { ApplicationObject, OptionalClaim, Principal, Tenant, User } from "./model.ts";

type Claims = Record<string, unknown>;

/** Of how many groups a token tells at most; above that it tells where to ask. */
const groupLimit = 200;

/** For whom, and about whom. */
export interface Subject {
  readonly tenant: Tenant;
  readonly application: ApplicationObject;
  readonly principal: Principal;
  readonly user: User;
}

/** The subject identifier: the same for one person at one application, different at every other. */
export function pairwise({ salt }: Tenant, appId: string, userId: string): string {
  return createHash("sha256").update(`${salt} ${appId} ${userId}`).digest("base64url");
}

/** The claims about the person. @param scopes - of OpenID Connect */
export function personalClaims(
  subject: Subject,
  scopes: ReadonlySet<string>,
  { sid, authTime, ip }: { readonly sid?: string; readonly authTime?: number; readonly ip?: string },
): Claims {
  const { tenant, application, user } = subject;
  const optional = application.optionalClaims?.idToken ?? [];
  const email =
    user.mail !== null && (scopes.has("email") || user.userType === "Guest") ? { email: user.mail } : {};
  return {
    sub: pairwise(tenant, application.appId, user.id),
    tid: tenant.tenantId,
    ...(scopes.has("profile")
      ? { oid: user.id, name: user.displayName, preferred_username: user.signInName }
      : {}),
    ...email,
    ...(user.homeTenantId === undefined ? {} : { idp: `https://sts.windows.net/${user.homeTenantId}/` }),
    ...(sid === undefined ? {} : { sid }),
    ...membershipClaims(subject, optional),
    ...optionalClaims(user, optional, { authTime, ip }),
  };
}

/** Groups and roles, as the registration wants them. */
export function membershipClaims(
  { tenant, application, principal, user }: Subject,
  optional: readonly OptionalClaim[] = [],
): Claims {
  const roles = roleNames(principal, assignmentsOf(tenant, principal, user));
  const wanted = new Set((application.groupMembershipClaims ?? "").split(",").map((word) => word.trim()));
  const groups = new Map<string, string>();
  if (wanted.has("SecurityGroup") || wanted.has("All"))
    for (const { id, displayName } of allGroupsOf(tenant, user.id)) groups.set(id, displayName);
  if (wanted.has("ApplicationGroup")) {
    const assigned = new Set(
      tenant.appRoleAssignments
        .filter(({ resourceId }) => resourceId === principal.servicePrincipal.id)
        .map(({ principalId }) => principalId),
    );
    for (const { id, displayName } of groupsOf(tenant, user.id))
      if (assigned.has(id)) groups.set(id, displayName);
  }
  const changes = new Set(optional.find(({ name }) => name === "groups")?.additionalProperties ?? []);
  // Names of groups of the cloud come only where ApplicationGroup is all that is asked for.
  const byName = changes.has("cloud_displayname") && wanted.has("ApplicationGroup") && wanted.size === 1;
  const values = byName ? [...groups.values()] : [...groups.keys()];
  if (values.length > groupLimit)
    return {
      ...(roles.length === 0 ? {} : { roles }),
      _claim_names: { groups: "src1" },
      _claim_sources: {
        src1: { endpoint: `https://graph.windows.net/${tenant.tenantId}/users/${user.id}/getMemberObjects` },
      },
    };
  if (changes.has("emit_as_roles")) return values.length === 0 ? {} : { roles: values };
  return {
    ...(roles.length === 0 ? {} : { roles }),
    ...(values.length === 0 ? {} : { groups: values }),
  };
}

function optionalClaims(
  user: User,
  optional: readonly OptionalClaim[],
  { authTime, ip }: { readonly authTime?: number | undefined; readonly ip?: string | undefined },
): Claims {
  const available: Record<string, unknown> = {
    acct: user.userType === "Guest" ? 1 : 0,
    auth_time: authTime,
    email: user.mail ?? undefined,
    given_name: user.givenName,
    family_name: user.surname,
    ipaddr: ip,
    login_hint: loginHint(user),
    verified_primary_email: user.mail === null ? [] : [user.mail],
    upn: user.signInName,
  };
  const claims: Claims = {};
  for (const { name, additionalProperties = [] } of optional) {
    // A guest has a upn only where the registration says so, and then it is the long one of this tenant.
    if (name === "upn" && user.userType === "Guest") {
      if (additionalProperties.includes("include_externally_authenticated_upn"))
        claims["upn"] = user.userPrincipalName;
      continue;
    }
    if (available[name] !== undefined) claims[name] = available[name];
  }
  return claims;
}

/** The `login_hint` claim, which at the sign-out names the account that goes. */
function loginHint({ id, signInName }: User): string {
  return `O.${Buffer.from(`${id} ${signInName}`).toString("base64url")}`;
}

/** What a `login_hint` or `logout_hint` names, be it such a claim or a plain name. */
export function readLoginHint(hint: string): string {
  if (!hint.startsWith("O.")) return hint;
  return Buffer.from(hint.slice(2), "base64url").toString().split(" ")[1] ?? hint;
}
