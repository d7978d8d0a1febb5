/** Parts of a site with rules of their own, and parts that are open. */
import { identifier } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { type OpenPath, type PathRule } from "../../site/path-access.ts";
import { ambiguousPath, misspelt } from "./ambiguous-paths.ts";
import { block, comment, type Directive, expr, ifEquals, ifNoneOf, type Item } from "./nginx-conf.ts";
import { authLocationOf, openLocation, protectedLocation } from "./locations.ts";
import { passOn, toBackend } from "./backend.ts";
import { errorPages } from "./error-pages.ts";

export function byPath(site: Site): boolean {
  return site.paths.length > 0 || site.open.length > 0;
}

export function refusals(site: Site): Item[] {
  return [
    comment(
      "Rules go by the path as Nginx reads it: one that the backend may read differently gets nowhere.",
    ),
    ifEquals(ambiguousPath, 1, ["return", 400]),
    ...(site.paths.length > 0 ? [ifEquals(misspeltVariable(site), 1, ["return", 404])] : []),
  ];
}

function misspeltVariable(site: Site): string {
  return `$protected_sites_misspelt_path_${identifier(site.domain)}`;
}

/** Paths of rules in another case, which some backends take for the same. */
export function misspeltPaths(site: Site): Directive[] {
  if (site.paths.length === 0) return [];
  return [
    block(
      ["map", expr("$uri"), expr(misspeltVariable(site))],
      [["default", ""], ...site.paths.map((rule): Directive => [expr(misspelt(rule)), 1])],
    ),
  ];
}

/** A rule without the `/` at its end stands for the path with and without it, which many backends take for one. */
export function ruleLocations(site: Site, { path, match }: PathRule, number: number): Item[] {
  const holds: Directive[] = [["auth_request", authLocationOf(number)], ...passOn(site)];
  return [
    comment(`${path}${match === "prefix" ? " and all below it" : ""} needs more than the site.`),
    protectedLocation(["=", path], holds),
    protectedLocation(match === "prefix" ? [`${path}/`] : ["=", `${path}/`], holds),
  ];
}

/** With a method that is not open, the path is as protected as its surroundings. */
export function openPathLocations(
  site: Site,
  { path, match, methods, why }: OpenPath,
  number: number,
): Item[] {
  const around = site.paths
    .map((rule, index) => ({ ...rule, index }))
    .filter((rule) => rule.match === "prefix" && path.startsWith(`${rule.path}/`))
    .sort((one, other) => other.path.length - one.path.length)[0];
  const otherwise = `@protected_${number}`;
  const protection: Directive[] = [
    ...(around === undefined ? [] : [["auth_request", authLocationOf(around.index + 1)] as const]),
    ...passOn(site),
  ];
  return [
    comment(`Open to everybody: ${why}`),
    openLocation(match === "prefix" ? [path] : ["=", path], [
      ...errorPages(site),
      ["error_page", 418, "=", otherwise],
      ifNoneOf("$request_method", methods, ["return", 418]),
      ...toBackend(site, "nobody"),
      ...passOn(site),
    ]),
    protectedLocation([otherwise], protection),
    // Without this, Nginx answers the path without its "/" by a redirect to the open one.
    ...(match === "prefix" ? [protectedLocation(["=", path.replace(/\/$/, "")], protection)] : []),
  ];
}
