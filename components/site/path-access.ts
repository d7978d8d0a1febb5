/** Who may enter which part of a site: rules in addition to the site's own, and what is open to everybody. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A part of the site that not everybody of the site may enter. */
export interface PathRuleSettings {
  /**
   * The decoded path as in `/admin`; with a `/` at the end it means the same. Letters, digits and `-._~` between
   * slashes.
   */
  path: string;
  /** `prefix`: the path and all below it, by whole names, so not `/administrator`; `exact`: it alone. @default `prefix` */
  match?: string;
  /** Object IDs of Entra groups; who is in none of them is refused. */
  allowedGroups?: string[];
  /** Roles of the site; who has none of them is refused. One of the two is given, as on the site itself. */
  allowedRoles?: string[];
}

/** A part of the site that everybody may reach without signing in. */
export interface OpenPathSettings {
  /** The decoded path as in `/health`, or, with `match: prefix`, ending in `/` as in `/public/`. */
  path: string;
  /** `exact`: the path alone; `prefix`: all below it. @default `exact` */
  match?: string;
  /** The methods that are open; with any other the path is as protected as its surroundings. @default `GET`, `HEAD` */
  methods?: string[];
  /** As on the site: whether the application gets `Authorization` as clients send it, as web hooks do. @default `false` */
  passAuthorization?: boolean;
  /** Why it is open, for whoever reviews it; it stands beside the rule in the Nginx file. */
  why: string;
}

const path = checks.path;
const match = z.enum(["prefix", "exact"], { error: checks.expected("prefix or exact") });
/** Those of HTTP, and those of WebDAV and its kin (RFC 4918, 3253, 5323, 4791), whose clients cannot sign in. */
const methods = [
  ...(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const),
  ...(["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"] as const),
  ...(["REPORT", "SEARCH", "MKCALENDAR"] as const),
];

/** The shape of {@link PathRuleSettings}. */
export const pathRuleSchema = z.strictObject(
  {
    path: path.transform((it) => it.replace(/\/$/, "")),
    match: match.default("prefix"),
    allowedGroups: checks.listOf(checks.guid, "object IDs of groups").default([]),
    allowedRoles: checks.listOf(checks.roleValue, "names of roles").default([]),
  },
  { error: checks.expected("a rule for a path (path, match, allowedGroups or allowedRoles)") },
);

/** The shape of {@link OpenPathSettings}. */
export const openPathSchema = z.strictObject(
  {
    path,
    match: match.default("exact"),
    methods: checks
      .listOf(z.enum(methods, { error: checks.expected(`one of ${methods.join(", ")}`) }), methods.join(", "))
      .min(1, { error: checks.expected("a list with at least one method") })
      .default(["GET", "HEAD"]),
    passAuthorization: checks.flag.default(false),
    why: checks.sentence,
  },
  { error: checks.expected("an open path (path, match, methods, why)") },
);

/** A checked {@link PathRuleSettings}; its path has no `/` at its end. */
export type PathRule = checks.Checked<typeof pathRuleSchema>;
/** A checked {@link OpenPathSettings}. */
export type OpenPath = checks.Checked<typeof openPathSchema>;

/** What the push needs for itself, and ACME; the sign-in has the site's `proxyPrefix`. */
const ours = ["/.well-known/acme-challenge", "/.well-known/protected-sites"];

/** Whether a path never reaches an application. */
export function isOurs(path: string, proxyPrefix: string): boolean {
  const lower = path.toLowerCase();
  return [proxyPrefix.toLowerCase(), ...ours].some((own) => lower === own || lower.startsWith(`${own}/`));
}

/** Sorts paths so that of several that fit, the one that counts comes first. */
export function longestFirst(one: { readonly path: string }, other: { readonly path: string }): number {
  return other.path.length - one.path.length;
}

/** The number of the rule that an open path lies in, 1 for the first; 0 where it lies in none. */
export function ruleAround({ paths }: { readonly paths: readonly PathRule[] }, { path }: OpenPath): number {
  const around = paths
    .map((rule, index) => ({ ...rule, number: index + 1 }))
    .filter((rule) => rule.match === "prefix" && path.startsWith(`${rule.path}/`))
    .sort(longestFirst)[0];
  return around?.number ?? 0;
}
