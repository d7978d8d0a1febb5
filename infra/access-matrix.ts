/**
 * Who may open which part of which site: what `npm run explain` says of one request, for all of an environment's. Judged
 * from the files that hosts get; who holds a role is in Entra, as the settings assign it.
 */
import { CannotJudge } from "../components/nginx/cannot-judge.ts";
import { activeClientSecret } from "../components/site/client-secrets.ts";
import type { Site } from "../components/site/site.ts";
import { methodsToAsk, otherMethod, representativeTargets } from "./review/access.ts";
import type { SiteReading } from "./review/gate.ts";
import {
  expressionOf,
  isExpression,
  isPrefix,
  type Location,
  locationFor,
  normalized,
} from "./review/locations.ts";
import type { AskedRequest, Gate } from "./review/needs.ts";
import { requestTo, siteReadings } from "./review/site-readings.ts";
import { blockedAt } from "./blocked.ts";
import { environmentOf, type StackFile } from "./stack-file.ts";
import { type Who, whoMeets } from "./who-meets.ts";

/** Where requests end, and who gets there. */
export type Access =
  /** The site's content; `who` is empty if nobody meets what is required. */
  | {
      readonly to: "backend";
      readonly who: readonly Who[];
      readonly why?: string;
      /** The last day, in UTC, of a part that is open without signing in. */
      readonly until?: string;
    }
  /** Pages of the sign-in, or the response to an ACME challenge: open to everybody, and nothing of the backend. */
  | { readonly to: "sign-in" }
  /** Nginx answers everybody with this status. */
  | { readonly to: "nginx"; readonly status: number }
  | { readonly cannotJudge: string };

/** A part of a site with some methods. */
export type Row = Access & {
  readonly scheme: "https" | "http";
  /** Nginx's locations for these requests, or the path that was asked for. */
  readonly paths: readonly Path[];
  /** Either `any`, or methods, or `others`: all that no row with the same paths names. */
  readonly methods: readonly string[];
};

/** As in Nginx's `location`: `=` is this path alone, none or `^~` all that begin with it, `~` and `~*` an expression. */
export interface Path {
  readonly modifier: string;
  readonly match: string;
}

/** One site. */
export interface SiteAccess {
  readonly site: string;
  readonly domain: string;
  /** The date on which the client secret expires, after which nobody can sign in; null if the file has none. */
  readonly signInEnds: string | null;
  /** Why the site cannot be judged at all; then it has no rows. */
  readonly cannotJudge?: string;
  readonly rows: readonly Row[];
}

/** An environment: its sites by name, each with its rows by path. */
export interface AccessMatrix {
  readonly stack: string;
  readonly source: string;
  /** The URL, if the rows are only of one. */
  readonly url?: string;
  /** UPNs of those who may open nothing for which somebody has to sign in, whatever the rows say. */
  readonly blocked: readonly string[];
  readonly sites: readonly SiteAccess[];
}

/**
 * Reads an environment once, for any number of URLs.
 * @throws ConfigError with everything that is wrong in the file
 * @returns the whole matrix, or what is at a URL; throws ConfigError if no site of the environment has its host
 */
export function accessMatrixOf(file: StackFile): (url?: string) => AccessMatrix {
  const environment = environmentOf(file);
  const readingOf = siteReadings(environment);
  const sites = environment.sites.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const { stack, source } = file;
  const blocked = blockedAt(environment, new Date()).map(({ user }) => user);
  return (url) => {
    if (url === undefined)
      return { stack, source, blocked, sites: sites.map((site) => siteAccess(site, () => readingOf(site))) };
    const { site, request } = requestTo(url, "GET", environment, source);
    return { stack, source, url, blocked, sites: [siteAccess(site, () => readingOf(site), request)] };
  };
}

/**
 * Who may open a site.
 * @param reading may throw CannotJudge
 * @param request only its path and scheme, with every method
 */
export function siteAccess(site: Site, reading: () => SiteReading, request?: AskedRequest): SiteAccess {
  return {
    site: site.name,
    domain: site.domain,
    signInEnds: activeClientSecret(site).endDate ?? null,
    ...orCannotJudge(
      () => ({ rows: request === undefined ? allRows(site, reading()) : rowsAt(site, reading(), request) }),
      { rows: [] },
    ),
  };
}

/** Whether all of it could be judged. */
export function isJudged({ sites }: AccessMatrix): boolean {
  return sites.every((it) => it.cannotJudge === undefined && it.rows.every((row) => !("cannotJudge" in row)));
}

function orCannotJudge<Result, Otherwise>(
  judge: () => Result,
  otherwise: Otherwise,
): Result | (Otherwise & { readonly cannotJudge: string }) {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof CannotJudge)) throw error;
    return { ...otherwise, cannotJudge: error.message };
  }
}

/** What is at one path. */
function rowsAt(site: Site, reading: SiteReading, { scheme, target }: AskedRequest): Row[] {
  const paths = [{ modifier: "=", match: target }];
  return byMethod(reading, (method) => accessOf(site, () => reading.gate({ scheme, method, target }))).map(
    ({ methods, access }) => ({ scheme, paths, methods, ...withReason(access, paths, site) }),
  );
}

/** Requests that one location takes. */
interface Part {
  readonly path: Path;
  readonly targets: string[];
}

function allRows(site: Site, reading: SiteReading): Row[] {
  const parts = partsOf(reading);
  return (["https", "http"] as const).flatMap((scheme) => {
    const judged = parts.map(({ path, targets }) => ({
      path,
      byMethod: byMethod(reading, (method) =>
        together(
          isExpression(path)
            ? [accessOf(site, () => expressionGate(reading, path, { scheme, method, target: "/" }))]
            : targets.map((target) => accessOf(site, () => reading.gate({ scheme, method, target }))),
        ),
      ),
    }));
    const rows = inOrder(withoutRepeated(judged)).flatMap(({ paths, byMethod: all }) =>
      all.map(({ methods, access }) => ({ scheme, paths, methods, ...withReason(access, paths, site) })),
    );
    // Plain HTTP redirects, and answers ACME challenges; only what else it does is worth a row.
    return scheme === "https" ? rows : rows.filter((it) => !("to" in it) || it.to === "backend");
  });
}

function expressionGate(reading: SiteReading, { modifier, match }: Path, request: AskedRequest): Gate {
  return reading.gateOf(`${modifier} ${match}`, request) ?? reading.gate(request);
}

/** By the location that takes them, the requests for which the review judges a site. */
function partsOf(reading: SiteReading): Part[] {
  const locations = reading.locations();
  const parts = new Map<string, Part>();
  const partAt = ({ modifier, match }: Path) => {
    const part = parts.get(`${modifier} ${match}`) ?? { path: { modifier, match }, targets: [] };
    parts.set(`${modifier} ${match}`, part);
    return part;
  };
  for (const location of locations) if (isExpression(location)) partAt(location);
  for (const target of representativeTargets([reading])) {
    const path = normalized(target);
    const taken = path === undefined ? undefined : pathOf(path, locations);
    if (taken !== undefined && !isExpression(taken)) partAt(taken).targets.push(target);
  }
  return [...parts.values()];
}

function pathOf(path: string, locations: readonly Location[]): Path | undefined {
  const taken = locationFor(path, locations);
  return taken === "redirect"
    ? { modifier: "=", match: path }
    : locations.find(({ directive }) => directive === taken);
}

/** What holds for some methods. */
interface MethodsAccess {
  readonly methods: readonly string[];
  readonly access: Access;
}

/** The access for each method, those with the same together. */
function byMethod(reading: SiteReading, accessWith: (method: string) => Access): MethodsAccess[] {
  const groups = new Map<string, { readonly access: Access; readonly methods: string[] }>();
  for (const method of methodsToAsk([reading])) {
    const access = accessWith(method === "any" ? "GET" : method);
    const group = groups.get(JSON.stringify(access)) ?? { access, methods: [] };
    group.methods.push(method);
    groups.set(JSON.stringify(access), group);
  }
  const all = [...groups.values()];
  if (all.length === 1) return all.map(({ access }) => ({ methods: ["any"], access }));
  const isRest = ({ methods }: MethodsAccess) => methods.includes(otherMethod);
  return [
    ...all.filter((it) => !isRest(it)),
    ...all.filter(isRest).map(({ access }) => ({ methods: ["others"], access })),
  ];
}

function accessOf(site: Site, gate: () => Gate): Access {
  return orCannotJudge(() => {
    const { to, needs } = gate();
    if (to.kind === "answer") return { to: "nginx", status: to.status };
    if (to.kind === "sign-in") return { to: "sign-in" };
    return { to: "backend", who: needs === undefined ? [{ kind: "anybody" }] : whoMeets(needs, site.roles) };
  }, {});
}

/** The access of several requests to one location, some of which Nginx may refuse. */
function together(accesses: readonly Access[]): Access {
  const isRefusal = (it: Access) => "to" in it && it.to === "nginx";
  const judged = accesses.some((it) => !isRefusal(it)) ? accesses.filter((it) => !isRefusal(it)) : accesses;
  const unknown = accesses.find((it) => "cannotJudge" in it);
  if (unknown !== undefined) return unknown;
  const [first, ...others] = judged;
  if (first === undefined) return { cannotJudge: "no request for it is known" };
  return others.every((it) => JSON.stringify(it) === JSON.stringify(first))
    ? first
    : { cannotJudge: "its requests have different rules" };
}

/** With the reason that the settings give for an open path. */
function withReason(access: Access, paths: readonly Path[], site: Site): Access {
  if (!("who" in access) || !access.who.some(({ kind }) => kind === "anybody")) return access;
  const open = site.open.find(({ path, match }) =>
    paths.some((it) => it.match === path && (it.modifier === "=") === (match === "exact")),
  );
  if (open === undefined) return access;
  const { why, until } = open;
  return { ...access, why, ...(until === undefined ? {} : { until }) };
}

interface Judged {
  readonly path: Path;
  readonly byMethod: readonly MethodsAccess[];
}

/** Without locations that change nothing of what the rows say of the requests that would be left to others. */
function withoutRepeated(parts: readonly Judged[]): Judged[] {
  return parts.filter(({ path, byMethod: own }) => {
    const around = parts
      .filter((it) => isPrefix(it.path) && it.path !== path && path.match.startsWith(it.path.match))
      .toSorted((one, other) => other.path.match.length - one.path.match.length)[0];
    // What an expression may take from one of the two and not from the other is not the same for both.
    const alike =
      path.modifier === "="
        ? !parts.some((it) => isExpression(it.path) && expressionOf(it.path).test(path.match))
        : isPrefix(path) && path.modifier === around?.path.modifier;
    return !alike || JSON.stringify(around?.byMethod) !== JSON.stringify(own);
  });
}

/** By path, the whole site last; a path with and without its last slash together where they have the same rules. */
function inOrder(
  parts: readonly Judged[],
): { readonly paths: readonly Path[]; readonly byMethod: Judged["byMethod"] }[] {
  const place = ({ path }: Judged) =>
    isExpression(path) ? `0 ${path.match}` : path.match === "/" ? `2 ${path.modifier}` : `1 ${path.match}`;
  const sorted = parts.toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
  return [
    ...Map.groupBy(sorted, (it) => JSON.stringify([it.path.match.replace(/\/$/, ""), it.byMethod])).values(),
  ].map((alike) => ({
    paths: alike.map(({ path }) => path),
    byMethod: alike[0]?.byMethod ?? [],
  }));
}
