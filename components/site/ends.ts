/** What ends by itself after a last day, in UTC. */
import type { Role } from "./roles.ts";

/** A role or a group that counts at a site until a last day, for one of its people or for everybody. */
export interface MembershipEnd {
  /** The value of the role, or the object ID of the group. */
  readonly group: string;
  /** The UPN. @default everybody's */
  readonly user?: string;
  readonly until: string;
}

/** All of a site's, in the order of its settings. */
export function membershipEnds(site: {
  readonly roles: readonly Role[];
  readonly temporaryGroups: readonly { readonly group: string; readonly until: string }[];
}): MembershipEnd[] {
  return [
    ...site.temporaryGroups,
    ...site.roles.flatMap(({ value: group, until, temporaryUsers }): MembershipEnd[] => [
      ...(until === undefined ? [] : [{ group, until }]),
      ...temporaryUsers.map((it) => ({ group, ...it })),
    ]),
  ];
}

/** When something ends whose last day this is, in seconds since 1970: with the beginning of the next day, in UTC. */
export function endOf(lastDay: string): number {
  return Date.parse(`${lastDay}T00:00:00Z`) / 1000 + 86_400;
}

/** Whether its last day has passed; what has none does not end. */
export function hasEnded({ until }: { readonly until?: string | undefined }, now: Date): boolean {
  return until !== undefined && endOf(until) * 1000 <= now.getTime();
}
