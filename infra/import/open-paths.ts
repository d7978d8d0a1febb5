/** What was open to everybody, as the open paths of a site: never more than it was. */
import { path } from "../../components/site/checks.ts";
import { isExpression, isPrefix } from "../review/locations.ts";
import type { Part, Server } from "./server.ts";
import { partFor } from "./server.ts";

/** A path that was open, as a site's setting says it. */
export interface OpenPart {
  readonly path: string;
  readonly match: "exact" | "prefix";
}

/** What can be said of a pattern: the paths, and in words what of it cannot be said. */
export interface Spelled {
  readonly paths: readonly OpenPart[];
  /** Undefined where the paths are all that matched. */
  readonly rest?: string;
}

/** Whether a site's settings may name the path, other than that of everything. */
const isNameable = (it: string) => it !== "/" && path.safeParse(it).success;

const tooMany = 20;

/**
 * The paths of a regular expression that is a list of them: anchored at its beginning, with alternatives in groups, and
 * either anchored at its end or with a `/` there. Of any other nothing is certain.
 */
export function pathsOfExpression(expression: string): Spelled {
  const [, body = "", end = ""] = /^\^(\/.*?)(\$|\.\*\$?)?$/s.exec(expression) ?? [];
  const alternatives = body === "" || /\\[$]$/.test(expression) ? undefined : alternativesOf(body);
  if (alternatives === undefined || alternatives.length > tooMany)
    return { paths: [], rest: "it is no list of paths" };
  const found = alternatives.map((it): OpenPart | undefined => {
    if (!isNameable(it)) return undefined;
    if (end === "$") return it.endsWith("/") ? undefined : { path: it, match: "exact" };
    return it.endsWith("/") ? { path: it, match: "prefix" } : { path: it, match: "exact" };
  });
  const paths = found.filter((it) => it !== undefined);
  const isLess = paths.length < found.length || paths.some(({ match }) => match === "exact" && end !== "$");
  return { paths, ...(isLess || /(?<!\\)\./.test(body) ? { rest: "what else it matches" } : {}) };
}

/** Every text that an expression of letters, escaped characters and groups of alternatives matches; `.` counts as a dot. */
function alternativesOf(text: string): string[] | undefined {
  const group = /^([^()]*)\((?:\?:)?([^()?]*)\)(.*)$/s.exec(text);
  if (group !== null) {
    const [, before = "", inside = "", after = ""] = group;
    if (/^[?*+{]/.test(after) || before.includes("|")) return undefined;
    const all = inside.split("|").map((it) => alternativesOf(`${before}${it}${after}`));
    return all.includes(undefined) ? undefined : all.flatMap((it) => it ?? []);
  }
  const optional = /^(.*)\/\?$/s.exec(text);
  if (optional !== null) {
    const without = alternativesOf(optional[1] ?? "");
    return without && [...without, ...without.map((it) => `${it}/`)];
  }
  const literal = text.replaceAll(/\\([./~_-])/g, "$1");
  return /[\\^$*+?()[\]{}|]/.test(literal) ? undefined : [literal];
}

/** The paths of an open location, of which no other location takes any. */
export function pathsOfLocation(server: Server, part: Part): Spelled {
  const { modifier, match } = part;
  if (isExpression(part)) {
    if (modifier === "~*") return { paths: [], rest: "it ignores case" };
    const { paths, rest } = pathsOfExpression(match);
    const own = paths.filter((it) => it.match === "exact" && partFor(server, it.path) === part);
    const less = own.length < paths.length ? "what is below its paths" : rest;
    return { paths: own, ...(less === undefined ? {} : { rest: less }) };
  }
  if (!isNameable(match)) return { paths: [], rest: "no open path can say it" };
  if (modifier === "=")
    return match.endsWith("/")
      ? { paths: [], rest: "no open path can say it" }
      : { paths: [{ path: match, match: "exact" }] };
  if (!match.endsWith("/")) {
    const paths = partFor(server, match) === part ? [{ path: match, match: "exact" } as const] : [];
    return { paths, rest: `everything else that begins with ${match}` };
  }
  const within = server.parts.find((it) => it !== part && takesOf(it, part));
  return within === undefined
    ? { paths: [{ path: match, match: "prefix" }] }
    : { paths: [], rest: `${within.where} takes a part of it` };
}

/** Whether a location that is not open may take requests of one that is a prefix. */
function takesOf(other: Part, part: Part): boolean {
  const isAlike = other.access === "open" && other.restrictions.length === 0 && !other.isRewritten;
  if (isAlike && other.pass?.args[0] === part.pass?.args[0]) return false;
  if (isExpression(other)) return part.modifier !== "^~";
  return other.match.startsWith(part.match) && (isPrefix(other) || other.modifier === "=");
}

/** The location that takes everything that a path opens; undefined if there are several, or none. */
export function soleTaker(server: Server, { path, match }: OpenPart): Part | undefined {
  if (match === "exact") return partFor(server, path);
  const part = partFor(server, `${path}-`);
  if (part === undefined || isExpression(part)) return undefined;
  const asPrefix = { ...part, match: path };
  return server.parts.some((it) => it !== part && takesOf(it, asPrefix)) ? undefined : part;
}
