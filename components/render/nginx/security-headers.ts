/** Security headers, on every response of a site. */
import { type SecurityHeaders, securityHeadersSchema } from "../../site/security-headers.ts";
import type { Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, type Item } from "../../nginx/print.ts";

/** One header: which constant of a site's server says something else than usual, and what it says. */
interface Header {
  readonly name: string;
  /** Of the backend's answer, as a `map` reads it: nothing where it says nothing of the same. */
  readonly backend: string;
  /** What the backend may have said of the same, as a pattern; by default anything. */
  readonly said?: string;
  readonly constant: string;
  /** The header's value for a constant. */
  readonly value: (constant: string) => string;
  readonly of: (site: SecurityHeaders) => string | undefined;
}

/** In a constant: the header is not said. */
const off = "off";

const headers: readonly Header[] = [
  {
    name: "Content-Security-Policy",
    backend: "$upstream_http_x_frame_options:$upstream_http_content_security_policy",
    // A policy of the backend's without frame-ancestors is sent next to ours: browsers enforce both.
    said: "[^:]|:.*frame-ancestors",
    constant: "$protected_sites_frame_ancestors",
    value: (sources) => `frame-ancestors ${sources}`,
    of: ({ frameAncestors }) => (frameAncestors.includes("*") ? undefined : sources(frameAncestors)),
  },
  {
    name: "Referrer-Policy",
    backend: "$upstream_http_referrer_policy",
    constant: "$protected_sites_own_referrer_policy",
    value: (policy) => policy,
    of: ({ referrerPolicy }) => referrerPolicy,
  },
  {
    name: "X-Content-Type-Options",
    backend: "$upstream_http_x_content_type_options",
    constant: "$protected_sites_own_content_type_options",
    value: (option) => option,
    of: ({ contentTypeOptions }) => (contentTypeOptions ? "nosniff" : undefined),
  },
  {
    name: "Permissions-Policy",
    backend: "$upstream_http_permissions_policy",
    constant: "$protected_sites_own_permissions_policy",
    value: (policy) => policy,
    of: ({ permissionsPolicy }) => permissionsPolicy,
  },
];

/** The default settings. */
const usual = securityHeadersSchema.parse({});

/** Constants of a site's server: what it says otherwise than usual. */
export function securityHeaderConstants({ securityHeaders }: Pick<Site, "securityHeaders">): Directive[] {
  return headers
    .filter(({ of }) => of(securityHeaders) !== of(usual))
    .map(({ constant, of }): Directive => ["set", expr(constant), expr(of(securityHeaders) ?? off)]);
}

/** Variables that the maps read, and that are unknown to Nginx on a host without sites. */
export const variablesOfHeaders: readonly string[] = headers.map(({ constant }) => constant);

/** For all sites of a host: where the backend says nothing of the same, what is said in its place. */
export function securityHeaderMaps(): Item[] {
  return [
    comment("Security headers, unless the backend sends its own."),
    ...headers.map((header) => {
      const { backend, said = ".", constant, value, of } = header;
      const usually = of(usual);
      const saysNothing = backend.replace(/\$\w+/g, "");
      return block(
        ["map", expr(`${constant}|${backend}`), expr(variableOf(header))],
        [
          // Without a constant and a word of the backend's, which is most answers, nothing is searched.
          [`|${saysNothing}`, usually === undefined ? "" : value(usually)],
          [expr(`~*^[^|]*\\|(?:${said})`), ""],
          ...(usually === undefined ? [] : [[expr("~^\\|"), value(usually)] as const]),
          [expr(`~^${off}\\|`), ""],
          ["default", expr(value(constant))],
        ],
      );
    }),
  ];
}

/** A location with an `add_header` of its own inherits none, so it repeats these. */
export const onEveryAnswer: readonly Directive[] = [
  ["add_header", "Strict-Transport-Security", "max-age=63072000", "always"],
  ...headers.map((header): Directive => ["add_header", header.name, expr(variableOf(header)), "always"]),
];

function variableOf({ name }: Header): string {
  return `$protected_sites_${name.toLowerCase().replaceAll("-", "_")}`;
}

function sources(frameAncestors: readonly string[]): string {
  if (frameAncestors.length === 0) return "'none'";
  return frameAncestors.map((it) => (it === "self" ? "'self'" : it)).join(" ");
}
