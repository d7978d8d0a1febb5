/**
 * WebDAV's `Destination`, https://www.rfc-editor.org/rfc/rfc4918#section-10.3: the second path of a COPY or MOVE, by
 * which no location is chosen. So it may be a path of the request's own rule, or of the site's; and what is copied or
 * moved goes whole, so that neither of the two paths may hold a part with a rule of its own.
 */
import { identifier } from "../../site/names.ts";
import { longestFirst, type OpenPath, type PathRule, ruleAround } from "../../site/path-access.ts";
import { type Site } from "../../site/site.ts";
import { canMisread, end, misleading, readAs, separator } from "./ambiguous-paths.ts";
import { block, comment, type Directive, expr, ifNoneOf, type Item, literal } from "../../nginx/print.ts";

/** A site as clients name it in headers, as a pattern. */
export function originOf(domain: string): string {
  return `https://${literal(domain)}(?::443)?`;
}

/** Whether an open path is open to requests that have a `Destination`. */
function moves({ methods }: OpenPath): boolean {
  return methods.includes("COPY") || methods.includes("MOVE");
}

/** Whether it makes a difference on this site. */
export function looksAtDestination(site: Site): boolean {
  return canMisread(site) || site.open.some(moves);
}

function destinationVariable({ domain }: Site): string {
  return `$protected_sites_destination_rule_${identifier(domain)}`;
}

const refused = "refused";
/** A path of the site without a rule. */
const withoutRule = "site";
const ofRule = (number: number) => `rule_${number}`;
const ofOpen = (number: number) => `open_${number}`;

/** At the top of the site's file: the rule that applies to a request's `Destination`; empty if it has none. */
export function destinationMap(site: Site): Item[] {
  if (!looksAtDestination(site)) return [];
  const plain = `/(?!${separator})`;
  const own = `(?:${originOf(site.domain)})?${plain}[^\\s?#\\\\]*`;
  const parts = [
    ...site.paths.map((rule, index) => ({ ...rule, entries: ofRulesPath(rule, ofRule(index + 1)) })),
    ...site.open.map((open, index) => ({ ...open, entries: [asItIs(open, ofOpen(index + 1))] })),
  ].sort(longestFirst);
  return [
    comment("WebDAV's COPY and MOVE: the rule that applies to their destination."),
    block(
      ["map", expr("$http_destination $request_uri"), expr(destinationVariable(site))],
      [
        ["default", withoutRule],
        ["~^ ", ""],
        [expr(`~*^(?!${own} ${plain}[^ ]*${end})`), refused],
        [expr(`~*^[^?]*${misleading}`), refused],
        ...holdersOf(site.paths).flatMap((it): Directive[] => [
          [expr(`~*^[^ ]+ ${readAs(it)}`), refused],
          [expr(`~*${destined}${readAs(it)}`), refused],
        ]),
        ...parts.flatMap(({ entries }) => entries),
      ],
    ),
  ];
}

/** Up to the path of a `Destination` that is one of the site's. */
const destined = "^(?:https://[^/]+)?";

/** Entries for the paths of a rule, and for what a backend may read as one. */
function ofRulesPath(rule: PathRule, value: string): Directive[] {
  return [asItIs(rule, value), [expr(`~*${destined}${readAs(rule)}`), refused]];
}

function asItIs({ path, match }: Pick<PathRule, "path" | "match">, value: string): Directive {
  const below = match === "prefix" ? "(?:/[^ ]*)?" : "/?";
  return [expr(`~${destined}${literal(path.replace(/\/$/, ""))}${below} `), value];
}

/** The paths in which a path with a rule lies. */
function holdersOf(rules: readonly PathRule[]) {
  const found = rules.flatMap(({ path }) =>
    path
      .split("/")
      .slice(0, -1)
      .map((_, index, names) => names.slice(0, index + 1).join("/")),
  );
  return [...new Set(found)].map((path) => ({ path, match: "exact" }) as const);
}

/**
 * In a location with the rule of this number, 0 for the site's own: refuses a `Destination` under another rule. Whoever
 * meets a rule also meets the site's own.
 */
export function destinationWithin(site: Site, rule: number): Directive[] {
  if (!canMisread(site)) return [];
  const open = site.open.flatMap((it, index) =>
    [0, rule].includes(ruleAround(site, it)) ? [ofOpen(index + 1)] : [],
  );
  const own = rule === 0 ? [] : [ofRule(rule)];
  return [ifNoneOf(destinationVariable(site), ["", withoutRule, ...own, ...open], ["return", 400])];
}

/** In the location of this open path: has what leads elsewhere be as protected as its surroundings. */
export function destinationWithinOpen(site: Site, open: OpenPath, number: number): Directive[] {
  if (!moves(open)) return [];
  return [ifNoneOf(destinationVariable(site), ["", ofOpen(number)], ["return", 418])];
}
