/** The headers that ask browsers for more care, on every answer of a site. */
import { identifier } from "../../site/names.ts";
import { type SecurityHeaders, securityHeadersSchema } from "../../site/security-headers.ts";
import type { Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, type Item } from "../../nginx/print.ts";

/** One header: what it says, and what the backend may have said of the same, as a pattern. */
interface Header {
  readonly name: string;
  readonly variable: string;
  readonly value: string;
  readonly backend: string;
  readonly said: string;
}

/** What a site says that asks for nothing else. */
const usual: readonly Header[] = saidBy(securityHeadersSchema.parse({}));

/** What stands before the site's servers: the headers that say something else than those of most sites. */
export function securityHeaderMaps(site: Site): Item[] {
  return mapsOf(headersOf(site).filter(({ variable }) => !usual.some((it) => it.variable === variable)));
}

/** For all sites of a host: the headers of a site that asks for nothing else. */
export function sharedSecurityHeaderMaps(): Item[] {
  return mapsOf(usual);
}

/** Where the backend says nothing of the same, what is said in its place. */
function mapsOf(headers: readonly Header[]): Item[] {
  if (headers.length === 0) return [];
  return [
    comment("What browsers are asked for, unless the backend says something of the same itself."),
    ...headers.map(({ variable, value, backend, said }) =>
      block(
        ["map", expr(backend), expr(variable)],
        [
          ["default", value],
          [expr(said), ""],
        ],
      ),
    ),
  ];
}

/** A location with an `add_header` of its own inherits none, so it repeats these. */
export function onEveryAnswer(site: Site): Directive[] {
  return [
    ["add_header", "Strict-Transport-Security", "max-age=63072000", "always"],
    ...headersOf(site).map(({ name, variable }): Directive => ["add_header", name, expr(variable), "always"]),
  ];
}

function headersOf({ domain, securityHeaders }: Pick<Site, "domain" | "securityHeaders">): Header[] {
  return saidBy(securityHeaders).map((header) => {
    const same = usual.some(({ name, value }) => name === header.name && value === header.value);
    return same ? header : { ...header, variable: `${header.variable}_${identifier(domain)}` };
  });
}

function saidBy(said: SecurityHeaders): Header[] {
  const header = (name: string, value: string): Header => ({
    name,
    value,
    variable: `$protected_sites_${name.toLowerCase().replaceAll("-", "_")}`,
    backend: `$upstream_http_${name.toLowerCase().replaceAll("-", "_")}`,
    said: "~.",
  });
  const framing = header("Content-Security-Policy", `frame-ancestors ${sources(said.frameAncestors)}`);
  return [
    // A policy of the backend's that says nothing of frames stands beside ours: browsers keep both.
    ...(said.frameAncestors.includes("*")
      ? []
      : [
          {
            ...framing,
            backend: "$upstream_http_x_frame_options:$upstream_http_content_security_policy",
            said: "~*^[^:]|frame-ancestors",
          },
        ]),
    header("Referrer-Policy", said.referrerPolicy),
    ...(said.contentTypeOptions ? [header("X-Content-Type-Options", "nosniff")] : []),
    ...(said.permissionsPolicy === undefined ? [] : [header("Permissions-Policy", said.permissionsPolicy)]),
  ];
}

function sources(frameAncestors: readonly string[]): string {
  if (frameAncestors.length === 0) return "'none'";
  return frameAncestors.map((it) => (it === "self" ? "'self'" : it)).join(" ");
}
