/** Who may enter which part of a site: rules in addition to the site's own, and what is open to everybody. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A part of the site with additional requirements. */
export interface PathRuleSettings {
  /**
   * The decoded path, for example `/admin`; a trailing `/` makes no difference. Letters, digits and `-._~` between slashes.
   */
  path: string;
  /** `prefix`: the path and everything below it, by whole segments, so not `/administrator`; `exact`: only the path. @default `prefix` */
  match?: string;
  /** Object IDs of Entra groups, of which one is required. */
  allowedGroups?: string[];
  /** Roles of the site, of which one is required. Instead of `allowedGroups` on a site with roles. */
  allowedRoles?: string[];
}

/** A part of the site that everybody may reach without signing in. */
export interface OpenPathSettings {
  /** The decoded path, for example `/health`, or, with `match: prefix`, with a trailing `/`, for example `/public/`. */
  path: string;
  /** `exact`: only the path; `prefix`: everything below it. @default `exact` */
  match?: string;
  /** The open methods; for others the path is as protected as its surroundings. @default `GET`, `HEAD` */
  methods?: string[];
  /** As on the site: whether the backend gets the client's `Authorization` header, for example of webhooks. @default `false` */
  passAuthorization?: boolean;
  /** Why it is open, for reviewers; it is a comment on the rule in the Nginx file. */
  why: string;
  /**
   * The last day on which it is open, in UTC, as `2027-01-31`; hosts then close it by their own clock, without an update.
   * @default no end
   */
  until?: string;
}

const path = checks.path;
const match = z.enum(["prefix", "exact"], { error: checks.expected("prefix or exact") });
/** Methods of HTTP, and of WebDAV and its extensions (RFC 4918, 3253, 5323, 4791), whose clients cannot sign in. */
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
    until: checks.date.exactOptional(),
  },
  { error: checks.expected("an open path (path, match, methods, why, until)") },
);

/** A validated {@link PathRuleSettings}; its path has no trailing `/`. */
export type PathRule = checks.Checked<typeof pathRuleSchema>;
/** A validated {@link OpenPathSettings}. */
export type OpenPath = checks.Checked<typeof openPathSchema>;

/** Reserved for the push and ACME; the sign-in has the site's `proxyPrefix`. */
const ours = ["/.well-known/acme-challenge", "/.well-known/protected-sites"];

/** Whether a path never reaches a backend. */
export function isOurs(path: string, proxyPrefix: string): boolean {
  const lower = path.toLowerCase();
  return [proxyPrefix.toLowerCase(), ...ours].some((own) => lower === own || lower.startsWith(`${own}/`));
}

/** Sorts paths so that of several that match, the effective one comes first. */
export function longestFirst(one: { readonly path: string }, other: { readonly path: string }): number {
  return other.path.length - one.path.length;
}

/** The number of the rule that contains an open path, from 1; 0 if there is none. */
export function ruleAround({ paths }: { readonly paths: readonly PathRule[] }, { path }: OpenPath): number {
  const around = paths
    .map((rule, index) => ({ ...rule, number: index + 1 }))
    .filter((rule) => rule.match === "prefix" && path.startsWith(`${rule.path}/`))
    .sort(longestFirst)[0];
  return around?.number ?? 0;
}
