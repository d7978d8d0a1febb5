/** What of an environment ends by itself: its open paths, roles, groups and blocks with a last day. */
import { endOf, hasEnded, type MembershipEnd, membershipEnds } from "../components/site/ends.ts";
import type { Site } from "../components/site/site.ts";
import type { Environment } from "./environment.ts";

/** Something with a last day. */
export interface Ending {
  /** The site's name; null for what is at every site. */
  readonly site: string | null;
  /** In words, as `open path /health`. */
  readonly what: string;
  /** The last day, in UTC, as `2027-01-31`. */
  readonly until: string;
  /** Whole days until the end of that day; negative once it has passed. */
  readonly days: number;
  readonly status: "ends" | "has ended";
}

/** As in `role editor of ada@example.com`. */
function membershipInWords({ roles }: Pick<Site, "roles">, { group, user }: MembershipEnd): string {
  return `${roles.length > 0 ? "role" : "group"} ${group}${user === undefined ? "" : ` of ${user}`}`;
}

/** All of an environment, the next first. */
export function endings(
  { sites, blocked }: Pick<Environment, "blocked"> & { readonly sites: readonly Site[] },
  now: Date,
): Ending[] {
  const ending = (site: string | null, what: string, until: string | undefined): Ending[] =>
    until === undefined
      ? []
      : [
          {
            site,
            what,
            until,
            days: Math.floor((endOf(until) - now.getTime() / 1000) / 86_400),
            status: hasEnded({ until }, now) ? "has ended" : "ends",
          },
        ];
  return [
    ...sites.flatMap((site) => [
      ...site.open.flatMap(({ path, until }) => ending(site.name, `open path ${path}`, until)),
      ...membershipEnds(site).flatMap((it) => ending(site.name, membershipInWords(site, it), it.until)),
    ]),
    ...blocked.flatMap(({ user, until }) => ending(null, `block of ${user}`, until)),
  ].sort((one, other) => one.days - other.days);
}
