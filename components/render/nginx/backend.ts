/** The application behind a site: where it is, what it gets, and how its answers are put right. */
import { instanceName } from "../../site/names.ts";
import { type Site, upstreamPath } from "../../site/site.ts";
import { block, type Directive, expr, literal } from "./nginx-conf.ts";
import { server } from "./addresses.ts";
import { identityHeaders, identityVariable } from "./identity-headers.ts";
import { forwarded } from "./forwarded.ts";

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
      ],
    ),
  ];
}

function serverOf(upstream: string, role: "backup" | "first"): Directive {
  if (upstream.startsWith("unix:")) return ["server", upstream, ...(role === "backup" ? ["backup"] : [])];
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
 * Hands a request to the backend. Where that has another host name or a path of its own, its redirects and cookies are
 * put right; always with the site's name, since a path alone that begins with two slashes leads elsewhere.
 */
export function passOn(site: Site): Directive[] {
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
export function toBackend(site: Site, whom: "user" | "nobody"): Directive[] {
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

export function bodyBuffering(state: "on" | "off"): Directive[] {
  return [
    ["proxy_buffering", state],
    ["proxy_request_buffering", state],
  ];
}
