/** Pages of ours in place of Nginx's own errors, and of everything during maintenance. */
import { acmePath, internalPath, paths } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import {
  block,
  comment,
  type Directive,
  expr,
  group,
  ifNotLike,
  type Item,
  literal,
} from "../../nginx/print.ts";
import { contactVariable, html } from "../pages.ts";
import { usualSite } from "../usual-site.ts";
import { internal, internalPaths, withinOpenLocation } from "./locations.ts";

/** Where what all sites have alike lies, as every site's server reads it. */
export const sharedOfServer = expr(paths("$server_name").shared).expression;

/** What a location says that shows a page of ours; values of the request and the site are put in. */
export const page: readonly Directive[] = [
  ["default_type", "text/html"],
  ["ssi", "on"],
];

/** Pages in place of Nginx's own errors; what a backend itself answers is passed on as it is. */
export const errorPages: readonly Directive[] = [
  ["error_page", 429, `${internalPaths.pages}too-many.html`],
  ["error_page", 500, 502, 503, 504, `${internalPaths.pages}unavailable.html`],
];

/** The pages of ours that anybody may meet. */
export const pagesLocation: Directive = block(
  ["location", "^~", internalPaths.pages],
  [...internal, ...page, ["alias", expr(`${sharedOfServer}/`)]],
);

/** A page of ours that anybody may request, within an open location. */
export function openPage({ domain }: Site, path: string, file: string): Directive {
  return withinOpenLocation(["=", path], [group(page), ["alias", `${paths(domain).shared}/${file}`]]);
}

/** A page of the site's own, to which only Nginx leads. */
export function ownPage({ domain }: Site, path: string, file: string): Directive {
  return block(
    ["location", "=", path],
    [group([...internal, ...page]), ["alias", `${paths(domain).current}/${file}`]],
  );
}

/** Everybody gets the page: no subrequest is sent, and no backend is reached. */
export function maintenance(site: Site): Item[] {
  if (site.maintenance === undefined) return [];
  return [
    comment("Maintenance: every request gets this page."),
    ["error_page", 503, internalPaths.maintenance],
    ifNotLike("$uri", `^(?:${literal(internalPath)}|${literal(acmePath)})`, ["return", 503]),
    ownPage(site, internalPaths.maintenance, "maintenance.html"),
  ];
}

/** Constant of a site's server: whom its pages name. */
export function contactConstant({ contact }: Site): Directive[] {
  return contact === usualSite.contact ? [] : [["set", expr(contactVariable), expr(html(contact))]];
}
