/** The application behind a site: where it is, what it gets, and how its answers are put right. */
import { identifier, instanceName } from "../../site/names.ts";
import { seconds, type Site, upstreamPath } from "../../site/site.ts";
import { block, type Directive, expr, type Item, literal } from "./nginx-conf.ts";
import { addressed, server } from "./addresses.ts";
import { identityHeaders, identityVariable } from "./identity-headers.ts";
import { forwarded } from "./forwarded.ts";
import { putRight } from "./redirects.ts";

export function upstreams(site: Site): Directive[] {
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
        serverOf(site.upstream, "first"),
        ...site.backupUpstreams.map((it) => serverOf(it, "backup")),
        ["keepalive", 32],
        ["keepalive_timeout", site.keepaliveTimeout],
      ],
    ),
  ];
}

function serverOf(upstream: string, role: "backup" | "first"): Directive {
  if (upstream.startsWith("unix:")) return addressed(upstream, role);
  const { hostname, port, protocol } = new URL(upstream);
  return server(hostname, port === "" ? (protocol === "https:" ? 443 : 80) : Number(port), role);
}

function isHttps(site: Site): boolean {
  return site.upstream.startsWith("https:");
}

function backend(site: Site): string {
  return `backend_${site.domain}`;
}

/**
 * Hands a request to the backend: method, path and query as they came. With a variable, `proxy_pass` sends what it says
 * and decodes nothing; `$request_uri` stays the request's own where Nginx has gone to a named location.
 */
export function passOn(site: Site): Directive[] {
  const path = upstreamPath(site.upstream).slice(0, -1);
  const address = `${isHttps(site) ? "https" : "http"}://${backend(site)}`;
  return [...putRight(site), ["proxy_pass", path === "" ? address : expr(`${address}${path}$request_uri`)]];
}

/**
 * Headers in which a browser says on which site a request was made, and the one in which WebDAV says where something
 * is to be; an application may compare them with its name.
 */
const namesOfOrigin = [
  ["Origin", "$http_origin", ""],
  ["Referer", "$http_referer", "(?<protected_sites_page>/.*)?"],
  ["Destination", "$http_destination", "(?<protected_sites_page>/.*)?"],
] as const;

/** Those of {@link namesOfOrigin} that an application gets as though the browser had asked itself. */
function putRightFor(site: Site) {
  if (site.hostHeader === "upstream") return namesOfOrigin;
  return namesOfOrigin.filter(([name]) => name === "Destination" && upstreamPath(site.upstream) !== "/");
}

/** What stands before the site's servers: {@link namesOfOrigin} as though the browser had asked the backend itself. */
export function originMaps(site: Site): Item[] {
  const path = upstreamPath(site.upstream).slice(0, -1);
  return putRightFor(site).map(([name, header, page]) =>
    block(
      ["map", expr(header), expr(originVariable(site, name))],
      [
        ["default", expr(header)],
        [
          expr(`~*^https://${literal(site.domain)}(?::443)?${page}$`),
          page === ""
            ? `https://${hostOf(site)}`
            : expr(`https://${hostOf(site)}${path}$protected_sites_page`),
        ],
      ],
    ),
  );
}

/** The Host that the application gets. */
function hostOf({ hostHeader, upstream, domain }: Site): string {
  return hostHeader === "upstream" ? new URL(upstream).host : domain;
}

function originVariable({ domain }: Site, name: string): string {
  return `$protected_sites_${name.toLowerCase()}_${identifier(domain)}`;
}

/**
 * @param whom whether the backend is told of the user
 * @param passAuthorization whether it gets the client's own header of that name
 */
export function toBackend(
  site: Site,
  whom: "user" | "nobody",
  passAuthorization = site.passAuthorization,
): Directive[] {
  return [
    ...forwarded(site, hostOf(site)),
    ...putRightFor(site).map(([name]): Directive => [
      "proxy_set_header",
      name,
      expr(originVariable(site, name)),
    ]),
    ["proxy_set_header", "Upgrade", expr("$protected_sites_upgrade")],
    ["proxy_set_header", "Connection", expr("$protected_sites_connection")],
    ["proxy_set_header", "Cookie", expr("$protected_sites_cookie")],
    ["proxy_set_header", "X-Auth-Request-Redirect", ""],
    ...identityHeaders.map(([identity, name]): Directive => {
      const told = whom === "user" && site.identityHeaders.includes(identity);
      const own = name === "Authorization" && passAuthorization ? expr("$http_authorization") : "";
      return ["proxy_set_header", name, told ? expr(identityVariable(identity)) : own];
    }),
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

/** How long the backend may take, and how large its headers may be. */
export function answering(site: Site): Directive[] {
  const { proxyBufferSize, proxyConnectTimeout, proxySendTimeout, proxyReadTimeout } = site;
  const [read, send] = [seconds(proxyReadTimeout), seconds(proxySendTimeout)];
  const headers = Number.parseInt(proxyBufferSize, 10);
  // Nginx takes the first buffer when an answer begins, and one after the other of these as a body needs them.
  const body = Math.max(4, Math.ceil(headers / 4));
  return [
    ["proxy_connect_timeout", proxyConnectTimeout],
    ["proxy_send_timeout", proxySendTimeout],
    ["proxy_read_timeout", proxyReadTimeout],
    // A connection that cannot be made is tried elsewhere. A slow answer is not: the work may be half done.
    ["proxy_next_upstream", "error", "timeout"],
    ["proxy_next_upstream_timeout", `${Math.min(seconds(proxyConnectTimeout) + 1, read, send)}s`],
    ["proxy_buffer_size", proxyBufferSize],
    ["proxy_buffers", 8, `${body}k`],
    ["proxy_busy_buffers_size", `${Math.max(headers, 2 * body)}k`],
  ];
}

export function bodyBuffering(state: "on" | "off"): Directive[] {
  return [
    ["proxy_buffering", state],
    ["proxy_request_buffering", state],
  ];
}
