/**
 * A site as its Nginx file. Closed by default: `auth_request` is set at server level, and the only way to write a
 * location is one of the functions of locations.ts, each of which says who may reach it.
 */
import { paths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { authCacheAnswer, authCacheDefinitions } from "./auth-cache.ts";
import { acmeLocations, acmeUpstream } from "./acme.ts";
import { header } from "../header.ts";
import { securityHeaderConstants } from "./security-headers.ts";
import { block, comment, type Directive, expr, group, printNginx } from "../../nginx/print.ts";
import { acmeChallenge, authPathOf, internalPaths, protectedLocation } from "./locations.ts";
import { logFormat } from "./access-log.ts";
import {
  byPath,
  misreadPaths,
  openPathLocations,
  refusals,
  refuseHtFiles,
  ruleLocations,
} from "./path-rules.ts";
import { answering, originMaps, passOn, timeouts, toBackend, upstreamMaps, upstreams } from "./backend.ts";
import { destinationMap, destinationWithin } from "./destination.ts";
import { linkMap, rewrittenLinks } from "./redirects.ts";
import { cookieConstants, ownLeftoversMap, renewedCookies } from "./session-cookies.ts";
import {
  beginLocation,
  beginPages,
  frontChannelLogout,
  movedSignIns,
  ownSignInZone,
  proxyPrefixVariable,
  signInLocation,
} from "./sign-in.ts";
import { askForStore, askOauth2Proxy } from "./oauth2-proxy.ts";
import { contactConstant, maintenance, ownPage } from "./error-pages.ts";
import { expiredLocations, expiredPage, temporaryMaps } from "./temporary.ts";
import { withIncludes } from "./shared-files.ts";

/**
 * The text of `/etc/nginx/sites-enabled/<domain>.conf`.
 * @param hosts addresses of all hosts of the environment, which answer an ACME server's questions for each other
 */
export function nginxSite(site: Site, hosts: readonly string[] = []): string {
  const peers = site.certificateFrom === "acme" ? hosts : [];
  return printNginx(
    withIncludes(site, [
      comment(header("nginx/site.ts", site.domain)),
      ...upstreams(site),
      ...upstreamMaps(site),
      ...originMaps(site),
      ...linkMap(site),
      ...(peers.length === 0 ? [] : [acmeUpstream(peers, acmeUpstreamName(site))]),
      ...ownLeftoversMap(site),
      ...authCacheDefinitions(site),
      ...temporaryMaps(site),
      ...ownSignInZone(site),
      ...misreadPaths(site),
      ...destinationMap(site),
      ...movedSignIns(site),
      httpServer(site, peers.length > 0),
      httpsServer(site),
    ]),
  );
}

function acmeUpstreamName({ domain }: Site): string {
  return `acme_${domain}`;
}

function httpServer(site: Site, withPeers: boolean): Directive {
  return block(
    ["server"],
    [
      ["server_name", site.domain],
      ["include", `${paths(site.domain).shared}/http.conf`],
      ...(withPeers ? acmeLocations(acmeUpstreamName(site)) : [group([acmeChallenge()])]),
    ],
  );
}

function httpsServer(site: Site): Directive {
  return block(
    ["server"],
    [
      ["server_name", site.domain],
      ["ssl_certificate", `${site.certificates}/fullchain.pem`],
      ["ssl_certificate_key", `${site.certificates}/privkey.pem`],
      ["include", paths(site.domain).generation],
      ...maintenance(site),
      ...expiredPage(site),
      ["include", `${paths(site.domain).shared}/https.conf`],
      ["access_log", `/var/log/nginx/${site.domain}.log`, logFormat(site)],
      ["client_max_body_size", site.clientMaxBodySize],
      ["set", expr(proxyPrefixVariable), site.proxyPrefix],
      ...cookieConstants(site),
      ...contactConstant(site),
      ...securityHeaderConstants(site),

      comment("Every location requires a session, unless it turns this off itself."),
      ["auth_request", internalPaths.auth],
      ...authCacheAnswer(site),
      group([...renewedCookies(site), ...beginPages(site), frontChannelLogout(site)]),
      ...(byPath(site) ? [["error_page", 403, internalPaths.forbidden] as const] : []),

      comment("Headers for the backend, unless a location sets its own."),
      ...toBackend(site, "user"),
      ...timeouts(site),
      group(answering(site)),
      ...rewrittenLinks(site),
      ...refusals(site),
      ...expiredLocations(site),
      protectedLocation(["/"], [...destinationWithin(site, 0), ...passOn(site)]),
      ...site.paths.flatMap((rule, index) => ruleLocations(site, rule, index + 1)),
      ...site.open.flatMap((open, index) => openPathLocations(site, open, index + 1)),
      ...(site.refuseHtFiles ? [group([refuseHtFiles])] : []),

      comment("The sign-in, its callback and the sign-out; and the subrequests to oauth2-proxy."),
      signInLocation(site),
      askOauth2Proxy(site, internalPaths.auth),
      ...site.paths.map((rule, index) =>
        askOauth2Proxy(
          site,
          authPathOf(index + 1),
          `?allowed_groups=${[...rule.allowedGroups, ...rule.allowedRoles].join(",")}`,
        ),
      ),
      ...(byPath(site) ? [ownPage(site, internalPaths.forbidden, "forbidden.html")] : []),
      ...askForStore(site),
      beginLocation(site),
      group([acmeChallenge()]),
    ],
  );
}
