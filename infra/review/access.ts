/**
 * Who gets access to what after a change and did not before, and vice versa; judged from the rendered files, and for
 * roles from their assignments, which are only in Entra.
 */
import type { Role } from "../../components/site/roles.ts";
import { CannotJudge } from "../../components/nginx/cannot-judge.ts";
import { laterChanges } from "./ends.ts";
import { SiteReading } from "./gate.ts";
import { isExpression } from "./locations.ts";
import type { AskedRequest, Gate } from "./needs.ts";
import { type Entry, entryOf, type Person, someoneOnlyIn } from "./somebody.ts";
import type { SiteTexts } from "./site-texts.ts";

/** One way in that is new (or gone): a request, and somebody who passes with it only on one side. */
export interface Way {
  readonly method: string;
  readonly target: string;
  /** Undefined: anybody, without signing in. */
  readonly person?: Person;
  /** A role that the backend gets to see, if that is what is new. */
  readonly role?: string;
  /** From when on, if that is later: something ends then on one side and not on the other. */
  readonly from?: Date;
}

/** A site's files, and its roles. */
export type JudgedSite = SiteTexts & { readonly roles: readonly Role[] };

/** How access to a site changes. */
export interface AccessChange {
  readonly opened: readonly Way[];
  readonly closed: readonly Way[];
  /** Why a side cannot be judged; then `opened` and `closed` mean nothing. */
  readonly cannotJudge?: string;
}

/** A placeholder for all methods that no file names. */
export const otherMethod = "PURGE";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", otherMethod];

/** Compares a site's two sides; a side on which the site does not exist lets nobody in. */
export function accessChange(before: JudgedSite | undefined, after: JudgedSite | undefined): AccessChange {
  try {
    // Who is blocked is the environment's to say; here it matters whether a site asks.
    const { blocked } = after ?? before ?? {};
    const readings = [before, after].map((it) => it && new SiteReading({ ...it, blocked }));
    const [old, now] = readings;
    const targets = representativeTargets(readings);
    const asked = methodsToAsk(readings);
    const opened: Way[] = [];
    const closed: Way[] = [];
    const compared = (request: AskedRequest) => {
      const way = wayOf(request, asked);
      const was = entryOf(gateBeside(old, now, request), before?.roles);
      const is = entryOf(gateBeside(now, old, request), after?.roles);
      const gained = someoneOnlyIn(is, was) ?? newRole(is, after?.roles, was, before?.roles);
      const lost = someoneOnlyIn(was, is) ?? newRole(was, before?.roles, is, after?.roles);
      if (gained !== undefined) opened.push({ ...way, ...gained });
      if (lost !== undefined) closed.push({ ...way, ...lost });
    };
    for (const request of requests(targets, asked)) compared(request);
    const later = laterChanges(readings, targets);
    for (const at of later.times)
      for (const request of requests(later.targets, asked)) compared({ ...request, at });
    opened.push(...newExpressions(old, before, now, after, asked));
    closed.push(...newExpressions(now, after, old, before, asked));
    return { opened: earliest(opened), closed: earliest(closed) };
  } catch (error) {
    if (!(error instanceof CannotJudge)) throw error;
    return { opened: [], closed: [], cannotJudge: error.message };
  }
}

/** Every method that these files may tell from another; `any` alone if none matters. */
export function methodsToAsk(readings: readonly (SiteReading | undefined)[]): string[] {
  return readings.some((it) => it?.methodMatters)
    ? [...new Set([...methods, ...readings.flatMap((it) => it?.methods ?? [])])]
    : ["any"];
}

/** Every path with every relevant method, over both schemes: plain HTTP only redirects, but that may change. */
function* requests(targets: readonly string[], asked: readonly string[]): Generator<AskedRequest> {
  for (const target of targets) {
    for (const method of asked) {
      for (const scheme of ["https", "http"] as const)
        yield { scheme, method: method === "any" ? "GET" : method, target };
    }
  }
}

/**
 * Paths that a moved sign-in leaves to the backend, or takes from it, count as the rest of the site: that opens nothing
 * that was restricted further.
 */
function gateBeside(
  reading: SiteReading | undefined,
  other: SiteReading | undefined,
  request: AskedRequest,
): Gate | undefined {
  const takes = (it: SiteReading) => `${request.target}/`.startsWith(`${it.proxyPrefix}/`);
  if (reading === undefined || other === undefined || !takes(reading) || takes(other))
    return reading?.gate(request);
  return reading.gate({ ...request, target: "/-" });
}

function wayOf({ scheme, method, target, at }: AskedRequest, asked: readonly string[]) {
  const plain = scheme === "http" ? " over plain HTTP" : "";
  return {
    method: asked.includes("any") ? "any" : method,
    target: `${target}${plain}`,
    ...(at === undefined ? {} : { from: at }),
  };
}

/** Of the ways of one request, the first. */
function earliest(ways: readonly Way[]): Way[] {
  const key = ({ method, target }: Way) => `${method} ${target}`;
  return [...new Map(ways.toReversed().map((it) => [key(it), it])).values()].toReversed();
}

/**
 * Who gets in at a location with a regular expression, and did not at the same one on the other side, or, if there is
 * none, at one of the locations from which it may take requests.
 */
function newExpressions(
  old: SiteReading | undefined,
  before: JudgedSite | undefined,
  now: SiteReading | undefined,
  after: JudgedSite | undefined,
  asked: readonly string[],
): Way[] {
  const found: Way[] = [];
  for (const expression of now?.expressions() ?? []) {
    for (const request of requests(["/"], asked)) {
      const is = entryOf(now?.gateOf(expression, request), after?.roles);
      const same = old?.gateOf(expression, request);
      const were = same === undefined ? entriesOf(old, before, request) : [entryOf(same, before?.roles)];
      const gained = were.map((was) => someoneOnlyIn(is, was)).find((it) => it !== undefined);
      const target = `(a path that matches ${expression})`;
      if (gained !== undefined) found.push({ ...wayOf({ ...request, target }, asked), ...gained });
    }
  }
  return found;
}

/** Who gets in at each location with content; at least one entry, even if nobody does. */
function entriesOf(
  reading: SiteReading | undefined,
  site: JudgedSite | undefined,
  request: AskedRequest,
): Entry[] {
  const paths = new Set(["/", ...(reading?.locations() ?? []).map(({ match }) => match)]);
  const entries = [...paths]
    .filter((target) => target.startsWith("/"))
    .map((target) => entryOf(reading?.gate({ ...request, target }), site?.roles))
    .filter((it) => it !== undefined);
  return entries.length > 0 ? entries : [undefined];
}

/** Somebody who gets in on both sides and has a role of `one` only there. A first role restricts access. */
function newRole(
  one: Entry,
  roles: readonly Role[] = [],
  other: Entry,
  othersRoles: readonly Role[] = [],
): { readonly person: Person; readonly role: string } | undefined {
  if (typeof one !== "object" || typeof other !== "object" || othersRoles.length === 0) return undefined;
  for (const { value: role } of roles) {
    const [has, had] = [
      { ...one, groups: [...one.groups, [`role ${role}`]] },
      { ...other, groups: [...other.groups, [`role ${role}`]] },
    ];
    const found = someoneOnlyIn(has, had)?.person;
    if (found !== undefined) return { person: found, role };
  }
  return undefined;
}

/** Who passes with each method; with one that is not named, as with {@link otherMethod}. */
type ByMethod = ReadonlyMap<string, readonly Exclude<Entry, undefined>[]>;

/**
 * Who reaches which backend through each of an environment's sites, at its root or by a path that leads to it; and by
 * each path of each site.
 */
export type Backends = ReadonlyMap<string, readonly ByMethod[]>;

export function backendsOf(sites: readonly JudgedSite[]): Backends {
  const backends = new Map<string, ByMethod[]>();
  for (const site of sites) {
    const ways = waysTo(site);
    const ofSite = new Map<string, Map<string, Exclude<Entry, undefined>[]>>();
    const add = (key: string, { method, entry }: WayTo) => {
      const byMethod = ofSite.get(key) ?? new Map<string, Exclude<Entry, undefined>[]>();
      ofSite.set(key, byMethod.set(method, [...(byMethod.get(method) ?? []), entry]));
    };
    for (const way of frontsOf(ways)) add(way.backend, way);
    for (const way of ways) add(atPath(site, way), way);
    for (const [key, byMethod] of ofSite) backends.set(key, [...(backends.get(key) ?? []), byMethod]);
  }
  return backends;
}

/** A path of a site that leads to a backend: what it opened of that before is nothing new. */
function atPath({ domain }: JudgedSite, { backend, target }: WayTo): string {
  return `${domain}${target} ${backend}`;
}

/**
 * Somebody who reaches a backend after the change and did not through any site before; undefined if there is nobody, or
 * if no site had that backend before (no file says whether it is a different application).
 */
export function newcomerAt(
  after: JudgedSite,
  before: Backends,
): { readonly backend: string; readonly way: Way } | undefined {
  for (const way of frontsOf(waysTo(after))) {
    const { backend, target, entry } = way;
    const ofSites = before.get(backend);
    if (ofSites === undefined) continue;
    const known = [...ofSites, ...(before.get(atPath(after, way)) ?? [])];
    const named = way.method === "any" ? known.flatMap((it) => [...it.keys()]) : [way.method];
    for (const method of new Set(named)) {
      const entries = known.flatMap((it) => it.get(method) ?? it.get("any") ?? it.get(otherMethod) ?? []);
      const newcomer = someoneOnlyIn(entry, ...entries);
      if (newcomer !== undefined) return { backend, way: { method, target, ...newcomer } };
    }
  }
  return undefined;
}

/** The site's own backend, and those of single paths. */
function frontsOf(ways: readonly WayTo[]): WayTo[] {
  const own = ways.find(({ target }) => target === "/")?.backend;
  return ways.filter(({ target, backend }) => target === "/" || backend !== own);
}

/** Which backend each path leads to, and whom, with each method; the front door first. */
function waysTo(texts: JudgedSite): WayTo[] {
  try {
    const reading = new SiteReading(texts);
    const asked = methodsToAsk([reading]);
    return ["/", ...representativeTargets([reading])].flatMap((target) =>
      asked.flatMap((method) => {
        const gate = reading.gate({ scheme: "https", method: method === "any" ? "GET" : method, target });
        const entry = entryOf(gate, texts.roles);
        return gate.to.kind !== "content" || entry === undefined
          ? []
          : [{ backend: gate.to.what, target, method, entry }];
      }),
    );
  } catch (error) {
    if (error instanceof CannotJudge) return [];
    throw error;
  }
}

interface WayTo {
  readonly backend: string;
  readonly target: string;
  /** `any` where the files tell no method from another. */
  readonly method: string;
  readonly entry: Exclude<Entry, undefined>;
}

/** For every location and every key of a `map` on either side: the path itself, a sibling and one below it. */
export function representativeTargets(readings: readonly (SiteReading | undefined)[]): string[] {
  const targets = new Set(["/", "/anything", "/anything/below.html"]);
  for (const reading of readings) {
    if (reading === undefined) continue;
    for (const location of reading.locations()) {
      const { match } = location;
      if (match.startsWith("@")) continue;
      for (const path of isExpression(location) ? examplesOf(match) : [match]) aroundPath(path, targets);
    }
    for (const key of reading.mapKeys(/\$(?:uri|request_uri|document_uri)\b/)) {
      for (const path of key.startsWith("~") ? examplesOf(key.replace(/^~\*?/, "")) : [key]) {
        const slash = path.indexOf("/");
        if (slash >= 0) aroundPath(path.slice(slash), targets);
      }
    }
  }
  return [...targets];
}

function aroundPath(path: string, into: Set<string>): void {
  const bare = path.replace(/\/+$/, "");
  for (const target of [path, bare, `${bare}/`, `${bare}x`, `${bare}/x`, `${path}x`]) {
    if (target.startsWith("/")) into.add(target);
  }
}

/** Strings that a simple regular expression matches: every branch of an alternation, one character of a class. */
function examplesOf(expression: string): string[] {
  const plain = expression
    .replace(/^\^|\$$/g, "")
    .replace(/\(\?[:<][^)]*\)|\[[^\]]*\][*+?]?/g, "x")
    .replace(/\\d[*+]?/g, "1")
    .replace(/\\w[*+]?|\.[*+]/g, "x")
    .replace(/\(([^()|]*)\)\??/g, "$1");
  const branches = /\(([^()]*)\)/.exec(plain);
  const all =
    branches === null
      ? plain.split("|")
      : (branches[1] ?? "").split("|").map((branch) => plain.replace(branches[0], branch));
  return all.map((it) => {
    const text = it.replace(/\\(.)/g, "$1").replace(/[*+?]/g, "");
    return text.startsWith("/") ? text : `/${text}`;
  });
}
