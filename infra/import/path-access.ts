/** Who may enter parts of a server, as a site's settings: `open`, `paths`, and what has no setting. */
import { guid } from "../../components/site/checks.ts";
import { isOurs, type OpenPathSettings, type PathRuleSettings } from "../../components/site/path-access.ts";
import { isExpression } from "../review/locations.ts";
import { backendOf } from "./backends.ts";
import { blocks, closes, type Finding } from "./findings.ts";
import type { Oauth2ProxyOptions } from "./oauth2-proxy-options.ts";
import { type OpenPart, pathsOfExpression, pathsOfLocation, soleTaker, type Spelled } from "./open-paths.ts";
import { type Part, partFor, type Server } from "./server.ts";

/** All methods; a site's `open` has to name them. */
const everyMethod = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** A server that becomes a site, and what is known of its oauth2-proxy. */
export interface Source {
  readonly server: Server;
  readonly options: Oauth2ProxyOptions | undefined;
  readonly proxyPrefix: string;
  /** The backend that the site gives a path, with the path unchanged. */
  readonly newBackend: (path: string) => string | undefined;
}

/** What a part asks oauth2-proxy besides a session. */
export interface Asked {
  readonly groups?: readonly string[];
  readonly problem?: string;
  /** Whether oauth2-proxy learns the request's path, on which `skip_auth_routes` depends. */
  readonly tellsPath: boolean;
}

/** @returns undefined for a part that is not `signed-in` */
export function askedBy(
  { server, proxyPrefix }: Pick<Source, "server" | "proxyPrefix">,
  part: Part,
): Asked | undefined {
  const { asks } = part;
  if (asks === undefined || server.isBehindProxy === true) return undefined;
  const path = asks.split("?")[0] ?? "";
  const location = asks.startsWith("/") ? partFor(server, path) : undefined;
  const pass = location?.pass?.args[0] ?? "";
  const url = asks.startsWith("/") ? pass : asks;
  // Without a path of its own, the question has that of the location.
  const at = /^\w+:\/\/[^/]+(\/[^?$]*)?/.exec(url)?.[1] ?? path;
  const isOauth2Proxy = [`${proxyPrefix}/auth`, "/oauth2/auth"].some((it) => at === it || at.endsWith(it));
  const headers = location?.inForce("proxy_set_header") ?? [];
  const tellsPath = headers.some(
    ({ args }) => args[0]?.toLowerCase() === "x-forwarded-uri" && /^\$request_uri$/.test(args[1] ?? ""),
  );
  if (!isOauth2Proxy || url === "")
    return {
      tellsPath,
      problem: `auth_request asks ${asks}, which is not oauth2-proxy's ${proxyPrefix}/auth`,
    };
  const queries = [asks, url].map((it) => it.split("?")[1] ?? "");
  const query = new URLSearchParams(queries.join("&").replace(/\$\w+/g, ""));
  const unknown = [...query.keys()].filter((it) => it !== "allowed_groups" && it !== "rd");
  const groups = query.getAll("allowed_groups").flatMap((it) => it.split(","));
  const isKnown = groups.every((it) => guid.safeParse(it).success);
  if (unknown.length > 0)
    return { tellsPath, problem: `${unknown.join(", ")} restricts who may enter, and has no setting` };
  if (!isKnown)
    return { tellsPath, problem: "allowed_groups has names that are no object IDs of groups in Entra" };
  return { tellsPath, ...(groups.length === 0 ? {} : { groups: [...new Set(groups)] }) };
}

/** Additional requirements of parts. @param main the part of everything */
export function pathRules(
  source: Source,
  main: Part | undefined,
): { readonly paths: PathRuleSettings[]; readonly findings: Finding[] } {
  const paths: PathRuleSettings[] = [];
  const findings: Finding[] = [];
  const usual = main && askedBy(source, main);
  for (const part of source.server.parts) {
    const asked = askedBy(source, part);
    if (asked?.problem !== undefined) findings.push(blocks(part.where, asked.problem));
    if (part === main || asked?.groups === undefined || asked.groups.join() === usual?.groups?.join())
      continue;
    const { match, modifier } = part;
    const path = match.replace(/\/$/, "");
    const isExact = modifier === "=" && !match.endsWith("/");
    if (isExpression(part) || (!isExact && !match.endsWith("/")) || path === "")
      findings.push(
        blocks(
          part.where,
          `allowed_groups of it has no rule that is as wide; expected a path like "/admin/"`,
        ),
      );
    else paths.push({ path, ...(isExact ? { match: "exact" } : {}), allowedGroups: [...asked.groups] });
  }
  return { paths, findings };
}

/** What restricts parts and has no setting, and parts that nobody reaches. */
export function lostRestrictions({ parts, unreadable }: Server): Finding[] {
  const texts = new Set(parts.flatMap(({ restrictions }) => restrictions));
  const either = parts.filter(
    (it) => it.access === "signed-in" && it.inForce("satisfy")[0]?.args[0] === "any",
  );
  const refused = parts.filter(
    ({ access, match, modifier }) =>
      access === "nobody" && !(isExpression({ modifier, match }) && match === "/\\.ht"),
  );
  return [
    ...unreadable.map((it) => blocks(it, "its regular expression is not understood")),
    ...[...texts].map((it) => blocks("", it)),
    ...refused.map(({ where }) => blocks(where, "Nginx refused it to everybody, which has no setting")),
    ...either.map(({ where }) =>
      closes(where, "satisfy any: an address or a password is not enough any more"),
    ),
  ];
}

/** The parts that were open, and still are. */
export function openPaths(source: Source): {
  readonly open: OpenPathSettings[];
  readonly findings: Finding[];
} {
  const open: OpenPathSettings[] = [];
  const findings: Finding[] = [];
  const isNew = ({ path }: OpenPart) =>
    open.every((it) => key(it.path) !== key(path)) && !isOurs(path, source.proxyPrefix);
  const add = (where: string, { paths, rest }: Spelled, methods: readonly string[], why: string) => {
    const usable = paths.filter((it) => isNew(it) && sameBackend(source, it));
    for (const { path, match } of usable)
      open.push({ path, ...(match === "prefix" ? { match } : {}), methods: [...methods], why });
    const left =
      usable.length < paths.length ? "what goes to another backend now, or is another open path's" : rest;
    if (left !== undefined)
      findings.push(
        closes(
          where,
          `was open to everybody; ${usable.length === 0 ? "it needs a sign-in now" : `only ${usable.map(({ path }) => path).join(", ")} still is`} (closed: ${left})`,
        ),
      );
  };
  for (const part of source.server.parts) {
    if (part.access !== "open") continue;
    if (part.restrictions.length > 0 || part.isRewritten || part.pass === undefined || part.match === "/")
      findings.push(closes(part.where, closedBecause(part)));
    else
      add(
        part.where,
        pathsOfLocation(source.server, part),
        everyMethod,
        `was open before: location ${part.directive.args.join(" ")}`,
      );
  }
  for (const { where, pattern, methods, problem } of skippedAuth(source)) {
    if (problem === undefined)
      add(where, pathsOfExpression(pattern), methods, `was open before: ${pattern}`.slice(0, 199));
    else findings.push(closes(where, `what it was for needs a sign-in now: ${problem}`));
  }
  return { open, findings };
}

function closedBecause({ match, pass, isRewritten }: Part): string {
  if (match === "/")
    return "was open to everybody; it needs a sign-in now: name the parts that should stay open in open";
  if (pass === undefined) return "was open to everybody and is of files of the host; it needs a sign-in now";
  return `was open to everybody; it needs a sign-in now (closed: ${isRewritten ? "its path is rewritten" : "it is restricted otherwise"})`;
}

/** `skip_auth_routes` and `skip_auth_regex`: a pattern with its methods, and why it opened nothing, or may not have. */
export function skippedAuth({ server, options, proxyPrefix }: Source) {
  if (options === undefined) return [];
  const { where, values, version = "of an unknown version" } = options;
  const asked = server.parts
    .map((it) => askedBy({ server, proxyPrefix }, it))
    .filter((it) => it !== undefined);
  const isAsked = asked.length > 0;
  const isEffective = !isAsked || (asked.every((it) => it.tellsPath) && knowsPath(options));
  return ["skip_auth_routes", "skip_auth_regex"].flatMap((option) =>
    (values.get(option) ?? []).map((written) => {
      const [, method, negated, rest = ""] = /^(?:([A-Za-z]+)?(!)?=)?(.*)$/s.exec(written) ?? [];
      const isRoute = option === "skip_auth_routes";
      const problems = [
        ...(isRoute && negated !== undefined ? ["it is everything but a pattern"] : []),
        ...(isEffective
          ? []
          : [
              `behind auth_request it has an effect only with X-Forwarded-Uri, reverse_proxy and oauth2-proxy 7.5.0 or newer; this one is ${version}`,
            ]),
        ...(isAsked && isRoute && (method ?? "GET").toUpperCase() !== "GET"
          ? ["Nginx asks with GET, whatever the request's method"]
          : []),
      ];
      return {
        where: `${where}, ${option} "${written}"`,
        pattern: isRoute ? rest : written,
        methods: isRoute && method !== undefined ? [method.toUpperCase()] : everyMethod,
        problem: problems[0],
      };
    }),
  );
}

/** Whether it looks at the path of the request that Nginx asks about; since 7.5.0. */
function knowsPath({ values, version = "0.0" }: Oauth2ProxyOptions): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return values.get("reverse_proxy")?.[0] === "true" && (major > 7 || (major === 7 && minor >= 5));
}

/** Whether everything that a path opens went to the backend to which it goes now, and nobody was kept from there. */
function sameBackend({ server, newBackend }: Source, open: OpenPart): boolean {
  const part = server.unreadable.length > 0 ? undefined : soleTaker(server, open);
  if (
    part === undefined ||
    part.restrictions.length > 0 ||
    part.isRewritten ||
    !["open", "signed-in"].includes(part.access)
  )
    return false;
  const backend = backendOf(server, part);
  if ("problem" in backend) return false;
  const isUnchanged =
    backend.replaces === undefined || (!isExpression(part) && backend.replaces === part.match);
  return isUnchanged && backend.upstream === newBackend(open.path);
}

/** To many backends, paths that differ only in case or a `/` at the end are the same; so settings name only one. */
const key = (path: string) => path.replace(/\/$/, "").toLowerCase();
