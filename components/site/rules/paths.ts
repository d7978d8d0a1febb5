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

/** A path, and where it stands, in words. */
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
    .map(({ what }) => `${what} belongs to the sign-in or the push; choose a path of the application`);
}

/** Paths that stand earlier in the same list, or in another one. */
function namedTwice(list: readonly Named[], others: readonly Named[]): string[] {
  // Paths that differ in case only are one to many a backend.
  const key = ({ path }: Named) => path.replace(/\/$/, "").toLowerCase();
  return list.flatMap((it) => {
    const first = others.find((other) => key(other) === key(it));
    return first === undefined || first.what === it.what
      ? []
      : [`${it.what} is already in ${first.what}; give each path once`];
  });
}

function openPathProblems({ path, match }: OpenPath, index: number): string[] {
  const what = `open.${index}.path "${path}"`;
  if (path === "/")
    return match === "prefix"
      ? [`${what} would open the whole site; name the parts that everybody may reach`]
      : [];
  if (path.endsWith("/") === (match === "prefix")) return [];
  return [
    match === "prefix"
      ? `${what} must end in "/", since with match: prefix all below it is open, got "${path}"`
      : `${what} must not end in "/"; for all below it, give match: prefix`,
  ];
}
