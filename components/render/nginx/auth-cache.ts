/**
 * A site's `authCache`: Nginx keeps what oauth2-proxy has answered to a session for some seconds. What decides about
 * the answer is all in its key, and what must not be kept is never kept.
 */
import { authCacheFolder, identifier } from "../../site/names.ts";
import type { Site } from "../../site/site.ts";
import { sessionCookieVariable } from "./application-cookies.ts";
import { authStatus } from "./identity-headers.ts";
import { block, comment, type Directive, expr, type Item } from "../../nginx/print.ts";

/** Directives at the top of the site's file. */
export function authCacheDefinitions(site: Site): Item[] {
  if (site.authCache === undefined) return [];
  return [
    comment("oauth2-proxy's answers: in memory, and only while they are valid."),
    [
      ...(["proxy_cache_path", authCacheFolder(site.domain)] as const),
      // Elsewhere would be on the disk.
      "use_temp_path=off",
      `keys_zone=${zone(site)}:1m`,
      `inactive=${site.authCache}`,
      "max_size=64m",
    ],
  ];
}

/** Whether oauth2-proxy's answer was a kept one. */
export const cacheStatus = "$oauth2_cache";

/** The status of the answer, also where it was kept; for all sites of a host. */
export const cachedAuthStatus = "$protected_sites_auth_status";

const withAuthorization = "$protected_sites_with_authorization";

/** For all sites of a host: which answers are kept, and who gets none of them. */
export function authCacheMaps(): Item[] {
  return [
    comment("authCache caches only answers to requests with a session cookie, and without Authorization."),
    block(
      ["map", expr("$http_authorization"), expr(withAuthorization)],
      [
        ["default", 1],
        ["", ""],
      ],
    ),
    ...[false, true].map((passAuthorization) =>
      block(
        [
          "map",
          expr(`${sessionCookieVariable}:${passAuthorization ? "" : "$http_authorization"}:$http_cookie`),
          expr(uncached({ passAuthorization })),
        ],
        [
          ["default", 1],
          // Cookie by cookie: `.*` would go back over a session of kilobytes letter by letter.
          [expr("~^([^:]+)::(?:[^;]*;)*? ?(?:__Host-)?\\1(?:_[0-9])?=[^;]"), ""],
        ],
      ),
    ),
    block(
      ["map", expr(cacheStatus), expr(cachedAuthStatus)],
      [
        ["default", expr(authStatus)],
        ["HIT", 202],
      ],
    ),
  ];
}

/** Directives next to `auth_request`. */
export function authCacheAnswer(site: Site): Directive[] {
  return site.authCache === undefined
    ? []
    : [["auth_request_set", expr(cacheStatus), expr("$upstream_cache_status")]];
}

/**
 * Under which key an answer is kept. It has the whole Cookie header: `$cookie_…` reads names without regard to case and
 * takes the first of several, oauth2-proxy does neither, so that somebody who can plant a cookie in another's browser
 * would choose the key under which that one's answer lies. The generation is in it so that no answer outlives a push.
 * @param constraint what the location requires beyond the site's own rules, as a query string
 */
export function authCacheKey(constraint: string): string {
  return `$protected_sites_generation ${constraint} $http_cookie`;
}

/**
 * Directives of a location that sends a subrequest to oauth2-proxy. An answer that renews a session (Set-Cookie) is one that Nginx
 * itself never keeps.
 * @param constraint as for {@link authCacheKey}
 */
export function authCache(site: Site, constraint: string): Directive[] {
  if (site.authCache === undefined) return [];
  return [
    ["proxy_cache", zone(site)],
    ["proxy_cache_key", expr(authCacheKey(constraint))],
    ["proxy_cache_valid", 202, site.authCache],
    // Nginx still reads the cached file at each request, with its time of expiry, but keeps it open. It reopens a file that
    // was replaced, and does not look for one that is no longer cached.
    ["open_file_cache", "max=100", `inactive=${site.authCache}`],
    ["proxy_no_cache", expr(uncached(site))],
    // What is found under the key was stored for the same Cookie header. Testing that again would cost as much as the key.
    ["proxy_cache_bypass", site.passAuthorization ? 0 : expr(withAuthorization)],
  ];
}

function zone({ domain }: Site): string {
  return `protected_sites_auth_${identifier(domain)}`;
}

/** What is only for the application, oauth2-proxy does not see. */
function uncached({ passAuthorization }: Pick<Site, "passAuthorization">): string {
  return `$protected_sites_uncached${passAuthorization ? "_beside_authorization" : ""}`;
}
