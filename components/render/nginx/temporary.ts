/**
 * Roles and groups that end by the host's own clock. oauth2-proxy goes on naming them, since Entra goes on giving them;
 * Nginx takes them out of what it says, and lets pass only who has another one that is enough
 * (docs/decisions/ends-by-itself.md).
 */
import { type MembershipEnd, membershipEnds } from "../../site/ends.ts";
import { identifier } from "../../site/names.ts";
import type { Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, ifNotLike, type Item, literal } from "../../nginx/print.ts";
import { escaped } from "./blocked.ts";
import { ownPage } from "./error-pages.ts";
import { digitsOf, isBefore } from "./ends.ts";
import { identityVariable } from "./identity-headers.ts";
import { internal, internalPaths } from "./locations.ts";

/** The rule of a location's path, as `rule_1`; a location without one has none. */
export const ruleVariable = "$protected_sites_rule";

/** What the maps of a site are made of. */
export interface Temporary {
  readonly domain: string;
  /** Whether oauth2-proxy names roles, and not groups. */
  readonly ofRoles: boolean;
  readonly ends: readonly MembershipEnd[];
  /** Roles or groups of which everybody needs one, whatever the path. */
  readonly needed: readonly string[];
  /** Those of which each path rule needs one. */
  readonly rules: readonly (readonly string[])[];
}

function temporaryOf(site: Site): Temporary {
  return {
    domain: site.domain,
    ofRoles: site.roles.length > 0,
    ends: membershipEnds(site),
    needed: [...site.allowedGroups, ...site.roles.map(({ value }) => value)],
    rules: site.paths.map(({ allowedGroups, allowedRoles }) => [...allowedGroups, ...allowedRoles]),
  };
}

/** The roles or groups that remain after so many of the ends; 0: all that oauth2-proxy has named. */
export function remainingVariable({ domain, ofRoles }: Pick<Temporary, "domain" | "ofRoles">, ends: number) {
  return ends === 0
    ? identityVariable(ofRoles ? "roles" : "groups")
    : `$protected_sites_remaining_${ends}_${identifier(domain)}`;
}

/** What a backend gets to know of somebody's roles or groups, as a variable. */
export function remainingOf(site: Site): string {
  const temporary = temporaryOf(site);
  return remainingVariable(temporary, temporary.ends.length);
}

/** No port, where what remains is not enough; otherwise nothing. */
export function expiredVariable({ domain }: { readonly domain: string }): string {
  return `$protected_sites_expired_${identifier(domain)}`;
}

function expiredRuleVariable({ domain }: { readonly domain: string }): string {
  return `$protected_sites_expired_rule_${identifier(domain)}`;
}

/** At the end of a backend's address. */
export function addressOfExpired(site: Site): string {
  return membershipEnds(site).length === 0 ? "" : expiredVariable(site);
}

const isExpired = ":expired";

/** At the top of the site's file. */
export function temporaryMaps(site: Site): Item[] {
  const temporary = temporaryOf(site);
  if (temporary.ends.length === 0) return [];
  const { ends, ofRoles } = temporary;
  return [
    ...ends.flatMap((end, index) => [
      comment(
        `The ${ofRoles ? "role" : "group"} ${end.group}${end.user === undefined ? "" : ` of ${end.user}`} ends after ${end.until}, and is taken out of what oauth2-proxy names.`,
      ),
      remainingMap(temporary, index),
    ]),
    comment("Whether what remains is enough; if not, the backend's address gets a port that is none."),
    ...expiredMaps(temporary),
  ];
}

/** Takes out what one of the ends is about, from what those before it have left. */
export function remainingMap(temporary: Temporary, index: number): Directive {
  const { group = "", user, until = "" } = temporary.ends[index] ?? {};
  const before = remainingVariable(temporary, index);
  const name = literal(group);
  const [notThem, one] = [`(?!${escaped(user ?? "")} )[^ ]* `, "(?<protected_sites_"];
  return block(
    [
      "map",
      expr(`0$msec ${digitsOf(until)} $oauth2_user $oauth2_email ${before}`),
      expr(remainingVariable(temporary, index + 1)),
    ],
    [
      ["volatile"],
      // What cannot be compared or read leaves nothing.
      ["default", ""],
      [expr(isBefore("", " ")), expr(before)],
      ...(user === undefined ? [] : [[expr(`~*^[^ ]* [^ ]* ${notThem}${notThem}`), expr(before)] as const]),
      [expr(`~ (?!(?:[^ ]*,)?${name}(?:,|$))[^ ]*$`), expr(before)],
      [expr(`~[ ,]${name},(?:[^ ]*,)?${name}(?:,|$)`), ""],
      [expr(`~ ${one}others>[^ ]+),${name}$`), expr("$protected_sites_others")],
      [
        expr(`~ ${one}first>(?:[^ ]+,)?)${name},${one}last>[^ ]+)$`),
        expr("$protected_sites_first$protected_sites_last"),
      ],
    ],
  );
}

/** Entry by entry: Nginx reads no more than 4096 characters as one. */
export function expiredMaps(temporary: Temporary): Directive[] {
  const { ends, needed, rules } = temporary;
  const remaining = remainingVariable(temporary, ends.length);
  const map = (source: string, variable: string, entries: readonly Directive[]) =>
    block(["map", expr(source), expr(variable)], [["volatile"], ["default", isExpired], ...entries]);
  const enough = rules.length === 0 ? "" : expr(expiredRuleVariable(temporary));
  const ofRules = [
    [expr("~^ "), ""] as const,
    ...rules.flatMap((any, index) =>
      any.map((it) => [expr(`~^rule_${index + 1} (?:[^ ]*,)?${literal(it)}(?:,|$)`), ""] as const),
    ),
  ];
  return [
    map(
      remaining,
      expiredVariable(temporary),
      needed.map((it) => [expr(`~(?:^|,)${literal(it)}(?:,|$)`), enough]),
    ),
    ...(rules.length === 0
      ? []
      : [map(`${ruleVariable} ${remaining}`, expiredRuleVariable(temporary), ofRules)]),
  ];
}

/** Directives of a location under this rule, 0 for none. */
export function ruleConstant(site: Site, rule: number): Directive[] {
  return rule === 0 || membershipEnds(site).length === 0 ? [] : [["set", expr(ruleVariable), `rule_${rule}`]];
}

/** Directive of the server, before those that lead to pages: somebody whose access has ended gets a page that says so. */
export function expiredPage(site: Site): Item[] {
  return membershipEnds(site).length === 0 ? [] : [["error_page", 500, internalPaths.notEnough]];
}

/** Where that leads. To stand before each {@link ruleConstant}: Nginx would log each request that has none. */
export function expiredLocations(site: Site): Item[] {
  if (membershipEnds(site).length === 0) return [];
  return [
    block(
      ["location", "=", internalPaths.notEnough],
      [
        ...internal,
        ["auth_request_set", expr(ruleVariable), ""],
        ["error_page", 403, internalPaths.expired],
        ["error_page", 500, `${internalPaths.pages}unavailable.html`],
        ifNotLike(expiredVariable(site), "^$", ["return", 403]),
        ["return", 500],
      ],
    ),
    ownPage(site, internalPaths.expired, "expired.html"),
  ];
}
