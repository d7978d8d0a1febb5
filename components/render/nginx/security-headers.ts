/** The headers that ask browsers for more care, on every answer of a site. */
import { identifier } from "../../site/names.ts";
import type { Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, type Item } from "./nginx-conf.ts";

/** One header: what it says, and what the backend may have said of the same, as a pattern. */
interface Header {
  readonly name: string;
  readonly variable: string;
  readonly value: string;
  readonly backend: string;
  readonly said: string;
}

/** Where the backend says nothing of the same, what is said in its place. */
export function securityHeaderMaps(site: Site): Item[] {
  const headers = headersOf(site);
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

function headersOf({ domain, securityHeaders }: Site): Header[] {
  const { frameAncestors, referrerPolicy, contentTypeOptions, permissionsPolicy } = securityHeaders;
  const header = (name: string, value: string): Header => ({
    name,
    value,
    variable: `$protected_sites_${name.toLowerCase().replaceAll("-", "_")}_${identifier(domain)}`,
    backend: `$upstream_http_${name.toLowerCase().replaceAll("-", "_")}`,
    said: "~.",
  });
  const framing = header("Content-Security-Policy", `frame-ancestors ${sources(frameAncestors)}`);
  return [
    // A policy of the backend's that says nothing of frames stands beside ours: browsers keep both.
    ...(frameAncestors.includes("*")
      ? []
      : [
          {
            ...framing,
            backend: "$upstream_http_x_frame_options:$upstream_http_content_security_policy",
            said: "~*^[^:]|frame-ancestors",
          },
        ]),
    header("Referrer-Policy", referrerPolicy),
    ...(contentTypeOptions ? [header("X-Content-Type-Options", "nosniff")] : []),
    ...(permissionsPolicy === undefined ? [] : [header("Permissions-Policy", permissionsPolicy)]),
  ];
}

function sources(frameAncestors: readonly string[]): string {
  if (frameAncestors.length === 0) return "'none'";
  return frameAncestors.map((it) => (it === "self" ? "'self'" : it)).join(" ");
}
