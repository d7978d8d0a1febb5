/** Which location of a server Nginx chooses for a request. */
import type { ReadDirective } from "../../components/nginx/read.ts";
import { regularExpression } from "../../components/nginx/variables.ts";
import { internalPaths } from "../../components/render/nginx/locations.ts";
import { passing } from "./known-directives.ts";

/** What a location matches. */
export interface Match {
  /** `=`, `^~`, `~`, `~*` or none. */
  readonly modifier: string;
  readonly match: string;
}

/** A location, and what it matches. */
export interface Location extends Match {
  readonly directive: ReadDirective;
}

export function isPrefix({ modifier }: Match): boolean {
  return modifier === "" || modifier === "^~";
}

export function isExpression({ modifier }: Match): boolean {
  return modifier.startsWith("~");
}

/** The regular expression of such a location. */
export function expressionOf({ modifier, match }: Match): RegExp {
  return regularExpression(modifier === "~*" ? `*${match}` : match);
}

/** A server's locations, in their order. */
export function locationsOf({ body = [] }: ReadDirective): Location[] {
  return body
    .filter(({ name }) => name === "location")
    .map((directive) => ({ directive, ...matchOf(directive) }));
}

function matchOf({ args }: ReadDirective): Match {
  return args.length > 1
    ? { modifier: args[0] ?? "", match: args[1] ?? "" }
    : { modifier: "", match: args[0] ?? "" };
}

/** The server of a site that answers over this scheme. */
export function serverFor(
  servers: readonly ReadDirective[],
  scheme: "http" | "https",
  domain: string,
): ReadDirective | undefined {
  const port = scheme === "https" ? "443" : "80";
  return servers.find(
    ({ body = [] }) =>
      body.some(({ name, args }) => name === "listen" && (args[0] ?? "").replace(/^.*:/, "") === port) &&
      body.some(({ name, args }) => name === "server_name" && args.includes(domain)),
  );
}

/** The number of the path rule that a subrequest asks for; undefined where it is none's. */
export function ruleOf(authPath: string): number | undefined {
  const rule = authPath.startsWith(`${internalPaths.auth}/`)
    ? authPath.slice(internalPaths.auth.length + 1)
    : "";
  return /^\d+$/.test(rule) ? Number(rule) : undefined;
}

/** The roles or groups of which each path rule needs one, as the subrequests say. */
export function rulesIn(locations: readonly Location[]): string[][] {
  const rules: string[][] = [];
  for (const { match, directive } of locations) {
    const rule = ruleOf(match);
    const asked = directive.body?.find(({ name }) => name === "proxy_pass")?.args[0] ?? "";
    if (rule !== undefined) rules[rule - 1] = (asked.split("?allowed_groups=")[1] ?? "").split(",");
  }
  return rules;
}

/** https://nginx.org/en/docs/http/ngx_http_core_module.html#location */
export function locationFor(
  path: string,
  locations: readonly Location[],
): ReadDirective | "redirect" | undefined {
  const exact = locations.find(({ modifier, match }) => modifier === "=" && match === path);
  if (exact !== undefined) return exact.directive;
  const named = locations.find(
    ({ modifier, match }) => modifier === "" && match.startsWith("@") && match === path,
  );
  if (named !== undefined) return named.directive;
  const prefixes = locations.filter(isPrefix);
  // A prefix with a "/" at its end that proxies: without the "/", Nginx redirects there, unless that is a prefix itself.
  const proxies = ({ body = [] }: ReadDirective) => body.some(({ name }) => passing.test(name));
  const leadsOn = prefixes.some((it) => it.match === `${path}/` && proxies(it.directive));
  if (leadsOn && !prefixes.some(({ match }) => match === path)) return "redirect";
  const [prefix] = prefixes
    .filter(({ match }) => path.startsWith(match))
    .sort((one, other) => other.match.length - one.match.length);
  if (prefix?.modifier === "^~") return prefix.directive;
  const pattern = locations.find((it) => isExpression(it) && expressionOf(it).test(path));
  return (pattern ?? prefix)?.directive;
}

/**
 * A path as Nginx matches it against locations: decoded, slashes merged, dots resolved. Undefined if Nginx answers 400.
 */
export function normalized(target: string): string | undefined {
  const raw = (target.split(/[?#]/)[0] ?? "").replace(/^https?:\/\/[^/]*/, "") || "/";
  if (!raw.startsWith("/")) return undefined;
  if (/%(?![0-9a-f]{2})/i.test(raw) || /%00/.test(raw)) return undefined;
  const bytes = raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const parts: string[] = [];
  const segments = bytes.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === "..") {
      if (parts.length === 0) return undefined;
      parts.pop();
      if (last) parts.push("");
    } else if (segment === ".") {
      if (last) parts.push("");
    } else if (segment !== "" || last) parts.push(segment);
  }
  return `/${parts.join("/")}`;
}
