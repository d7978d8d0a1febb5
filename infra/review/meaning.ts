/**
 * What a change of a site's settings means, in words: one entry for each setting. A new setting does not compile until
 * it has its entry.
 */
import type { Site } from "../../components/site/site.ts";
import { accessMeaning } from "./access-meaning.ts";
import { backendMeaning } from "./backend-meaning.ts";
import { signInMeaning } from "./sign-in-meaning.ts";
import type { Entries } from "./statements.ts";

/** The settings of a site. */
export const siteMeaning = {
  ...accessMeaning,
  ...signInMeaning,
  ...backendMeaning,
} satisfies Entries<Site>;

/** Who has access to a new site, in words. */
export function gateInWords(site: Pick<Site, "emailDomains" | "allowedGroups" | "roles">): string {
  const domains = site.emailDomains.map((it) => `@${it}`).join(" or ");
  const groups = [...site.allowedGroups, ...site.roles.map(({ value }) => `the role ${value}`)];
  if (groups.length === 0) return `everybody of ${domains}`;
  const people =
    domains === "" ? "everybody, including guests from other organisations," : `people of ${domains}`;
  return `${people} who are in ${groups.join(" or ")}`;
}
