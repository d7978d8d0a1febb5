/**
 * What an application says of its own address, put right for browsers: redirects, links and cookies. Needed where it
 * has a path or a name of its own, of which a browser knows nothing.
 */
import { identifier } from "../../site/names.ts";
import { addressOf, isAtAddress, protocolOf, upstreamPath, urlOf } from "../../site/backends.ts";
import { type Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, type Item, literal } from "../../nginx/print.ts";

/** Links that one header may hold; those after them stay as they are. */
const links = 4;

/** Whether a backend's address differs from the site's. A gRPC backend never reveals its own. */
function hasOwnAddress({ upstream, hostHeader }: Pick<Site, "upstream" | "hostHeader">): boolean {
  return protocolOf(upstream) === "http" && (upstreamPath(upstream) !== "/" || hostHeader === "upstream");
}

/** Directives next to `proxy_pass`, for redirects (`Location`, `Refresh`) and cookies; links are among the server's headers. */
export function rewrites(site: Site): Directive[] {
  if (!hasOwnAddress(site)) return [];
  const path = upstreamPath(site.upstream).slice(0, -1);
  const domains = foreignCookieDomains(site);
  return [
    // With the site's name, since a path alone that begins with two slashes leads elsewhere.
    ["proxy_hide_header", "Link"],
    ["proxy_redirect", expr(`~^${ownAddress(site)}(.*)$`), expr(`https://${site.domain}/$1`)],
    ...(path === ""
      ? []
      : [["proxy_cookie_path", expr(`~^${literal(path)}(?:/(.*))?$`), expr("/$1")] as const]),
    ...(domains.length === 0
      ? []
      : [
          ["proxy_cookie_domain", expr(`~^\\.?(?:${domains.map(literal).join("|")})$`), site.domain] as const,
        ]),
  ];
}

/** An address of the application's up to what is below its path: absolute, without a scheme, or a path alone. */
function ownAddress(site: Site): string {
  const hosts = [`${literal(site.domain)}(?::(?:80|443))?`];
  const url = urlOf(site.upstream);
  if (url !== undefined) {
    const ports = ["80", "443", ...(url.port === "" ? [] : [url.port])];
    hosts.push(`${literal(url.hostname)}(?::(?:${ports.join("|")}))?`);
  }
  const path = upstreamPath(site.upstream).slice(0, -1);
  return `(?:(?:https?:)?//(?:${hosts.join("|")})|(?!//))${literal(path)}(?:/|(?=[?#]|$))`;
}

/** Domains for which the application may set cookies under its own name, and a browser refuses them from the site. */
function foreignCookieDomains({ upstream, domain, hostHeader }: Site): string[] {
  const hostname = addressOf(upstream)?.hostname;
  if (hostHeader !== "upstream" || hostname === undefined) return [];
  if (isAtAddress(upstream)) return [hostname];
  const labels = hostname.split(".");
  return labels
    .map((_, index) => labels.slice(index).join("."))
    .filter((name, index) => index === 0 || name.includes("."))
    .filter((name) => domain !== name && !domain.endsWith(`.${name}`));
}

/** At the top of the site's file, for `Link`, for which Nginx has no directive. */
export function linkMap(site: Site): Item[] {
  if (!hasOwnAddress(site)) return [];
  const address = ownAddress(site).replace("(?=[?#]|$)", "(?=[?#>])");
  const own = `https://${site.domain}/`;
  const entry = (count: number): Directive => {
    const parts = Array.from({ length: count + 1 }, (_, index) => index);
    const between = (index: number) =>
      index === count ? `(?<protected_sites_link_${index}>.*)` : `(?<protected_sites_link_${index}>.*?<)`;
    return [
      expr(`~^${parts.map(between).join(address)}$`),
      expr(parts.map((index) => `\${protected_sites_link_${index}}`).join(own)),
    ];
  };
  return [
    comment("Link headers with the backend's own URL get the site's."),
    block(
      ["map", expr("$upstream_http_link"), expr(linkVariable(site))],
      [
        ["default", expr("$upstream_http_link")],
        ...Array.from({ length: links }, (_, index) => entry(links - index)),
      ],
    ),
  ];
}

/** In the server, next to the other headers of every response. */
export function rewrittenLinks(site: Site): Directive[] {
  return hasOwnAddress(site) ? [["add_header", "Link", expr(linkVariable(site)), "always"]] : [];
}

function linkVariable({ domain }: Site): string {
  return `$protected_sites_link_${identifier(domain)}`;
}
