/**
 * A site as its Nginx file. Closed by default: `auth_request` stands at server level, and the only way to write a
 * location is one of the three functions below, each of which says who may reach it.
 */
import { acmeFolder, acmePath, cookieName, identifier, instanceName, paths } from "../site/names.ts";
import type { OpenPath, PathRule } from "../site/path-access.ts";
import { machineClients } from "../site/roles.ts";
import { type Identity, seconds, type Site, upstreamPath } from "../site/site.ts";
import { ambiguousPath, misspelt } from "./ambiguous-paths.ts";
import { authCache, authCacheAnswer, authCacheDefinitions, authStatus } from "./auth-cache.ts";
import { acmeLocations, acmeUpstream } from "./acme.ts";
import { header } from "./header.ts";
import { onEveryAnswer, securityHeaderMaps } from "./security-headers.ts";
import {
  type Arg,
  block,
  comment,
  type Directive,
  expr,
  ifEquals,
  ifNoneOf,
  ifNotLike,
  literal,
  type Item,
  printNginx,
} from "./nginx-conf.ts";
import { intermediateTls } from "./tls.ts";

/**
 * The text of `/etc/nginx/sites-enabled/<domain>.conf`.
 * @param hosts addresses of all hosts of the environment, which answer an ACME server's questions for each other
 */
export function nginxSite(site: Site, hosts: readonly string[] = []): string {
  const peers = site.certificateFrom === "acme" ? hosts : [];
  return printNginx([
    comment(header("nginx.ts", site.domain)),
    ...upstreams(site),
    ...(peers.length === 0 ? [] : [acmeUpstream(peers, acmeUpstreamName(site))]),
    ...sessionCookies(site).maps,
    ...authCacheDefinitions(site),
    ...signInZone(site),
    ...securityHeaderMaps(site),
    accessLogFormat(site),
    ...misspeltPaths(site),
    ...bearerTokens(site),
    ...returnTo(site),
    httpServer(site, peers.length > 0),
    httpsServer(site),
  ]);
}

/**
 * What backends are told of the user: the header, and the part of oauth2-proxy's answer that it carries.
 * `user` is the UPN, which oauth2-proxy calls the preferred user name; its own "user" is an opaque ID.
 */
const identityHeaders: readonly (readonly [Identity, header: string, answer: string])[] = [
  ["user", "X-Auth-Request-User", "x_auth_request_preferred_username"],
  ["email", "X-Auth-Request-Email", "x_auth_request_email"],
  ["preferredUsername", "X-Auth-Request-Preferred-Username", "x_auth_request_preferred_username"],
  ["groups", "X-Auth-Request-Groups", "x_auth_request_groups"],
  // On a site with roles, oauth2-proxy takes the roles for groups.
  ["roles", "X-Auth-Request-Roles", "x_auth_request_groups"],
  ["accessToken", "X-Auth-Request-Access-Token", "x_auth_request_access_token"],
  ["idToken", "Authorization", "authorization"],
];

/** Other names under which backends look for who is there and from where. No client may choose one: always blank. */
const blankHeaders = [
  "X-Forwarded-User",
  "X-Forwarded-Email",
  "X-Forwarded-Groups",
  "X-Forwarded-Preferred-Username",
  "X-Forwarded-Access-Token",
  "X-Forwarded-Client-Cert",
  "X-Forwarded-Method",
  "X-Forwarded-Prefix",
  "X-Forwarded-Scheme",
  "X-Forwarded-Server",
  "X-Forwarded-Ssl",
  "Remote-User",
  "Remote-Name",
  "Remote-Email",
  "Remote-Groups",
  "X-Remote-User",
  "X-Webauth-User",
  "X-User",
  "X-Client-IP",
  "True-Client-IP",
  "X-Original-URL",
  "X-Original-URI",
  "X-Original-Method",
  "X-Rewrite-URL",
  "Forwarded",
  "Proxy",
  "Proxy-Authorization",
  "GAP-Auth",
  "GAP-Signature",
];

/**
 * Parts into which oauth2-proxy may split a session cookie of up to 40 kB; "" is the whole one. Of 200 groups, the most
 * that Entra names, it makes 7 with a token for Graph, and up to 10 with one that names the groups again.
 */
const cookieParts = ["", ...Array.from({ length: 10 }, (_, index) => `_${index}`)];

function upstreams(site: Site): Directive[] {
  return [
    block(
      ["upstream", instanceName(site.domain)],
      [
        ["server", `127.0.0.1:${site.port}`],
        ["keepalive", 32],
      ],
    ),
    block(
      ["upstream", backend(site)],
      [
        ["server", serverAddress(site.upstream)],
        ...site.backupUpstreams.map((it): Directive => ["server", serverAddress(it), "backup"]),
        ["keepalive", 32],
      ],
    ),
  ];
}

function serverAddress(upstream: string): string {
  if (upstream.startsWith("unix:")) return upstream;
  const { host } = new URL(upstream);
  return /:\d+$/.test(host) ? host : `${host}:${upstream.startsWith("https:") ? 443 : 80}`;
}

function isHttps(site: Site): boolean {
  return site.upstream.startsWith("https:");
}

function backend(site: Site): string {
  return `backend_${site.domain}`;
}

function returnToVariable(site: Site): string {
  return `$protected_sites_return_to_${identifier(site.domain)}`;
}

/**
 * Where a browser goes after the sign-in, always with GET. A form that was sent when the session had ended leads back
 * to the page that it was on, if the browser says which; its address may not answer to GET.
 */
function returnTo(site: Site): Item[] {
  const own = literal(site.domain);
  return [
    // On the way here Nginx has made a GET of it; only the request's first line still says what it was.
    comment("After a sign-in: back to where the browser was."),
    block(
      ["map", expr("$request $http_referer"), expr(returnToVariable(site))],
      [
        ["default", expr(`https://${site.domain}$request_uri`)],
        [
          expr(`~^(?!GET |HEAD )[A-Z]+ [^ ]+ [^ ]+ https://${own}(?<protected_sites_page>/[!-~]*)$`),
          expr(`https://${site.domain}$protected_sites_page`),
        ],
      ],
    ),
  ];
}

/** How a site's session cookies reach the browser. */
interface SessionCookies {
  readonly maps: readonly Item[];
  /** Takes them from oauth2-proxy's answer to the subrequest. */
  readonly fromAnswer: readonly Directive[];
  /** Adds those of a renewed session to an answer. */
  readonly renewed: readonly Directive[];
  /** Takes what an older session left from the answer that brings a new one. */
  readonly leftovers: readonly Directive[];
  /** Takes back a session that has just been refused. */
  readonly voided: readonly Directive[];
}

const cookieAttributes = "Path=/; HttpOnly; Secure; SameSite=Lax";

function sessionCookies(site: Site): SessionCookies {
  const none: SessionCookies = { maps: [], fromAnswer: [], renewed: [], leftovers: [], voided: [] };
  switch (site.sessionStore) {
    case "cookie":
      return cookiesInParts(site);
    case "minimal":
      // Never renewed, but with many groups in parts: an old one must not outlive the sign-in that follows.
      return {
        ...none,
        voided: cookieParts.map((part) => [
          "add_header",
          "Set-Cookie",
          `${cookieName(site)}${part}=; Max-Age=0; ${cookieAttributes}`,
          "always",
        ]),
      };
    case "redis":
      // One short cookie, which travels as it is.
      return {
        ...none,
        fromAnswer: [["auth_request_set", expr("$oauth2_set_cookie"), expr("$upstream_http_set_cookie")]],
        renewed: [["add_header", "Set-Cookie", expr("$oauth2_set_cookie"), "always"]],
      };
  }
}

/**
 * oauth2-proxy renews a session by Set-Cookie headers on its answer to the subrequest. Nginx (since 1.23) joins
 * several of them with a comma, which no browser reads, so each part travels in a variable of its own.
 *
 * oauth2-proxy never takes back the parts of an older session: a whole cookie wins over newer parts, and a part too
 * many spoils what is joined from them. So every answer that brings a session names all parts, those that it does
 * not have as expired; also those that the request did not carry, since a parallel one may just have brought them.
 */
function cookiesInParts(site: Site): SessionCookies {
  const name = cookieName(site);
  const id = identifier(site.domain);
  const parts = cookieParts.map((part) => ({
    cookie: `${name}${part}`,
    answer: `$upstream_cookie_${name}${part}`,
    value: `$oauth2_cookie${part}`,
    setCookie: `$oauth2_set_cookie${part}_${id}`,
    leftover: `$oauth2_leftover${part}_${id}`,
    expired: `${name}${part}=; Max-Age=0; ${cookieAttributes}`,
  }));
  const renewed = `$oauth2_renewed_${id}`;
  const signedIn = `$oauth2_signed_in_${id}`;
  const toBrowser = (variables: readonly string[]) =>
    variables.map((variable): Directive => ["add_header", "Set-Cookie", expr(variable), "always"]);
  return {
    maps: [
      comment("A renewed session: what the answer to the subrequest sets goes to the browser."),
      anyOf(["$oauth2_cookie", "$oauth2_cookie_0"], renewed),
      ...parts.map(({ value, setCookie, cookie, expired }) =>
        block(
          ["map", expr(`${renewed}:${value}`), expr(setCookie)],
          [
            [":", ""],
            ["1:", expired],
            [
              "default",
              expr(`${cookie}=${value}; Max-Age=${seconds(site.cookieExpire)}; ${cookieAttributes}`),
            ],
          ],
        ),
      ),
      comment("A new session: its cookies reach the browser by themselves, and what an older one left goes."),
      anyOf([`$upstream_cookie_${name}`, `$upstream_cookie_${name}_0`], signedIn),
      ...parts.map(({ answer, leftover, expired }) =>
        block(
          ["map", expr(`${signedIn}:${answer}`), expr(leftover)],
          [
            ["1:", expired],
            ["default", ""],
          ],
        ),
      ),
    ],
    fromAnswer: parts.map(({ answer, value }): Directive => ["auth_request_set", expr(value), expr(answer)]),
    renewed: toBrowser(parts.map(({ setCookie }) => setCookie)),
    leftovers: toBrowser(parts.map(({ leftover }) => leftover)),
    voided: [],
  };
}

function logFormat(site: Site): string {
  return `protected_sites_${identifier(site.domain)}`;
}

/**
 * One JSON object per request. The path is there without its query, which may hold a sign-in's code or an
 * application's secrets; cookies, tokens and the referrer are not.
 */
function accessLogFormat(site: Site): Directive {
  const fields = {
    time: "$time_iso8601",
    site: site.domain,
    request_id: "$request_id",
    client: "$remote_addr",
    user: "$oauth2_user",
    auth: authStatus(site),
    ...(site.authCache === undefined ? {} : { auth_cache: "$oauth2_cache" }),
    auth_seconds: "$oauth2_seconds",
    method: "$request_method",
    path: "$uri",
    protocol: "$server_protocol",
    status: "$status",
    bytes: "$body_bytes_sent",
    seconds: "$request_time",
    backend_seconds: "$upstream_response_time",
    user_agent: "$http_user_agent",
  };
  const members = Object.entries(fields).map(([key, value]) => `"${key}":"${value}"`);
  return ["log_format", logFormat(site), "escape=json", expr(`{${members.join(",")}}`)];
}

/** Counts sign-ins by address; the check of a session is none. */
function signInZone(site: Site): Directive[] {
  if (site.signInRate === "off") return [];
  return [
    [
      "limit_req_zone",
      expr("$binary_remote_addr"),
      `zone=${signInZoneName(site)}:1m`,
      `rate=${site.signInRate}`,
    ],
  ];
}

function signInLimit(site: Site): Directive[] {
  if (site.signInRate === "off") return [];
  const [, rate = "", unit] = /^(\d+)r\/([sm])$/.exec(site.signInRate) ?? [];
  // An office that comes to work at nine has one address.
  const burst = unit === "s" ? 10 * Number(rate) : Number(rate);
  return [
    ["limit_req", `zone=${signInZoneName(site)}`, `burst=${burst}`, "nodelay"],
    ["limit_req_status", 429],
    // Its line in the error log would hold the query, and so a sign-in's code.
    ["limit_req_log_level", "notice"],
  ];
}

function signInZoneName(site: Site): string {
  return `protected_sites_sign_in_${identifier(site.domain)}`;
}

/** Sets `variable` to 1 where one of `values` is not empty. */
function anyOf(values: readonly string[], variable: string): Directive {
  return block(
    ["map", expr(values.join("")), expr(variable)],
    [
      [expr(""), ""],
      ["default", 1],
    ],
  );
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
      openLocation(["/"], [["return", 301, expr(`https://${site.domain}$request_uri`)]]),
      ...(withPeers ? acmeLocations(acmeUpstreamName(site)) : [acmeChallenge()]),
    ],
  );
}

function httpsServer(site: Site): Directive {
  const at = paths(site.domain);
  const oauth2Proxy = `http://${instanceName(site.domain)}`;
  return block(
    ["server"],
    [
      ["listen", 443, "ssl", "http2"],
      ["listen", "[::]:443", "ssl", "http2"],
      ["server_name", site.domain],
      ["server_tokens", "off"],
      ["ssl_certificate", `${site.certificates}/fullchain.pem`],
      ["ssl_certificate_key", `${site.certificates}/privkey.pem`],
      ...intermediateTls,
      ...onEveryAnswer(site),
      ["client_max_body_size", site.clientMaxBodySize],
      ["include", at.generation],
      ["access_log", `/var/log/nginx/${site.domain}.log`, logFormat(site)],

      comment("Every location asks oauth2-proxy first, unless it says otherwise itself."),
      ["auth_request", authLocation],
      ["error_page", 401, "=", signInLocation],
      ...(byPath(site) ? [["error_page", 403, forbiddenLocation] as const] : []),
      ...errorPages(site),
      // Also where a sign-in fails, to which an error page has led.
      ["recursive_error_pages", "on"],
      ...answerVariables(),
      ...authCacheAnswer(site),
      ...sessionCookies(site).fromAnswer,
      ...maintenance(site),

      comment("What the backend gets, unless a location says all of it anew."),
      ...toBackend(site, "user"),
      ["proxy_connect_timeout", site.proxyConnectTimeout],
      ["proxy_send_timeout", site.proxySendTimeout],
      ["proxy_read_timeout", site.proxyReadTimeout],
      ...(site.buffering ? [] : bodyBuffering("off")),
      ...sessionCookies(site).renewed,

      ...(byPath(site) ? refusals(site) : []),
      protectedLocation(["/"], passOn(site)),
      ...site.paths.flatMap((rule, index) => ruleLocations(site, rule, index + 1)),
      ...site.open.flatMap((open, index) => openPathLocations(site, open, index + 1)),
      openLocation(["~", expr("/\\.ht")], [["return", 404]]),

      comment("The sign-in, its callback and the sign-out."),
      openLocation(
        ["/oauth2/"],
        [
          ...onEveryAnswer(site),
          ...sessionCookies(site).leftovers,
          ...signInLimit(site),
          ...toOauth2Proxy(site),
          ["proxy_pass", oauth2Proxy],
        ],
      ),
      openLocation(["=", "/oauth2/auth"], [["return", 404]]),
      openLocation(
        ["=", "/oauth2/signed-out"],
        [
          ["default_type", "text/html"],
          ["alias", `${at.current}/signed-out.html`],
        ],
      ),
      askOauth2Proxy(site, authLocation),
      ...site.paths.map((rule, index) =>
        askOauth2Proxy(
          site,
          authLocationOf(index + 1),
          `?allowed_groups=${[...rule.allowedGroups, ...rule.allowedRoles].join(",")}`,
        ),
      ),
      ...(byPath(site) ? [pageLocation(site, forbiddenLocation, "forbidden.html")] : []),
      ...(site.signInRate === "off" ? [] : [pageLocation(site, tooManyLocation, "too-many.html")]),
      pageLocation(site, unavailableLocation, "unavailable.html"),
      ...(site.maintenance === undefined
        ? []
        : [pageLocation(site, maintenanceLocation, "maintenance.html")]),
      comment(
        "A browser that opens a page goes to the sign-in; a script, an API client or a WebSocket gets the 401.",
      ),
      internalLocation(
        ["=", signInLocation],
        [
          ...(sessionCookies(site).voided.length > 0
            ? [...onEveryAnswer(site), ...sessionCookies(site).voided]
            : []),
          ifEquals("$protected_sites_navigation", 0, ["return", 401]),
          // The server's own would lead back here.
          ...errorPages(site),
          ...signInLimit(site),
          ...toOauth2Proxy(site, { returnTo: expr(returnToVariable(site)) }),
          ...withoutBody,
          ["proxy_method", "GET"],
          ["proxy_pass", `${oauth2Proxy}/oauth2/sign_in`],
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

const authLocation = "/oauth2/-/auth";
const signInLocation = "/oauth2/-/sign-in";
const forbiddenLocation = "/oauth2/-/forbidden";
const tooManyLocation = "/oauth2/-/too-many";
const unavailableLocation = "/oauth2/-/unavailable";
const maintenanceLocation = "/oauth2/-/maintenance";

/** Where Nginx asks about the rule of this number, 1 for the first. */
function authLocationOf(rule: number): string {
  return `${authLocation}/${rule}`;
}

/**
 * The location of a subrequest.
 * @param constraint what the user needs beyond the site's own rules, as a query
 */
function askOauth2Proxy(site: Site, location: string, constraint = ""): Directive {
  return internalLocation(
    ["=", location],
    [
      // An instance that ends may close a connection that it has just taken; the next one answers. At most ten times.
      ["error_page", 502, "=", location],
      ...toOauth2Proxy(site, {
        authorization: machineClients(site).length > 0 ? expr(bearerVariable(site)) : "",
      }),
      ...withoutBody,
      ...authCache(site, constraint),
      // oauth2-proxy's own requests to Entra have no time-out.
      ["proxy_connect_timeout", "5s"],
      ["proxy_read_timeout", "10s"],
      ["proxy_pass", `http://${instanceName(site.domain)}/oauth2/auth${constraint}`],
    ],
  );
}

/** Pages in place of Nginx's own errors; what a backend itself answers is passed on as it is. */
function errorPages(site: Site): Directive[] {
  const closed = site.maintenance !== undefined;
  return [
    ...(site.signInRate === "off" ? [] : [["error_page", 429, tooManyLocation] as const]),
    ["error_page", 500, 502, ...(closed ? [] : [503]), 504, unavailableLocation],
    ...(closed ? [["error_page", 503, maintenanceLocation] as const] : []),
  ];
}

/** A page of ours, with the request's ID put in. */
function pageLocation(site: Site, location: string, file: string): Directive {
  return internalLocation(
    ["=", location],
    [
      ["default_type", "text/html"],
      ["ssi", "on"],
      ["alias", `${paths(site.domain).current}/${file}`],
    ],
  );
}

/** Everybody gets the page, whoever they are; nothing is asked and nothing is reached. */
function maintenance(site: Site): Item[] {
  if (site.maintenance === undefined) return [];
  return [
    comment("Maintenance: everybody gets the page, and nobody gets further."),
    ifNotLike("$uri", "^/(?:oauth2/-/|\\.well-known/(?:acme-challenge|protected-sites)/)", ["return", 503]),
  ];
}

function byPath(site: Site): boolean {
  return site.paths.length > 0 || site.open.length > 0;
}

function refusals(site: Site): Item[] {
  return [
    comment(
      "Rules go by the path as Nginx reads it: one that the backend may read differently gets nowhere.",
    ),
    ifEquals(ambiguousPath, 1, ["return", 400]),
    ...(site.paths.length > 0 ? [ifEquals(misspeltVariable(site), 1, ["return", 404])] : []),
  ];
}

function misspeltVariable(site: Site): string {
  return `$protected_sites_misspelt_path_${identifier(site.domain)}`;
}

function bearerVariable(site: Site): string {
  return `$protected_sites_bearer_${identifier(site.domain)}`;
}

/** oauth2-proxy would take a token out of a Basic header, too, which browsers and proxies send by themselves. */
function bearerTokens(site: Site): Item[] {
  if (machineClients(site).length === 0) return [];
  return [
    comment(
      "Programs come with a token of the tenant; oauth2-proxy gets to see nothing else of this header.",
    ),
    block(
      ["map", expr("$http_authorization"), expr(bearerVariable(site))],
      [
        ["default", ""],
        [expr("~^Bearer [A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$"), expr("$http_authorization")],
      ],
    ),
  ];
}

/** Paths of rules in another case, which some backends take for the same. */
function misspeltPaths(site: Site): Directive[] {
  if (site.paths.length === 0) return [];
  return [
    block(
      ["map", expr("$uri"), expr(misspeltVariable(site))],
      [["default", ""], ...site.paths.map((rule): Directive => [expr(misspelt(rule)), 1])],
    ),
  ];
}

/** A rule without the `/` at its end stands for the path with and without it, which many backends take for one. */
function ruleLocations(site: Site, { path, match }: PathRule, number: number): Item[] {
  const holds: Directive[] = [["auth_request", authLocationOf(number)], ...passOn(site)];
  return [
    comment(`${path}${match === "prefix" ? " and all below it" : ""} needs more than the site.`),
    protectedLocation(["=", path], holds),
    protectedLocation(match === "prefix" ? [`${path}/`] : ["=", `${path}/`], holds),
  ];
}

/** With a method that is not open, the path is as protected as its surroundings. */
function openPathLocations(site: Site, { path, match, methods, why }: OpenPath, number: number): Item[] {
  const around = site.paths
    .map((rule, index) => ({ ...rule, index }))
    .filter((rule) => rule.match === "prefix" && path.startsWith(`${rule.path}/`))
    .sort((one, other) => other.path.length - one.path.length)[0];
  const otherwise = `@protected_${number}`;
  const protection: Directive[] = [
    ...(around === undefined ? [] : [["auth_request", authLocationOf(around.index + 1)] as const]),
    ...passOn(site),
  ];
  return [
    comment(`Open to everybody: ${why}`),
    openLocation(match === "prefix" ? [path] : ["=", path], [
      ...errorPages(site),
      ["error_page", 418, "=", otherwise],
      ifNoneOf("$request_method", methods, ["return", 418]),
      ...toBackend(site, "nobody"),
      ...passOn(site),
    ]),
    protectedLocation([otherwise], protection),
    // Without this, Nginx answers the path without its "/" by a redirect to the open one.
    ...(match === "prefix" ? [protectedLocation(["=", path.replace(/\/$/, "")], protection)] : []),
  ];
}

type Match = readonly Arg[];

/** A location that only signed-in people reach: it keeps the server's `auth_request`. */
function protectedLocation(match: Match, holds: readonly Item[]): Directive {
  return block(["location", ...match], holds);
}

/** A location that anybody may reach. */
function openLocation(match: Match, holds: readonly Item[]): Directive {
  return block(["location", ...match], [["auth_request", "off"], ...holds]);
}

/** A location that no client can ask for; Nginx itself goes there. */
function internalLocation(match: Match, holds: readonly Item[]): Directive {
  return block(["location", ...match], [["internal"], ["auth_request", "off"], ...holds]);
}

function acmeChallenge(): Directive {
  return openLocation(
    ["^~", acmePath],
    [
      ["default_type", "text/plain"],
      ["root", acmeFolder],
    ],
  );
}

function answerVariables(): Directive[] {
  return [
    ["auth_request_set", expr("$oauth2_status"), expr("$upstream_status")],
    ["auth_request_set", expr("$oauth2_seconds"), expr("$upstream_response_time")],
    ...identityHeaders.map(([identity, , answer]): Directive => [
      "auth_request_set",
      expr(identityVariable(identity)),
      expr(`$upstream_http_${answer}`),
    ]),
  ];
}

function identityVariable(identity: Identity): string {
  return `$oauth2_${identity.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

/** What the next hop learns of the connection. All of it is overwritten, since a client can send any of it. */
function forwarded(site: Site, host = site.domain): Directive[] {
  return [
    ["proxy_http_version", "1.1"],
    ["proxy_set_header", "Host", host],
    ["proxy_set_header", "X-Real-IP", expr("$remote_addr")],
    ["proxy_set_header", "X-Request-Id", expr("$request_id")],
    ["proxy_set_header", "X-Forwarded-For", expr("$remote_addr")],
    ["proxy_set_header", "X-Forwarded-Proto", "https"],
    ["proxy_set_header", "X-Forwarded-Host", site.domain],
    ["proxy_set_header", "X-Forwarded-Port", 443],
    ["proxy_set_header", "X-Forwarded-Uri", expr("$request_uri")],
    ...blankHeaders.map((name): Directive => ["proxy_set_header", name, ""]),
  ];
}

/**
 * Hands a request to the backend. Where that has another host name or a path of its own, its redirects and cookies are
 * put right; always with the site's name, since a path alone that begins with two slashes leads elsewhere.
 */
function passOn(site: Site): Directive[] {
  const pass: Directive = ["proxy_pass", `${isHttps(site) ? "https" : "http"}://${backend(site)}`];
  const path = upstreamPath(site.upstream);
  if (path === "/" && site.hostHeader === "site") return [pass];
  const hosts = [site.domain, ...(site.hostHeader === "upstream" ? [new URL(site.upstream).host] : [])];
  const start = `(?:https?://(?:${hosts.map(literal).join("|")}))?${literal(path)}`;
  return [
    // Not a path in proxy_pass, which named locations cannot have.
    ...(path === "/" ? [] : [["rewrite", expr("^"), expr(`${path.slice(0, -1)}$uri`), "break"] as const]),
    ["proxy_redirect", expr(`~^${start}(.*)$`), expr(`https://${site.domain}/$1`)],
    ...(path === "/"
      ? []
      : [["proxy_cookie_path", expr(`~^${literal(path.slice(0, -1))}(?:/(.*))?$`), expr("/$1")] as const]),
    pass,
  ];
}

/** @param whom whether the backend is told of the user */
function toBackend(site: Site, whom: "user" | "nobody"): Directive[] {
  return [
    ...forwarded(site, site.hostHeader === "upstream" ? new URL(site.upstream).host : site.domain),
    ["proxy_set_header", "Upgrade", expr("$protected_sites_upgrade")],
    ["proxy_set_header", "Connection", expr("$protected_sites_connection")],
    ["proxy_set_header", "Cookie", expr("$protected_sites_cookie")],
    ["proxy_set_header", "X-Auth-Request-Redirect", ""],
    ...identityHeaders.map(([identity, name]): Directive => [
      "proxy_set_header",
      name,
      whom === "user" && site.identityHeaders.includes(identity) ? expr(identityVariable(identity)) : "",
    ]),
    ...(isHttps(site) ? verifiedTls(site) : []),
  ];
}

function verifiedTls(site: Site): Directive[] {
  return [
    ["proxy_ssl_server_name", "on"],
    ["proxy_ssl_name", site.upstreamServerName ?? new URL(site.upstream).hostname],
    ["proxy_ssl_verify", "on"],
    ["proxy_ssl_verify_depth", 3],
    ["proxy_ssl_trusted_certificate", site.upstreamCa],
  ];
}

/**
 * @param ask.returnTo where the browser goes after the sign-in; oauth2-proxy takes it from this header
 * @param ask.authorization what oauth2-proxy gets to see of the client's header of that name
 */
function toOauth2Proxy(
  site: Site,
  { returnTo = "", authorization = "" }: { readonly returnTo?: Arg; readonly authorization?: Arg } = {},
): Directive[] {
  return [
    ...forwarded(site),
    ["proxy_set_header", "Connection", ""],
    ["proxy_set_header", "X-Auth-Request-Redirect", returnTo],
    ...identityHeaders.map(([, name]): Directive => [
      "proxy_set_header",
      name,
      name === "Authorization" ? authorization : "",
    ]),
    ...(site.buffering ? [] : bodyBuffering("on")),
    // With 200 groups, the most that Entra names, an answer that renews a session has 75 kB of headers.
    ["proxy_buffer_size", "96k"],
    ["proxy_buffers", 4, "64k"],
    ["proxy_busy_buffers_size", "128k"],
  ];
}

function bodyBuffering(state: "on" | "off"): Directive[] {
  return [
    ["proxy_buffering", state],
    ["proxy_request_buffering", state],
  ];
}

const withoutBody: readonly Directive[] = [
  ["proxy_pass_request_body", "off"],
  ["proxy_set_header", "Content-Length", ""],
];
