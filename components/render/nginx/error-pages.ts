/** Pages of ours in place of Nginx's own errors, and of everything during maintenance. */
import { paths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { comment, type Directive, ifNotLike, type Item } from "./nginx-conf.ts";
import {
  beginLocation,
  internalLocation,
  internalLocationWithStore,
  maintenanceLocation,
  openLocation,
  tooManyLocation,
  unavailableLocation,
} from "./locations.ts";

/** Pages in place of Nginx's own errors; what a backend itself answers is passed on as it is. */
export function errorPages(site: Site): Directive[] {
  const closed = site.maintenance !== undefined;
  return [
    ...(site.signInRate === "off" ? [] : [["error_page", 429, tooManyLocation] as const]),
    ["error_page", 500, 502, ...(closed ? [] : [503]), 504, unavailableLocation],
    ...(closed ? [["error_page", 503, maintenanceLocation] as const] : []),
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
 * The page from which a browser goes to the sign-in; only while the store of sessions answers.
 * @param headers what its answer says beside what every answer says
 */
export function beginPageLocation(site: Site, headers: readonly Directive[]): Directive {
  const location = site.sessionStore === "redis" ? internalLocationWithStore : internalLocation;
  return location(
    ["=", beginLocation],
    [
      ...headers,
      ...errorPages(site),
      ["default_type", "text/html"],
      ["alias", `${paths(site.domain).current}/begin.html`],
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
    ifNotLike("$uri", "^/(?:oauth2/-/|\\.well-known/(?:acme-challenge|protected-sites)/)", ["return", 503]),
  ];
}
