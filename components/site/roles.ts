/** App roles of a site's registration: in the site's tokens, and assigned to groups, users and applications as code. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** Somebody who has a role for some time. */
export interface TemporaryUserSettings {
  /** The UPN, for example `ada@example.com`. */
  user: string;
  /** The last day, in UTC, as `2027-01-31`; hosts then take the role from them by their own clock, without an update. */
  until: string;
}

/** A role, and who has it. */
export interface RoleSettings {
  /** Its value in tokens and headers, for example `reader`. */
  value: string;
  /** Its name in the Entra admin center. @default `value` */
  displayName?: string;
  /** Groups whose direct members have the role: object IDs, or display names, which are looked up in Entra. */
  groups?: string[];
  /** People who have the role, by their UPN, for example `ada@example.com`. */
  users?: string[];
  /** People who have the role until a last day. @default none */
  temporaryUsers?: TemporaryUserSettings[];
  /**
   * Applications that have the role and call with a bearer token of the tenant: object IDs of their service principals
   * (enterprise applications). Without any, no token is accepted instead of a session. @default none
   */
  applications?: string[];
  /**
   * The last day of the role, in UTC, as `2027-01-31`; hosts then take it from everybody who has it, by their own clock,
   * without an update. @default no end
   */
  until?: string;
}

const temporaryUserSchema = z.strictObject(
  { user: checks.userPrincipalName, until: checks.date },
  { error: checks.expected("somebody who has the role for some time (user, until)") },
);

/** The shape of {@link RoleSettings}. */
export const roleSchema = z
  .strictObject(
    {
      value: checks.roleValue,
      displayName: checks.sentence.optional(),
      groups: checks.listOf(checks.displayName, "groups, by object ID or display name").default([]),
      users: checks.listOf(checks.userPrincipalName, 'users like "ada@example.com"').default([]),
      temporaryUsers: checks
        .listOf(temporaryUserSchema, "people who have the role for some time (user, until)")
        .default([]),
      applications: checks.listOf(checks.guid, "object IDs of service principals").default([]),
      until: checks.date.exactOptional(),
    },
    {
      error: checks.expected(
        "a role (value, displayName, groups, users, temporaryUsers, applications, until)",
      ),
    },
  )
  .transform((role) => ({
    ...role,
    displayName: role.displayName ?? role.value,
    users: [...role.users, ...role.temporaryUsers.map(({ user }) => user)],
  }));

/** A validated {@link RoleSettings}; those who have it for some time are among its `users`, too. */
export type Role = checks.Checked<typeof roleSchema>;

/** The applications that may call a site with a bearer token; empty if no token is accepted instead of a session. */
export function machineClients({ roles }: { readonly roles: readonly Role[] }): string[] {
  return [...new Set(roles.flatMap(({ applications }) => applications))];
}

/** Whether a group is given by its object ID. */
export function isObjectId(group: string): boolean {
  return checks.guid.safeParse(group).success;
}
