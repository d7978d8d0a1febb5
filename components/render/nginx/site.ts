/**
 * A site as its Nginx file. Closed by default: `auth_request` stands at server level, and the only way to write a
 * location is one of the three functions of locations.ts, each of which says who may reach it.
 */
import { http2File, instanceName, paths, signInPaths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { authCacheAnswer, authCacheDefinitions } from "./auth-cache.ts";
import { acmeLocations, acmeUpstream } from "./acme.ts";
import { header } from "../header.ts";
import { onEveryAnswer, securityHeaderMaps } from "./security-headers.ts";
import { block, comment, type Directive, expr, ifEquals, printNginx } from "../../nginx/print.ts";
import { intermediateTls } from "./tls.ts";
import {
  acmeChallenge,
  authPathOf,
  internalLocationWithStore,
  internalPaths,
  openLocation,
  protectedLocation,
} from "./locations.ts";
import { logFormat } from "./access-log.ts";
import { byPath, misreadPaths, openPathLocations, refusals, ruleLocations } from "./path-rules.ts";
import {
  answering,
  bodyBuffering,
  originMaps,
  passOn,
  toBackend,
  upstreamMaps,
  upstreams,
} from "./backend.ts";
import { canMisread } from "./ambiguous-paths.ts";
import { destinationMap, destinationWithin } from "./destination.ts";
import { linkMap, putRightLinks } from "./redirects.ts";
import { sessionCookies } from "./session-cookies.ts";
import {
  beginInBrowser,
  callbackLocation,
  challenge,
  goOnWithMoved,
  movedSignIns,
  keepForm,
  proxyPrefixVariable,
  returnTo,
  signInLimit,
  signInZone,
} from "./sign-in.ts";
import { askForStore, askOauth2Proxy, toOauth2Proxy, withoutBody } from "./oauth2-proxy.ts";
import { answerVariables } from "./identity-headers.ts";
import { errorPages, maintenance, openPage, pageLocation, signInPageLocation } from "./error-pages.ts";

/**
 * The text of `/etc/nginx/sites-enabled/<domain>.conf`.
 * @param hosts addresses of all hosts of the environment, which answer an ACME server's questions for each other
 */
export function nginxSite(site: Site, hosts: readonly string[] = []): string {
  const peers = site.certificateFrom === "acme" ? hosts : [];
  return printNginx([
    comment(header("nginx/site.ts", site.domain)),
    ...upstreams(site),
    ...upstreamMaps(site),
    ...originMaps(site),
    ...linkMap(site),
    ...(peers.length === 0 ? [] : [acmeUpstream(peers, acmeUpstreamName(site))]),
    ...sessionCookies(site).maps,
    ...authCacheDefinitions(site),
    ...signInZone(site),
    ...securityHeaderMaps(site),
    ...misreadPaths(site),
    ...destinationMap(site),
    ...movedSignIns(site),
    httpServer(site, peers.length > 0),
    httpsServer(site),
  ]);
}

/** What the locations hold in which oauth2-proxy speaks to people. */
function signInAnswers(site: Site): Directive[] {
  return [
    ...onEveryAnswer(site),
    ...sessionCookies(site).leftovers,
    ...signInLimit(site),
    ...toOauth2Proxy(site, { returnTo: expr(returnTo) }),
  ];
}

/** The headers of an answer that takes back a session that has just been refused. */
function withoutRefused(site: Site): Directive[] {
  return [...onEveryAnswer(site), ...sessionCookies(site).voided];
}

function acmeUpstreamName({ domain }: Site): string {
  return `acme_${domain}`;
}

function httpServer(site: Site, withPeers: boolean): Directive {
  return block(
    ["server"],
    [
      ["listen", 80],
      ["listen", "[::]:80"],
      ["server_name", site.domain],
      ["server_tokens", "off"],
      ["auth_request", "off"],
      ["include", paths(site.domain).inherited],
      openLocation(["/"], [["return", 301, expr(`https://${site.domain}$request_uri`)]]),
      ...(withPeers ? acmeLocations(acmeUpstreamName(site)) : [acmeChallenge()]),
    ],
  );
}

function httpsServer(site: Site): Directive {
  const at = paths(site.domain);
  const signIn = signInPaths(site);
  const internal = internalPaths(site);
  const oauth2Proxy = `http://${instanceName(site.domain)}`;
  return block(
    ["server"],
    [
      ["listen", 443, "ssl"],
      ["listen", "[::]:443", "ssl"],
      ["server_name", site.domain],
      ["server_tokens", "off"],
      ["ssl_certificate", `${site.certificates}/fullchain.pem`],
      ["ssl_certificate_key", `${site.certificates}/privkey.pem`],
      ...intermediateTls,
      ...onEveryAnswer(site),
      ["client_max_body_size", site.clientMaxBodySize],
      ["include", at.inherited],
      ["include", at.generation],
      ["include", http2File],
      ["set", expr(proxyPrefixVariable), site.proxyPrefix],
      ...sessionCookies(site).constants,
      ["access_log", `/var/log/nginx/${site.domain}.log`, logFormat(site)],

      comment("Every location asks oauth2-proxy first, unless it says otherwise itself."),
      ["auth_request", internal.auth],
      ["error_page", 401, "=", internal.signIn],
      ...(byPath(site) ? [["error_page", 403, internal.forbidden] as const] : []),
      ...errorPages(site),
      // Also where a sign-in fails, to which an error page has led.
      ["recursive_error_pages", "on"],
      ...answerVariables(),
      ...authCacheAnswer(site),
      ...sessionCookies(site).fromAnswer,
      ...maintenance(site),

      comment("What the backend gets, unless a location says all of it anew."),
      ...toBackend(site, "user"),
      ...answering(site),
      ...bodyBuffering(site.buffering ? "on" : "off"),
      ...sessionCookies(site).renewed,
      ...putRightLinks(site),

      ...refusals(site),
      protectedLocation(["/"], [...destinationWithin(site, 0), ...passOn(site)]),
      ...site.paths.flatMap((rule, index) => ruleLocations(site, rule, index + 1)),
      ...site.open.flatMap((open, index) => openPathLocations(site, open, index + 1)),
      ...(site.refuseHtFiles ? [openLocation(["~", expr("/\\.ht")], [["return", 404]])] : []),

      comment("The sign-in, its callback and the sign-out."),
      openLocation([signIn.all], [...signInAnswers(site), ["proxy_pass", oauth2Proxy]]),
      callbackLocation(site, signInAnswers(site)),
      openLocation(["=", signIn.auth], [["return", 404]]),
      openPage(site, signIn.signedOut, "signed-out.html"),
      openPage(site, signIn.return, "return.html"),
      askOauth2Proxy(site, internal.auth),
      ...site.paths.map((rule, index) =>
        askOauth2Proxy(
          site,
          authPathOf(site, index + 1),
          `?allowed_groups=${[...rule.allowedGroups, ...rule.allowedRoles].join(",")}`,
        ),
      ),
      ...(byPath(site) ? [pageLocation(site, internal.forbidden, "forbidden.html")] : []),
      ...(canMisread(site) ? [pageLocation(site, internal.badRequest, "bad-request.html")] : []),
      ...(site.signInRate === "off" ? [] : [pageLocation(site, internal.tooMany, "too-many.html")]),
      pageLocation(site, internal.unavailable, "unavailable.html"),
      signInPageLocation(site, internal.begin, "begin.html", withoutRefused(site)),
      signInPageLocation(site, internal.notSaved, "not-saved.html", withoutRefused(site)),
      ...(site.maintenance === undefined
        ? []
        : [pageLocation(site, internal.maintenance, "maintenance.html")]),
      ...askForStore(site),
      comment(
        "A browser that opens a page goes to the sign-in; a script, an API client or a WebSocket gets the 401.",
      ),
      internalLocationWithStore(
        site,
        ["=", internal.signIn],
        [
          ...withoutRefused(site),
          challenge,
          ifEquals("$protected_sites_navigation", 0, ["return", 401]),
          ...keepForm(site),
          ...goOnWithMoved(site),
          ...beginInBrowser(site),
          // The server's own would lead back here.
          ...errorPages(site),
          ...signInLimit(site),
          ...toOauth2Proxy(site, { returnTo: expr(returnTo) }),
          ...withoutBody,
          ["proxy_pass", `${oauth2Proxy}${signIn.signIn}`],
        ],
      ),

      acmeChallenge(),
      comment("For the push: which generation answers. Only the host itself may ask."),
      openLocation(
        ["=", "/.well-known/protected-sites/generation"],
        [
          ["default_type", "text/plain"],
          ifEquals("$protected_sites_from_host", 0, ["return", 404]),
          ["return", 200, expr(`${site.domain} $protected_sites_generation`)],
        ],
      ),
    ],
  );
}
