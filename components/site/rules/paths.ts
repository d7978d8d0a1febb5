/** Rules over the paths that a site names. */
import { isOurs, type OpenPath } from "../path-access.ts";
import { siteRule } from "./rule.ts";

export const pathRules = [
  siteRule(["paths"], ({ paths }) => [
    ...paths.flatMap(({ path }, index) =>
      path === ""
        ? [`paths.${index}.path "/" is the whole site; use the site's own allowedGroups or roles`]
        : [],
    ),
    ...namedTwice(named("paths", paths), named("paths", paths)),
  ]),
  siteRule(["paths", "proxyPrefix"], ({ paths, proxyPrefix }) => ofOurs(named("paths", paths), proxyPrefix)),
  siteRule(["open"], ({ open }) => [
    ...open.flatMap(openPathProblems),
    ...namedTwice(named("open", open), named("open", open)),
  ]),
  siteRule(["open", "proxyPrefix"], ({ open, proxyPrefix }) => ofOurs(named("open", open), proxyPrefix)),
  siteRule(["open", "paths"], ({ open, paths }) => namedTwice(named("open", open), named("paths", paths))),
];

/** A path, and where it is, in words. */
interface Named {
  readonly what: string;
  readonly path: string;
}

function named(setting: string, list: readonly { readonly path: string }[]): Named[] {
  return list.map(({ path }, index) => ({ what: `${setting}.${index}.path "${path}"`, path }));
}

function ofOurs(list: readonly Named[], proxyPrefix: string): string[] {
  return list
    .filter(({ path }) => isOurs(path, proxyPrefix))
    .map(({ what }) => `${what} is reserved for the sign-in or the push; expected a path of the backend`);
}

/** Paths that occur earlier in the same list, or in another one. */
function namedTwice(list: readonly Named[], others: readonly Named[]): string[] {
  // To many backends, paths that differ only in case are the same.
  const key = ({ path }: Named) => path.replace(/\/$/, "").toLowerCase();
  return list.flatMap((it) => {
    const first = others.find((other) => key(other) === key(it));
    return first === undefined || first.what === it.what
      ? []
      : [`${it.what} is a duplicate of ${first.what}`];
  });
}

function openPathProblems({ path, match }: OpenPath, index: number): string[] {
  const what = `open.${index}.path "${path}"`;
  if (path === "/")
    return match === "prefix"
      ? [`${what} would open the whole site; list the parts that should be open`]
      : [];
  if (path.endsWith("/") === (match === "prefix")) return [];
  return [
    match === "prefix"
      ? `${what} must end in "/", since with match: prefix everything below it is open, got "${path}"`
      : `${what} must not end in "/"; for everything below it, set match: prefix`,
  ];
}
