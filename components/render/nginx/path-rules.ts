/** Parts of a site with rules of their own, and parts that are open. */
import { identifier, internalPath, signInPaths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { type OpenPath, type PathRule, ruleAround } from "../../site/path-access.ts";
import {
  canMisread,
  leadsAbove,
  misreadAsRules,
  readByNginx,
  readings,
  showsParts,
  spelling,
} from "./ambiguous-paths.ts";
import { destinationWithin, destinationWithinOpen } from "./destination.ts";
import {
  block,
  comment,
  type Directive,
  expr,
  ifEquals,
  ifNoneOf,
  ifNotLike,
  type Item,
  literal,
} from "../../nginx/print.ts";
import { untilThen } from "./ends.ts";
import { authPathOf, internalPaths, openLocation, protectedLocation } from "./locations.ts";
import { passOn, toBackend } from "./backend.ts";
import { errorPages } from "./error-pages.ts";
import { ruleConstant } from "./temporary.ts";

export function byPath(site: Site): boolean {
  return site.paths.length > 0 || site.open.length > 0;
}

/** Refuses what a backend may read as another path than Nginx, where that makes a difference. */
export function refusals(site: Site): Item[] {
  if (!canMisread(site)) return [];
  const variable = misreadVariable(site);
  return [
    comment(
      "Rules apply to the path as Nginx reads it; paths that a backend may read as one with another rule are refused.",
    ),
    ["error_page", 400, `${internalPaths.pages}bad-request.html`],
    ifEquals(variable, 400, ["return", 400]),
    ...(site.paths.length > 0 ? [ifEquals(variable, 404, ["return", 404])] : []),
  ];
}

function misreadVariable(site: Site): string {
  return `$protected_sites_misread_path_${identifier(site.domain)}`;
}

/** Which paths {@link refusals} are for. */
export function misreadPaths(site: Site): Directive[] {
  if (!canMisread(site)) return [];
  return [
    block(
      ["map", readings, expr(misreadVariable(site))],
      [
        // An error page is another path than the request's.
        ["volatile"],
        ["default", ""],
        readByNginx(signInPaths(site).all),
        readByNginx(internalPath),
        ...misreadAsRules(site.paths),
        ...(showsParts(site) ? leadsAbove() : []),
      ],
    ),
  ];
}

/** A rule without a trailing `/` covers the path with and without it: many backends treat both as one. */
export function ruleLocations(site: Site, { path, match }: PathRule, number: number): Item[] {
  const body: Directive[] = [
    ["auth_request", authPathOf(number)],
    ...ruleConstant(site, number),
    ...destinationWithin(site, number),
    ...passOn(site),
  ];
  return [
    comment(`${path}${match === "prefix" ? " and everything below it" : ""} has an additional rule.`),
    protectedLocation(["=", path], body),
    protectedLocation(match === "prefix" ? [`${path}/`] : ["=", `${path}/`], body),
  ];
}

/**
 * With a method that is not open, spelt so that a backend may read something else, or after its last day, the path is as
 * protected as its surroundings.
 */
export function openPathLocations(site: Site, open: OpenPath, number: number): Item[] {
  const { path, match, methods, passAuthorization, why, until } = open;
  const around = ruleAround(site, open);
  const otherwise = `@protected_${number}`;
  const protection: Directive[] = [
    ...(around === 0 ? [] : [["auth_request", authPathOf(around)] as const]),
    ...ruleConstant(site, around),
    ...destinationWithin(site, around),
    ...passOn(site),
  ];
  return [
    comment(`Open to everybody${until === undefined ? "" : ` until ${until}`}: ${why}`),
    openLocation(match === "prefix" ? [path] : ["=", path], [
      ...errorPages,
      ["error_page", 418, "=", otherwise],
      ...untilThen(until, ["return", 418]),
      ifNoneOf("$request_method", methods, ["return", 418]),
      ifNotLike("$request_uri", match === "prefix" ? `^${literal(path)}` : `^${literal(path)}(?:\\?|$)`, [
        "return",
        418,
      ]),
      ifNoneOf(spelling, ["plain", "odd"], ["return", 418]),
      ...destinationWithinOpen(site, open, number),
      ...toBackend(site, "nobody", passAuthorization),
      ...passOn(site, "nobody"),
    ]),
    protectedLocation([otherwise], protection),
    // Without this, Nginx answers the path without its "/" by a redirect to the open one.
    ...(match === "prefix" ? [protectedLocation(["=", path.replace(/\/$/, "")], protection)] : []),
  ];
}

/** Files that Apache's users hide, such as `.htpasswd`, of an application that is a folder of files. */
export const refuseHtFiles: Directive = openLocation(["~", expr("/\\.ht")], [["return", 404]]);
