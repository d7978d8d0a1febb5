/** Pages of ours in place of Nginx's own errors, and of everything during maintenance. */
import { paths, signInPaths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { comment, type Directive, ifNotLike, type Item, literal } from "../../nginx/print.ts";
import { internalLocation, internalLocationWithStore, internalPaths, openLocation } from "./locations.ts";

/** Pages in place of Nginx's own errors; what a backend itself answers is passed on as it is. */
export function errorPages(site: Site): Directive[] {
  const closed = site.maintenance !== undefined;
  const at = internalPaths(site);
  return [
    ...(site.signInRate === "off" ? [] : [["error_page", 429, at.tooMany] as const]),
    ["error_page", 500, 502, ...(closed ? [] : [503]), 504, at.unavailable],
    ...(closed ? [["error_page", 503, at.maintenance] as const] : []),
  ];
}

/** A page of ours as it is, which anybody may ask for. */
export function openPage(site: Site, path: string, file: string): Directive {
  return openLocation(
    ["=", path],
    [
      ["default_type", "text/html"],
      ["alias", `${paths(site.domain).current}/${file}`],
    ],
  );
}

/**
 * A page of ours for a browser without a session; only while the store of sessions answers.
 * @param headers what its answer says beside what every answer says
 */
export function signInPageLocation(
  site: Site,
  location: string,
  file: string,
  headers: readonly Directive[],
): Directive {
  return internalLocationWithStore(
    site,
    ["=", location],
    [
      ...headers,
      ...errorPages(site),
      ["default_type", "text/html"],
      ["alias", `${paths(site.domain).current}/${file}`],
    ],
  );
}

/** A page of ours, with the request's ID put in. */
export function pageLocation(site: Site, location: string, file: string): Directive {
  return internalLocation(
    ["=", location],
    [
      ["default_type", "text/html"],
      ["ssi", "on"],
      ["alias", `${paths(site.domain).current}/${file}`],
    ],
  );
}

/** Everybody gets the page, whoever they are; nothing is asked and nothing is reached. */
export function maintenance(site: Site): Item[] {
  if (site.maintenance === undefined) return [];
  return [
    comment("Maintenance: everybody gets the page, and nobody gets further."),
    ifNotLike(
      "$uri",
      `^(?:${literal(signInPaths(site).internal)}|/\\.well-known/(?:acme-challenge|protected-sites)/)`,
      ["return", 503],
    ),
  ];
}
