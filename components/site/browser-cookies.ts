/** How many cookies an environment's sites set in a browser, and how many browsers keep. */
import { getDomain } from "tldts";

import type { Site } from "./site.ts";

/**
 * Chromium keeps 180 cookies of a registrable domain with all hosts below it; at one more it deletes the least recently
 * used down to 150, including parts of a session; net/cookies/cookie_monster.h, `kDomainMaxCookies` and
 * `kDomainPurgeCookies`. Firefox does the same (`network.cookie.maxPerHost`). The difference is left for the backends.
 */
const kept = 150;

/** The longest cookie; oauth2-proxy splits longer ones, pkg/sessions/cookie/session_store.go. */
const partSize = 3900;

/** The size of Entra's tokens without groups, encrypted and in base64. */
const plainSession = 7500;

/** The size of a group: in the session itself and in the ID token, and in an access token for an API of your own. */
const groupInSession = 120;
const groupInAccessToken = 70;

/** The most groups that Entra lists in a token. */
const mostGroups = 200;

type Counted = Pick<
  Site,
  "domain" | "sessionStore" | "allowedGroups" | "paths" | "roles" | "accessTokenScope"
>;

/** The most cookies of a site's session, for somebody in every group that the site knows. */
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

/** Whether browsers send a site's session from a frame on a page of the origin: `SameSite=Lax`. */
export function isSameSite(origin: string, domain: string): boolean {
  return (
    registrableDomain(origin.replace(/^https:\/\/(?:\*\.)?/, "").replace(/:\d+$/, "")) ===
    registrableDomain(domain)
  );
}

/** A warning for each registrable domain whose sites' sessions may be too many for a browser. */
export function cookieProblems(sites: readonly Counted[]): string[] {
  const domains = new Map<string, Counted[]>();
  for (const site of sites) {
    const domain = registrableDomain(site.domain);
    domains.set(domain, [...(domains.get(domain) ?? []), site]);
  }
  return [...domains].flatMap(([domain, its]) => {
    const cookies = its.reduce((sum, site) => sum + sessionParts(site), 0);
    if (cookies <= kept) return [];
    const store = its.length <= kept ? "with sessionStore redis, a site needs one" : "use more domains";
    return [
      `browsers keep 180 cookies of ${domain} with all hosts below it, including those of the backends; sessions of its ${its.length} sites take up to ${cookies}, so people who use all of them are repeatedly signed out of some; ${store}`,
    ];
  });
}
