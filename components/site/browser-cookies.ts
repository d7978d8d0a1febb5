/** How many cookies people's browsers hold of an environment's sites, and how many they keep. */
import { getDomain } from "tldts";

import type { Site } from "./site.ts";

/**
 * Chromium keeps 180 cookies of a registrable domain with all hosts below it, and at one more deletes the least used
 * down to 150, whole sessions and parts of one; net/cookies/cookie_monster.h, `kDomainMaxCookies` and
 * `kDomainPurgeCookies`. Firefox does the same (`network.cookie.maxPerHost`). The difference is the applications'.
 */
const kept = 150;

/** Characters of a cookie; oauth2-proxy splits what is longer, pkg/sessions/cookie/session_store.go. */
const partSize = 3900;

/** What Entra's tokens take without groups, encrypted and in base64. */
const plainSession = 7500;

/** What a group takes: in the session itself and in the ID token, and in an access token for an API of one's own. */
const groupInSession = 120;
const groupInAccessToken = 70;

/** The most groups that Entra names in a token. */
const mostGroups = 200;

type Counted = Pick<
  Site,
  "domain" | "sessionStore" | "allowedGroups" | "paths" | "roles" | "accessTokenScope"
>;

/** Cookies in which a site's session may lie, for somebody who is in every group that the site knows. */
export function sessionParts(site: Omit<Counted, "domain">): number {
  if (site.sessionStore !== "cookie") return 1;
  const groups = [...site.allowedGroups, ...site.paths.flatMap(({ allowedGroups }) => allowedGroups)];
  const named = Math.min(new Set(groups).size, mostGroups);
  const each = groupInSession + (site.accessTokenScope === undefined ? 0 : groupInAccessToken);
  return Math.ceil((plainSession + named * each) / partSize);
}

/** As Chromium counts. */
function registrableDomain(host: string): string {
  return getDomain(host, { allowPrivateDomains: true }) ?? host;
}

/** Whether browsers send a site's session along from a frame on a page of the origin: `SameSite=Lax`. */
export function isSameSite(origin: string, domain: string): boolean {
  return (
    registrableDomain(origin.replace(/^https:\/\/(?:\*\.)?/, "").replace(/:\d+$/, "")) ===
    registrableDomain(domain)
  );
}

/** For each registrable domain whose sites' sessions a browser may not keep all together: a sentence that says so. */
export function cookieProblems(sites: readonly Counted[]): string[] {
  const domains = new Map<string, Counted[]>();
  for (const site of sites) {
    const domain = registrableDomain(site.domain);
    domains.set(domain, [...(domains.get(domain) ?? []), site]);
  }
  return [...domains].flatMap(([domain, its]) => {
    const cookies = its.reduce((sum, site) => sum + sessionParts(site), 0);
    if (cookies <= kept) return [];
    const store =
      its.length <= kept ? "with sessionStore redis, a site takes one" : "spread them over more domains";
    return [
      `browsers keep 180 cookies of ${domain} with all hosts below it, those of the applications too; sessions of its ${its.length} sites take up to ${cookies}, so that whoever uses all of them is signed out of some again and again; ${store}`,
    ];
  });
}
