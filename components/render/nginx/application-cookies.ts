/** Which of a request's cookies reach the application: all but those of the site's own sign-in. */
import { cookiePrefix } from "../../site/names.ts";
import { block, comment, type Directive, expr, type Item } from "../../nginx/print.ts";

/** The name of the site's session cookie without `__Host-`; a constant of each site's server. */
export const sessionCookieVariable = "$protected_sites_session_cookie";

/**
 * How often cookies of the sign-in and of others may take turns. oauth2-proxy sets at most 11 for a session and 6 for
 * sign-ins; of a request in which somebody has planted more, the application gets the cookies before the one too many.
 */
const turns = 32;

/**
 * `$protected_sites_cookie`: the request's cookies without those of its site's sign-in, so that no application can
 * replay a session. One table for all sites of a host: the expression finds the name of the session cookie before the
 * cookies, and takes out what has it, as far as oauth2-proxy names cookies after it
 * (https://github.com/oauth2-proxy/oauth2-proxy/blob/v7.15.3/pkg/cookies/csrf.go and pkg/sessions/cookie).
 */
export function applicationCookies(): Item[] {
  const named = "(?:__Host-)?\\1(?:_[0-9]+|(?:_[A-Za-z0-9_-]{8})?_csrf)?";
  return [
    comment("The cookies for the backend: all except the site's session cookies."),
    block(
      ["map", expr(`${sessionCookieVariable}|$http_cookie`), expr("$protected_sites_cookie")],
      [
        ["default", ""],
        withoutFew(named),
        without("([^|]+)", named),
        // A site's file from before its server named the cookie: none of anybody's sign-in.
        without("()", `(?:__Host-)?${cookiePrefix}[^=;]*`),
      ],
    ),
  ];
}

/** A cookie of the sign-in, up to its value. @param named what the names of these cookies are */
const ownCookie = (named: string) => `[ \\t]*+${named}[ \\t]*+=`;

/*
 * Runs of cookies; `own` is what begins one of the sign-in's. Leading ones of the sign-in go with the separator after
 * them, all others with the one before. Every quantifier is possessive: nothing is tried twice, however long the header.
 */
const leadingOwn = (own: string) => `(?:(?=${own})[^;]*+(?:; *+|$))*+`;
const furtherOwn = (own: string) => `(?:;(?=${own})[^;]*+)*+`;
const furtherOthers = (own: string) => `(?:;(?!${own})[^;]*+)*+`;

/** Variables that hold what the application gets. */
const kept = Array.from({ length: turns }, (_, turn) => `protected_sites_cookies_${turn}`);

/**
 * What {@link without} does, for a header in which cookies of the sign-in stand at its beginning and in one other place
 * at most, as browsers send them. Two variables instead of {@link turns} make it a third cheaper.
 */
function withoutFew(named: string): Directive {
  const own = ownCookie(named);
  const [before = "", after = ""] = kept;
  const others = furtherOthers(own);
  return [
    expr(
      `~^([^|]+)\\|${leadingOwn(own)}(?<${before}>[^;]*+${others})${furtherOwn(own)}(?<${after}>${others})$`,
    ),
    expr(`$${before}$${after}`),
  ];
}

/**
 * @param site the pattern of the part before the "|", as group 1
 * @param named what the names of the sign-in's cookies are
 */
function without(site: string, named: string): Directive {
  const [own, ownCookies, others] = ["(?2)", "(?3)", "(?4)"];
  const groups = [ownCookie(named), furtherOwn(own), furtherOthers(own)].map((it) => `(${it})`);
  const [first = "", ...later] = kept;
  const taken = later.reduceRight((rest, name) => `(?:(?=;)(?<${name}>${others})${ownCookies}${rest})?+`, "");
  return [
    expr(
      `~^${site}\\|(?(DEFINE)${groups.join("")})${leadingOwn(own)}(?<${first}>[^;]*+${others})${ownCookies}${taken}`,
    ),
    expr(kept.map((name) => `$${name}`).join("")),
  ];
}
