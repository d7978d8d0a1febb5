/** The application behind a site: where it is, what it gets, and how its answers are put right. */
import {
  addressOf,
  isEncrypted,
  type Protocol,
  protocolOf,
  upstreamPath,
  urlOf,
} from "../../site/backends.ts";
import { identifier, instanceName } from "../../site/names.ts";
import { longestFirst } from "../../site/path-access.ts";
import { seconds } from "../../site/checks.ts";
import type { Site } from "../../site/site.ts";
import {
  type Arg,
  block,
  comment,
  type Directive,
  expr,
  group,
  ifEquals,
  type Item,
  literal,
} from "../../nginx/print.ts";
import { addressed, server } from "./addresses.ts";
import { blockedVariable } from "./blocked.ts";
import { identityHeaders, identityVariable } from "./identity-headers.ts";
import { family, forwarded, type RequestHeader, setHeaders } from "./forwarded.ts";
import { otherMethodHeaders } from "./overwritten-headers.ts";
import { looksAtDestination, originOf } from "./destination.ts";
import { addressOfExpired, remainingOf } from "./temporary.ts";
import { rewrites } from "./redirects.ts";

/** What the site's applications speak, HTTP first. */
function protocolsOf(site: Site): Protocol[] {
  const spoken = [site, ...site.upstreams].map(({ upstream }) => protocolOf(upstream));
  return (["http", "grpc"] as const).filter((it) => spoken.includes(it));
}

export function upstreams(site: Site): Directive[] {
  return [
    block(
      ["upstream", instanceName(site.domain)],
      [
        ["server", `127.0.0.1:${site.port}`],
        ["keepalive", 32],
      ],
    ),
    application(site, backend(site), site.upstream, site.backupUpstreams),
    ...site.upstreams.map(({ upstream }, index) => application(site, backend(site, index + 1), upstream)),
  ];
}

function application(
  site: Site,
  name: string,
  upstream: string,
  backupUpstreams: readonly string[] = [],
): Directive {
  return block(
    ["upstream", name],
    [
      serverOf(upstream, "first"),
      ...backupUpstreams.map((it) => serverOf(it, "backup")),
      ["keepalive", 32],
      ["keepalive_timeout", site.keepaliveTimeout],
    ],
  );
}

/**
 * At the top of the site's file: the backend of each path. It only decides where requests go: locations and rules are
 * the same as on a site without `upstreams`.
 */
export function upstreamMaps(site: Site): Item[] {
  if (site.upstreams.length === 0) return [];
  const byPath = (usual: string, of: (upstream: string, number: number) => string): Directive[] => [
    ["default", usual],
    ...site.upstreams
      .map(({ path, upstream }, index) => ({ path, to: of(upstream, index + 1) }))
      .sort(longestFirst)
      .map(({ path, to }): Directive => [expr(`~^${literal(path)}(?:/|$)`), to]),
  ];
  // An application may have Nginx go on to another path (X-Accel-Redirect).
  const map = (variable: string, entries: readonly Directive[]): Directive =>
    block(["map", expr("$uri"), expr(variable)], [["volatile"], ...entries]);
  const grpc = (upstream: string) => (protocolOf(upstream) === "grpc" ? "1" : "");
  return [
    comment("Which backend a path belongs to; access is decided in the locations."),
    map(
      backendVariable(site),
      byPath(backend(site), (_, it) => backend(site, it)),
    ),
    ...(isEncrypted(site.upstream)
      ? [map(serverNameVariable(site), byPath(serverName(site), hostnameOf))]
      : []),
    ...(protocolsOf(site).length > 1 ? [map(grpcVariable(site), byPath(grpc(site.upstream), grpc))] : []),
  ];
}

function backendVariable({ domain }: Site): string {
  return `$protected_sites_backend_${identifier(domain)}`;
}

function serverNameVariable({ domain }: Site): string {
  return `$protected_sites_server_name_${identifier(domain)}`;
}

/** 1 where a path belongs to an application that speaks gRPC, on a site where another speaks HTTP. */
function grpcVariable({ domain }: Site): string {
  return `$protected_sites_grpc_${identifier(domain)}`;
}

function serverName({ upstreamServerName, upstream }: Site): string {
  return upstreamServerName ?? hostnameOf(upstream);
}

function hostnameOf(upstream: string): string {
  return addressOf(upstream)?.hostname ?? "";
}

function serverOf(upstream: string, role: "backup" | "first"): Directive {
  const address = addressOf(upstream);
  return address === undefined ? addressed(upstream, role) : server(address.hostname, address.number, role);
}

/** @param number of one of `upstreams`, 1 for the first; 0 for the site's own */
function backend(site: Site, number = 0): string {
  return `backend_${site.domain}${number === 0 ? "" : `_${number}`}`;
}

/**
 * Hands a request to the backend: method, path and query as they came. With a variable, `proxy_pass` sends what it says
 * and decodes nothing; `$request_uri` stays the request's own where Nginx has gone to a named location.
 *
 * Where a site has applications of both protocols, the path decides between the two directives as it decides between
 * the backends, in the one location and under its rule.
 * @param whom who gets here
 */
export function passOn(site: Site, whom: Whom = "user"): Directive[] {
  const protocols = protocolsOf(site);
  return [
    ...rewrites(site),
    ...streams(site),
    ...(protocols.length > 1 ? [ifEquals(grpcVariable(site), 1, passTo(site, "grpc", whom))] : []),
    passTo(site, protocols.includes("http") ? "http" : "grpc", whom),
  ];
}

function passTo(site: Site, protocol: Protocol, whom: Whom): Directive {
  const path = upstreamPath(site.upstream).slice(0, -1);
  const to = site.upstreams.length === 0 ? backend(site) : backendVariable(site);
  const address = `${protocol}${isEncrypted(site.upstream) ? "s" : ""}://${to}${blockedVariable}${whom === "user" ? addressOfExpired(site) : ""}`;
  return [`${family[protocol]}_pass`, path === "" ? expr(address) : expr(`${address}${path}$request_uri`)];
}

/** A call may be open as long as its streams: the client is silent for no shorter than the application may be. */
function streams(site: Site): Directive[] {
  const isLong = seconds(site.proxyReadTimeout) > 60;
  return isLong && protocolsOf(site).includes("grpc") ? [["client_body_timeout", site.proxyReadTimeout]] : [];
}

/**
 * Headers in which a browser names the site that a request came from, and WebDAV's header for the target of a COPY or
 * MOVE; a backend may compare them with its own name. Each with the pattern of the part that names the site, which is
 * replaced by the backend's address.
 */
function namesOfOrigin({ domain }: Site) {
  const site = originOf(domain);
  const page = "(?<protected_sites_page>/.*)?";
  return [
    ["Origin", "$http_origin", site],
    ["Referer", "$http_referer", `${site}${page}`],
    // It may also be a path alone.
    ["Destination", "$http_destination", `(?:${site}(?=/|$)|(?=/))${page}`],
  ] as const;
}

/** Those of {@link namesOfOrigin} that the backend gets as if the browser had sent the request to it. */
function putRightFor(site: Site) {
  const all = namesOfOrigin(site);
  if (site.hostHeader === "upstream") return all;
  return all.filter(([name]) => name === "Destination" && upstreamPath(site.upstream) !== "/");
}

/** At the top of the site's file: {@link namesOfOrigin} as if the browser had sent the request to the backend itself. */
export function originMaps(site: Site): Item[] {
  const path = upstreamPath(site.upstream).slice(0, -1);
  return putRightFor(site).map(([name, header, ours]) =>
    block(
      ["map", expr(header), expr(originVariable(site, name))],
      [
        ["default", expr(header)],
        [
          expr(`~*^${ours}$`),
          name === "Origin"
            ? `https://${hostOf(site)}`
            : expr(`https://${hostOf(site)}${path}$protected_sites_page`),
        ],
      ],
    ),
  );
}

/** The Host that the application gets. */
function hostOf({ hostHeader, upstream, domain }: Site): string {
  return (hostHeader === "upstream" ? urlOf(upstream)?.host : undefined) ?? domain;
}

function originVariable({ domain }: Site, name: string): string {
  return `$protected_sites_${name.toLowerCase()}_${identifier(domain)}`;
}

/** Whether a backend gets the identity of the user. */
type Whom = "user" | "nobody";

/**
 * What the backend gets with each request.
 * @param whom whether the backend gets the identity headers
 * @param passAuthorization whether it gets the client's own header of that name
 */
export function toBackend(site: Site, whom: Whom, passAuthorization = site.passAuthorization): Item[] {
  return protocolsOf(site).flatMap((protocol) => [
    group(connectionHeaders(protocol)),
    group(userHeaders(protocol, whom, site, remainingOf(site))),
    ...setHeaders(protocol, [
      ["Authorization", authorization(site, whom, passAuthorization)],
      ["Host", hostOf(site)],
      ...putRightFor(site).map(([name]): RequestHeader => [name, expr(originVariable(site, name))]),
      ...destination(site),
    ]),
    ...(isEncrypted(site.upstream) ? verifiedTls(site, protocol) : []),
  ]);
}

/** What every backend of this protocol learns of the connection. */
export function connectionHeaders(protocol: Protocol): Directive[] {
  return [
    ...(protocol === "http" ? [["proxy_http_version", "1.1"] as const] : []),
    ...setHeaders(protocol, [
      ...forwarded(),
      // WebSockets are HTTP's own; in HTTP/2, of which gRPC is made, neither of these may be said.
      ["Upgrade", protocol === "http" ? expr("$protected_sites_upgrade") : ""],
      ["Connection", protocol === "http" ? expr("$protected_sites_connection") : ""],
      ["Cookie", expr("$protected_sites_cookie")],
      ["X-Auth-Request-Redirect", ""],
    ]),
  ];
}

/**
 * The headers about the user for a backend of this protocol; those that it does not get are blank, whatever a client sends.
 * @param remaining the variable with the roles or groups, where some end
 */
export function userHeaders(
  protocol: Protocol,
  whom: Whom,
  { identityHeaders: sent }: Pick<Site, "identityHeaders">,
  remaining?: string,
): Directive[] {
  return setHeaders(protocol, [
    ...identityHeaders
      .filter(([, name]) => name !== "Authorization")
      .map(([identity, name]): RequestHeader => {
        const isSent = whom === "user" && sent.includes(identity);
        const isTemporary = identity === "roles" || identity === "groups";
        const value = isTemporary && remaining !== undefined ? remaining : identityVariable(identity);
        return [name, isSent ? expr(value) : ""];
      }),
    ...(whom === "nobody" ? otherMethodHeaders.map((name): RequestHeader => [name, ""]) : []),
  ]);
}

/** The user's ID token, or what the client itself has said, or nothing. */
function authorization({ identityHeaders: sent }: Site, whom: Whom, passAuthorization: boolean): Arg {
  if (whom === "user" && sent.includes("idToken")) return expr(identityVariable("idToken"));
  return passAuthorization ? expr("$http_authorization") : "";
}

/** Where the site looks at it, the application gets the one that was looked at: a client may send several. */
function destination(site: Site): RequestHeader[] {
  const isSaid = putRightFor(site).some(([name]) => name === "Destination");
  if (isSaid || !looksAtDestination(site)) return [];
  return [["Destination", expr("$http_destination")]];
}

function verifiedTls(site: Site, protocol: Protocol): Directive[] {
  const says = (name: string, value: Arg): Directive => [`${family[protocol]}_ssl_${name}`, value];
  return [
    says("server_name", "on"),
    says("name", site.upstreams.length === 0 ? serverName(site) : expr(serverNameVariable(site))),
    says("verify", "on"),
    says("verify_depth", 3),
    says("trusted_certificate", site.upstreamCa),
  ];
}

/** How long the backend may take, how large its headers may be, and whether Nginx waits for what is sent. */
export function answering(site: Site): Directive[] {
  const { proxyBufferSize, proxyConnectTimeout, proxySendTimeout, proxyReadTimeout } = site;
  const [read, send] = [seconds(proxyReadTimeout), seconds(proxySendTimeout)];
  const headers = Number.parseInt(proxyBufferSize, 10);
  // Nginx takes the first buffer when an answer begins, and one after the other of these as a body needs them.
  const body = Math.max(4, Math.ceil(headers / 4));
  return [
    // Also for the locations of oauth2-proxy.
    ...ways(site).flatMap((by): Directive[] => [
      [`${by}_connect_timeout`, proxyConnectTimeout],
      // A connection that cannot be made is tried elsewhere. A slow answer is not: the work may be half done.
      [`${by}_next_upstream`, "error", "timeout"],
      [`${by}_next_upstream_timeout`, `${Math.min(seconds(proxyConnectTimeout) + 1, read, send)}s`],
      [`${by}_buffer_size`, proxyBufferSize],
    ]),
    ["proxy_buffers", 8, `${body}k`],
    ["proxy_busy_buffers_size", `${Math.max(headers, 2 * body)}k`],
    ...bodyBuffering(site.buffering ? "on" : "off"),
  ];
}

/** How long a backend may take. Each site says it, so that a change of one is a change of one line. */
export function timeouts(site: Site): Directive[] {
  return ways(site).flatMap((by): Directive[] => [
    [`${by}_send_timeout`, site.proxySendTimeout],
    [`${by}_read_timeout`, site.proxyReadTimeout],
  ]);
}

function ways(site: Site) {
  return ["proxy" as const, ...(protocolsOf(site).includes("grpc") ? ["grpc" as const] : [])];
}

export function bodyBuffering(state: "on" | "off"): Directive[] {
  return [
    ["proxy_buffering", state],
    ["proxy_request_buffering", state],
  ];
}
