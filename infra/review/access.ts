/** Who gets to what after a change and did not before, and the other way round; judged from the rendered files. */
import { type AskedRequest, type Gate, type Needs, passes, SiteReading, type SiteTexts } from "./gate.ts";
import { CannotJudge } from "./nginx-variables.ts";

/** Somebody who stands for all people alike: a UPN and groups, or nobody who is signed in. */
export interface Person {
  readonly upn: string;
  readonly groups: readonly string[];
}

/** One way in that is new (or gone): a request, and somebody who passes with it on one side only. */
export interface Way {
  readonly method: string;
  readonly target: string;
  /** Nothing for anybody, without signing in. */
  readonly person?: Person;
}

/** How access to a site changes. */
export interface AccessChange {
  readonly opened: readonly Way[];
  readonly closed: readonly Way[];
  /** Why a side cannot be judged; then `opened` and `closed` say nothing. */
  readonly cannotJudge?: string;
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

/** Compares a site's two sides; a side on which the site does not exist lets nobody in. */
export function accessChange(before: SiteTexts | undefined, after: SiteTexts | undefined): AccessChange {
  try {
    const readings = [before, after].map((it) => (it === undefined ? undefined : new SiteReading(it)));
    const [old, now] = readings;
    const targets = representativeTargets(readings);
    const asked = readings.some((it) => it?.methodMatters) ? methods : ["any"];
    const opened: Way[] = [];
    const closed: Way[] = [];
    for (const target of targets) {
      for (const method of asked) {
        const request: AskedRequest = { scheme: "https", method: method === "any" ? "GET" : method, target };
        const was = entryOf(old?.gate(request));
        const is = entryOf(now?.gate(request));
        const gained = someoneOnlyIn(is, was);
        const lost = someoneOnlyIn(was, is);
        if (gained !== undefined) opened.push({ method, target, ...gained });
        if (lost !== undefined) closed.push({ method, target, ...lost });
      }
    }
    return { opened, closed };
  } catch (error) {
    if (!(error instanceof CannotJudge)) throw error;
    return { opened: [], closed: [], cannotJudge: error.message };
  }
}

/** Whoever passes: nobody (nothing), anybody, or those whom the needs let in. */
type Entry = "anybody" | Needs | undefined;

function entryOf(gate: Gate | undefined): Entry {
  if (gate?.to.kind !== "content") return undefined;
  return gate.needs ?? "anybody";
}

/**
 * Somebody whom `one` lets in and `other` does not. Complete: of the people whom `one` lets in, those with the fewest
 * groups are the first to be refused by `other`, and they are tried one and all.
 */
function someoneOnlyIn(one: Entry, other: Entry): { readonly person?: Person } | undefined {
  if (one === undefined || other === "anybody") return undefined;
  if (one === "anybody") return {};
  if (other === undefined || other !== one) {
    for (const person of fewestGroups(one, other)) {
      if (other === undefined || !passes(other, person)) return { person };
    }
  }
  return undefined;
}

function* fewestGroups(needs: Needs, other: Needs | undefined): Generator<Person> {
  const wild = needs.emailDomains.some((it) => it === "*");
  const domains = wild ? ["elsewhere.invalid", ...(other?.emailDomains ?? [])] : needs.emailDomains;
  for (const domain of domains) {
    const upn = domain.startsWith(".") ? `someone@any${domain}` : `someone@${domain}`;
    for (const groups of choices(needs.groups)) yield { upn, groups };
  }
}

/** Who reaches which backend at the front door of any of an environment's sites. */
export type Backends = ReadonlyMap<string, readonly Exclude<Entry, undefined>[]>;

export function backendsOf(sites: readonly SiteTexts[]): Backends {
  const entries = new Map<string, Exclude<Entry, undefined>[]>();
  for (const texts of sites) {
    const found = frontOf(texts);
    if (found !== undefined) entries.set(found.backend, [...(entries.get(found.backend) ?? []), found.entry]);
  }
  return entries;
}

/**
 * Somebody who reaches a backend after the change and reached it through no site before; nothing where there is none,
 * or where no site had that backend before (whether it is another application no file tells).
 */
export function newcomerAt(
  after: SiteTexts,
  before: Backends,
): { readonly backend: string; readonly person?: Person } | undefined {
  const now = frontOf(after);
  const entries = now === undefined ? undefined : before.get(now.backend);
  if (now === undefined || entries === undefined || entries.includes("anybody")) return undefined;
  const { backend, entry } = now;
  if (entry === "anybody") return { backend };
  const needs = entries.filter((it) => typeof it === "object");
  for (const person of fewestGroups(entry, undefined)) {
    if (!needs.some((it) => passes(it, person))) return { backend, person };
  }
  return undefined;
}

function frontOf(texts: SiteTexts): { backend: string; entry: Exclude<Entry, undefined> } | undefined {
  try {
    const gate = new SiteReading(texts).gate({ scheme: "https", method: "GET", target: "/" });
    const entry = entryOf(gate);
    return gate.to.kind !== "content" || entry === undefined ? undefined : { backend: gate.to.what, entry };
  } catch (error) {
    if (error instanceof CannotJudge) return undefined;
    throw error;
  }
}

/** One group from each list. */
function choices(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (made, list) => made.flatMap((groups) => list.map((group) => [...new Set([...groups, group])])),
    [[]],
  );
}

/** For every location and every key of a `map` on either side: the path itself, beside it and below it. */
export function representativeTargets(readings: readonly (SiteReading | undefined)[]): string[] {
  const targets = new Set(["/", "/anything", "/anything/below.html"]);
  for (const reading of readings) {
    if (reading === undefined) continue;
    for (const { modifier, match } of reading.locations()) {
      if (match.startsWith("@")) continue;
      for (const path of modifier.startsWith("~") ? examplesOf(match) : [match]) aroundPath(path, targets);
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

/** Texts that a simple regular expression matches: of each choice every branch, of each class one character. */
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
