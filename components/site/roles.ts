/** App roles of a site's registration: named in the site's tokens, given to groups and users as code. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A role, and who has it. */
export interface RoleSettings {
  /** As it stands in tokens and headers, for example `reader`. */
  value: string;
  /** As the Entra admin center shows it. @default `value` */
  displayName?: string;
  /** Groups whose direct members have the role: object IDs, or display names, which are looked up in Entra. */
  groups?: string[];
  /** People who have the role, by their UPN, for example `ada@example.com`. */
  users?: string[];
  /**
   * Programs that have the role and call with a bearer token of the tenant: object IDs of their service principals
   * (enterprise applications). Without any, no token is taken for a session. @default none
   */
  applications?: string[];
}

/** A checked {@link RoleSettings}. */
export interface Role {
  readonly value: string;
  readonly displayName: string;
  readonly groups: readonly string[];
  readonly users: readonly string[];
  readonly applications: readonly string[];
}

/** The shape of {@link RoleSettings}. */
export const roleSchema = z
  .strictObject(
    {
      value: checks.roleValue,
      displayName: checks.sentence.optional(),
      groups: checks.listOf(checks.displayName, "groups, by object ID or display name").default([]),
      users: checks.listOf(checks.userPrincipalName, 'users like "ada@example.com"').default([]),
      applications: checks.listOf(checks.guid, "object IDs of service principals").default([]),
    },
    { error: checks.expected("a role (value, displayName, groups, users, applications)") },
  )
  .transform((role): Role => ({ ...role, displayName: role.displayName ?? role.value }));

/** The programs that may call a site with a bearer token; empty where no token is taken for a session. */
export function machineClients({ roles }: { readonly roles: readonly Role[] }): string[] {
  return [...new Set(roles.flatMap(({ applications }) => applications))];
}

/** Whether a group is given by its object ID. */
export function isObjectId(group: string): boolean {
  return checks.guid.safeParse(group).success;
}

/** Rules that need more than one setting of the site. Takes what is there, also where other settings are wrong. */
export function gateContradictions(args: {
  readonly emailDomains?: unknown;
  readonly guests?: unknown;
  readonly allowedGroups?: unknown;
  readonly roles?: unknown;
  readonly paths?: unknown;
  readonly identityHeaders?: unknown;
}): string[] {
  const found: string[] = [];
  const roles = z.array(roleSchema).safeParse(args.roles ?? []).data ?? [];
  const has = (list: unknown) => Array.isArray(list) && list.length > 0;
  const byRole = has(args.roles);

  if (args.emailDomains === undefined) {
    if (args.guests !== true) {
      found.push(
        "emailDomains is missing: it keeps guests from other organisations out; give your tenant's domains, or guests: true",
      );
    } else if (!byRole && !has(args.allowedGroups)) {
      found.push("nothing says who may enter; give emailDomains, roles or allowedGroups");
    }
  }
  if (byRole && has(args.allowedGroups)) {
    found.push(
      "allowedGroups and roles exclude each other, since a token brings one of the two; name the groups in roles.N.groups",
    );
  }
  for (const [index, { value, groups, users, applications }] of roles.entries()) {
    if (roles.findIndex((other) => other.value === value) < index)
      found.push(`roles.${index}.value "${value}" is already there; give each role once`);
    if (groups.length === 0 && users.length === 0 && applications.length === 0)
      found.push(`roles.${index} "${value}" is given to nobody; name groups, users or applications`);
  }

  const rules = Array.isArray(args.paths) ? (args.paths as (Record<string, unknown> | null)[]) : [];
  const named = [args.allowedGroups, ...rules.map((rule) => rule?.["allowedGroups"])].flat().filter(Boolean);
  const count = new Set(named).size;
  if (count > 200) {
    found.push(
      `allowedGroups and paths name ${count} groups; of somebody in more than 200 of them Entra names none, so name at most 200, or use roles`,
    );
  }
  for (const [index, rule] of rules.entries()) {
    const at = `paths.${index}`;
    const { allowedGroups, allowedRoles } = rule ?? {};
    if (!has(allowedGroups) && !has(allowedRoles)) {
      found.push(
        `${at} names nobody, so that it would let everybody of the site in; give ${byRole ? "allowedRoles" : "allowedGroups"}`,
      );
    }
    if (byRole && has(allowedGroups))
      found.push(`${at}.allowedGroups cannot be checked on a site with roles; give the groups a role`);
    if (!byRole && has(allowedRoles))
      found.push(`${at}.allowedRoles needs the site's roles; give them in roles, or use allowedGroups`);
    if (byRole && Array.isArray(allowedRoles)) {
      for (const value of allowedRoles) {
        if (typeof value === "string" && !roles.some((role) => role.value === value))
          found.push(`${at}.allowedRoles names "${value}", which is none of the site's roles`);
      }
    }
  }

  const told: unknown[] = Array.isArray(args.identityHeaders) ? args.identityHeaders : [];
  if (byRole && told.includes("groups"))
    found.push("identityHeaders cannot tell groups on a site with roles; use roles");
  if (!byRole && told.includes("roles"))
    found.push("identityHeaders can tell roles only where the site has roles");
  return found;
}
