/**
 * Paths that Nginx and a backend may read differently. Nginx chooses a location by the decoded, normalised path and
 * hands the path on as it came; a backend may decode it another time or not before it splits it, take "\" for "/",
 * cut what follows a ";", and resolve dots and doubled slashes or not. Refused is only what one of these would read as
 * a path with a rule of its own that Nginx has not applied, or as one above the part of it that a site shows.
 *
 * What is odd in a path is the same for all sites and stands once; what of it a site refuses is short. The patterns hold
 * what both Nginx's regular expressions and JavaScript's read alike, since a review reads them too, and none of them
 * goes over a long path again and again.
 */
import { upstreamPath } from "../../site/backends.ts";
import type { PathRule } from "../../site/path-access.ts";
import type { Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, type Item, literal } from "../../nginx/print.ts";

/** "%" that has been encoded any number of times. */
const percent = "%(?:25)*";
export const separator = `(?:[/\\\\]|${percent}(?:2f|5c))`;
const dot = `(?:\\.|${percent}2e)`;
/** Where servers differ in whether the path goes on. */
const cut = `(?:[;?#]|${percent}(?:3b|3f|23))`;
/** The end of all, also after a line break, before which "$" would match. */
export const end = "(?![\\s\\S])";
const asNginxReads = " -> ";
/** A name that is "." or "..", or has only parameters; or is empty: servers differ in whether it counts. */
const odd = `(?:${dot}{1,2}(?=${separator}|${cut}|$)|;|${percent}3b)`;
const gap = `${separator}(?=${separator}|${odd})`;
/** Letters, digits, "-", "_" and "~", which nobody has to encode. */
const unreserved = "(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])";
/** What lenient servers take for something else: control characters, and others in more bytes than UTF-8 needs. */
const malformed = `${percent}(?:[01][0-9a-f]|7f|c[01]${percent}[89ab][0-9a-f]|e0${percent}[89][0-9a-f])`;

/** Whether anything of this is for the site. */
export function canMisread(site: Site): boolean {
  return site.paths.length > 0 || showsParts(site);
}

/** Whether the site shows of an application only what is below some path. */
export function showsParts(site: Site): boolean {
  return site.upstreams.length > 0 || upstreamPath(site.upstream) !== "/";
}

/** How the request's path is written: `plain`, `odd`, `unclear` or `hidden`; shared by all sites of a host. */
export const spelling = "$protected_sites_spelling";

/** The `map` behind {@link spelling}. */
export function spellingMap(): Item[] {
  const entries: readonly (readonly [pattern: string, value: string])[] = [
    [`^[^? ]*${malformed}`, "hidden"],
    [`^(?=[^? ]*${percent}${unreserved})(?:(?!${gap})[^? #])*(?:${gap}|#)`, "hidden"],
    [`^[^? ]*${separator}${odd}`, "unclear"],
    // "//name" is a host to some.
    [`^/(?=${separator})(?:(?!${gap})[^? ])*${gap}`, "unclear"],
    ["^[^? ]*(?://|[;\\\\#]|%(?:25|2f|5c|3b|3f|23))", "odd"],
  ];
  return [
    comment(
      "How a path is written: plain; odd, if servers split it differently; unclear, if they disagree about which segments count; hidden, if letters are encoded.",
    ),
    block(
      ["map", expr("$request_uri"), expr(spelling)],
      [["default", "plain"], ...entries.map(([pattern, value]): Directive => [expr(`~*${pattern}`), value])],
    ),
  ];
}

/**
 * What the entries of {@link misreadAsRules} and {@link leadsAbove} look at: how the path is written, the path as it
 * came, and as Nginx reads it.
 */
export const readings = expr(`${spelling} $request_uri${asNginxReads}$uri`);

/** Up to where the path begins as Nginx reads it. */
const uri = `[^ ]*${asNginxReads}`;

type Rule = Pick<PathRule, "path" | "match">;

/** Entries of a `map` from {@link readings}, for what a backend may read as a path of one of these rules. */
export function misreadAsRules(rules: readonly Rule[]): Directive[] {
  if (rules.length === 0) return [];
  const within = (inner: Rule) =>
    rules.some(({ path, match }) => match === "prefix" && inner.path.startsWith(`${path}/`));
  return [
    ...rules.map((rule): Directive => [expr(`~*${misspelt(rule)}`), 404]),
    ["~^hidden", 400],
    ...rules.flatMap(misreadAs).map((pattern): Directive => [expr(`~*${pattern}`), 400]),
    ...rules.filter(within).map((rule): Directive => [expr(`~*${readAsSurroundings(rule)}`), 400]),
  ];
}

/** Nginx is not in the rule's path, and a backend may be. */
function misreadAs(rule: Rule): string[] {
  const elsewhere = `(?!${uri}${inPath(rule)})`;
  const names = namesOf(rule.path).map(literal);
  const stop =
    rule.match === "prefix"
      ? `(?:${separator}|${cut}|${asNginxReads}|${end})`
      : `(?:${separator}|${dot})*(?:${cut}|${asNginxReads}|${end})`;
  const whole = (any: string) => `${names.join(`${trailing}${between(any)}`)}${trailing}${stop}`;
  // A letter that is still encoded in what is decoded, in one of the names or in place of it.
  const encoded = names
    .slice(0, -1)
    .reduceRight((rest, name) => `(?:${name}${trailing}${between("[^ ]")}${rest})?`, "");
  return [
    `^unclear ${elsewhere}[^?]*${names.at(-1) ?? ""}`,
    `^odd ${elsewhere}/(?:${separator}*|${separator}+(?:(?:(?!${separator})[^? ])+|[^/? ]+)${separator}+)${whole("[^? ]")}`,
    `^odd ${elsewhere}${uri}/${separator}*${whole("[\\s\\S]")}`,
    `^odd ${elsewhere}${uri}/${encoded}[^/]*${percent}(?:2d|3\\d|[4-7][0-9a-f])`,
  ];
}

/** Up to a space, or the end of all. */
const over = `(?= |${end})`;

/** What hides in a path which names it has; also names that some servers take for none. */
export const misleading = `(?:${malformed}|${percent}${unreserved}|${separator}(?:(?:\\.|${percent}2[0e])+(?=${separator}|${cut}|${over})|;|${percent}3b))`;

/** A path as some backend may read one of a rule, up to a space or the end. */
export function readAs({ path, match }: Rule): string {
  const names = namesOf(path).map((name) => `${literal(name)}${trailing}`);
  const whole = names.length === 0 ? "" : `${separator}+${names.join(between("[^ ]"))}`;
  const rest =
    match === "prefix" ? `(?:${separator}|${cut}|${over})` : `(?:${separator}|${dot})*(?:${cut}|${over})`;
  return `${whole}${rest}`;
}

const trailing = `(?:[. ]|${percent}2[0e])*`;

/** From one name to the next: parameters end at an encoded slash for one server, and hold it for another. */
function between(any: string): string {
  const parameter = `(?:;|${percent}3b)`;
  return `(?:${parameter}(?:(?!${separator})${any})*|${parameter}(?:(?![/\\\\])${any})*)?${separator}+`;
}

/** Nginx is in a rule's path that lies within another's, and a backend may be in that other's. */
function readAsSurroundings(rule: Rule): string {
  const literally = `${literal(rule.path)}${rule.match === "prefix" ? "" : "/?"}[${rule.match === "prefix" ? "/" : ""}? ]`;
  return `^(?:unclear |odd (?!${literally}))${uri}${inPath(rule)}`;
}

function inPath({ path, match }: Rule): string {
  return `(?-i:${literal(path)})${match === "prefix" ? `(?:/|${end})` : `/?${end}`}`;
}

/** Entries of a `map` from {@link readings}, for what may lead above the part of a backend that a site shows. */
export function leadsAbove(): Directive[] {
  const encoded = "[^? ]*(?:[;\\\\#]|%(?:25|2f|5c|3b|3f|23))";
  return [
    ["~^hidden", 400],
    [expr(`~*^unclear (?=${encoded})[^? ]*${dot}${dot}`), 400],
  ];
}

/** An entry of the same `map`, to be placed before the others: below this path no request reaches a backend. */
export function readByNginx(path: string): Directive {
  return [expr(`~^\\w+ ${uri}${literal(path)}`), ""];
}

/**
 * A pattern for the decoded path: where a server that takes no heed of case, or of a dot or space at the end of a
 * name (as Windows does), would read a path that a rule is about and Nginx would not.
 */
function misspelt({ path, match }: Rule): string {
  const names = namesOf(path).map(literal);
  const stop = match === "prefix" ? `(?:/|${end})` : `/?${end}`;
  const whole = (join: string) => `${names.map((name) => `/${name}${join}`).join("")}${stop}`;
  return `^\\w+ ${uri}(?!(?-i:${whole("")}))${whole("[. ]*")}`;
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}
