/** How a site's session cookies reach the browser. */
import { cookieName, identifier, sharedCookieName } from "../../site/names.ts";
import { seconds } from "../../site/checks.ts";
import type { Site } from "../../site/site.ts";
import { sessionCookieVariable } from "./application-cookies.ts";
import { authStatus } from "./identity-headers.ts";
import { block, comment, type Directive, expr, type Item } from "../../nginx/print.ts";

/**
 * Parts into which oauth2-proxy may split a session cookie of up to 40 kB; "" is the whole one. Of 200 groups, the most
 * that Entra names, it makes 7 with a token for Graph, and up to 10 with one that names the groups again.
 */
const cookieParts = ["", ...Array.from({ length: 10 }, (_, index) => `_${index}`)];

const cookieAttributes = "Path=/; HttpOnly; Secure; SameSite=Lax";
const cookieAttributesInFrames = cookieAttributes.replace("Lax", "None");

/** What the shared maps read of a site: of its server, and of oauth2-proxy's answer to the subrequest. */
const maxAge = "$protected_sites_cookie_expire";
const wholeSetCookie = "$oauth2_set_cookie";
const value = (part: string) => `$oauth2_cookie${part}`;

/** What they define: the Set-Cookie header of each part, and of a store whose cookie has no parts. */
const setCookie = (part: string) => `$protected_sites_set_cookie${part === "" ? "_whole" : part}`;
const setCookieAsItCame = "$protected_sites_set_cookie";

/** Variables that a map of this file reads, and that are unknown to Nginx on a host without sites. */
export const variablesOfSites: readonly string[] = [
  sessionCookieVariable,
  maxAge,
  authStatus,
  wholeSetCookie,
  ...cookieParts.map(value),
];

/** Constants of a site's server. */
export function cookieConstants(site: Site): Directive[] {
  const name = cookieName(site);
  return [
    ["set", expr(sessionCookieVariable), name.replace(/^__Host-/, "")],
    ...(site.sessionStore === "cookie" ? [["set", expr(maxAge), seconds(site.cookieExpire)] as const] : []),
    ...(site.sessionStore === "minimal" ? [["set", expr(voidedCookie), name] as const] : []),
  ];
}

/** Takes the session cookies from oauth2-proxy's answer to the subrequest, and adds those of a renewed session to an answer. */
export function renewedCookies(site: Pick<Site, "domain" | "sessionStore" | "cookieName">): Directive[] {
  switch (site.sessionStore) {
    case "cookie":
      return [
        ...cookieParts.map((part): Directive => [
          "auth_request_set",
          expr(value(part)),
          expr(`$upstream_cookie_${cookieName(site)}${part}`),
        ]),
        ...cookieParts.map((part) => toBrowser(setCookie(part))),
      ];
    case "minimal":
      return [];
    case "redis":
      // One short cookie, which travels as it is.
      return [
        ["auth_request_set", expr(wholeSetCookie), expr("$upstream_http_set_cookie")],
        toBrowser(setCookieAsItCame),
      ];
  }
}

const voidedCookie = "$protected_sites_voided_cookie";

/**
 * Takes back a session that has just been refused. With the minimal store it is never renewed, but with many groups in
 * parts: an old one must not outlive the sign-in that follows.
 */
export function voidedCookies({ sessionStore }: Pick<Site, "sessionStore">): Directive[] {
  if (sessionStore !== "minimal") return [];
  return cookieParts.map((part) =>
    toBrowser(`\${${voidedCookie.slice(1)}}${part}=; Max-Age=0; ${cookieAttributes}`),
  );
}

/**
 * Deletes the session's cookies in a frame of another site's page, to which a browser sends none of them: one that takes
 * cookies there at all takes what says `SameSite=None`, also in place of one that says `Lax`.
 */
export function deletedInFrame(site: Pick<Site, "domain" | "sessionStore" | "cookieName">): Directive[] {
  const prefix = cookieName(site).startsWith("__Host-") ? "__Host-" : "";
  return (site.sessionStore === "redis" ? [""] : cookieParts).map((part) =>
    toBrowser(`${prefix}${cookie(part)}=; Max-Age=0; ${cookieAttributesInFrames}`),
  );
}

function toBrowser(cookie: string): Directive {
  return ["add_header", "Set-Cookie", expr(cookie), "always"];
}

/**
 * For all sites of a host: what the answer to the subrequest sets goes to the browser, if that answer lets the user in.
 * oauth2-proxy takes the cookie back also where only its store, or Entra, cannot be reached for a moment.
 *
 * oauth2-proxy renews a session by Set-Cookie headers on its answer to the subrequest. Nginx (since 1.23) joins
 * several of them with a comma, which no browser reads, so each part travels in a variable of its own. For the parts
 * that the answer does not have, see {@link leftoverCookies}.
 */
export function renewedSessions(): Item[] {
  const renewed = "$protected_sites_renewed";
  const letIn = "202";
  return [
    comment("A renewed session: passes the cookies of a response that allows access to the browser."),
    block(
      ["map", expr(`${authStatus}:${value("")}${value("_0")}`), expr(renewed)],
      [
        ["default", ""],
        // Nothing is renewed: what Nginx finds literally costs no expression.
        [`${letIn}:`, ""],
        // After a retry, the statuses of both responses, as in "502 : 202".
        [expr(`~${letIn}:.`), 1],
      ],
    ),
    ...cookieParts.map((part) =>
      block(
        ["map", expr(`${renewed}:${value(part)}`), expr(setCookie(part))],
        [
          ["default", ""],
          [":", ""],
          ["1:", expr(`${cookie(part)}=; Max-Age=0; ${cookieAttributes}`)],
          [expr("~^1:"), expr(`${cookie(part)}=${value(part)}; Max-Age=${maxAge}; ${cookieAttributes}`)],
        ],
      ),
    ),
    block(
      ["map", expr(`${authStatus}:${wholeSetCookie}`), expr(setCookieAsItCame)],
      [
        ["default", ""],
        [`${letIn}:`, ""],
        [expr(`~${letIn}:(?<protected_sites_renewed_cookie>.+)$`), expr("$protected_sites_renewed_cookie")],
      ],
    ),
  ];
}

/** The name of a part, of whichever site. */
function cookie(part: string): string {
  return `\${${sessionCookieVariable.slice(1)}}${part}`;
}

/**
 * oauth2-proxy never deletes the cookie parts of an older session: a whole cookie takes precedence over newer parts, and
 * one part too many corrupts the session that they are joined to. So every response with a new session sets all parts,
 * those that it does not have as expired; also those that the request did not send, since the response to a parallel
 * request may just have set them.
 *
 * This is for the response to a sign-in, whose own cookies reach the browser without our help.
 */
export function leftoverCookies(site: Pick<Site, "domain" | "sessionStore" | "cookieName">): Directive[] {
  if (site.sessionStore !== "cookie") return [];
  // The first one has the expression evaluated, which sets the others.
  return cookieParts.map((part) => toBrowser(part === "" ? leftoversOf(site) : `$${leftover(part)}`));
}

const leftover = (part: string) => `protected_sites_leftover${part}`;

/** Names hold the site only where its cookie has a name of its own. */
function leftoversOf(site: Pick<Site, "domain" | "sessionStore" | "cookieName">): string {
  const usual = "$protected_sites_leftovers";
  return cookieName(site) === sharedCookieName ? usual : `${usual}_${identifier(site.domain)}`;
}

/** At the top of the file of a site whose session cookie has its own name. */
export function ownLeftoversMap(site: Site): Item[] {
  const hasOwn = site.sessionStore === "cookie" && cookieName(site) !== sharedCookieName;
  return hasOwn ? leftoversMap(site) : [];
}

/** For all sites of a host. */
export function sharedLeftoversMap(): Item[] {
  return leftoversMap({ domain: "", sessionStore: "cookie", cookieName: sharedCookieName });
}

/**
 * One map for all parts, since each map costs Nginx a table: its source contains, for each part, the response's cookie
 * and the header that deletes it, and the expression captures the header where there is no cookie before it.
 */
function leftoversMap(site: Pick<Site, "domain" | "sessionStore" | "cookieName">): Item[] {
  const source = cookieParts
    .map(
      (part) =>
        `$upstream_cookie_${cookieName(site)}${part} ${cookie(part)}=; Max-Age=0; ${cookieAttributes},`,
    )
    .join("");
  const captures = cookieParts.map((part) => `(?:[^ ]+ [^,]*| (?<${leftover(part)}>[^,]*)),`);
  return [
    comment("A new session: deletes the cookies that are left of an older one."),
    block(
      ["map", expr(source), expr(leftoversOf(site))],
      [
        ["default", ""],
        [expr(`~^(?=[^ ]| [^,]*,[^ ])${captures.join("")}$`), expr(`$${leftover("")}`)],
      ],
    ),
  ];
}
