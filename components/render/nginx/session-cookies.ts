/** How a site's session cookies reach the browser. */
import { cookieName, identifier } from "../../site/names.ts";
import { seconds, type Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, type Item } from "./nginx-conf.ts";

/**
 * Parts into which oauth2-proxy may split a session cookie of up to 40 kB; "" is the whole one. Of 200 groups, the most
 * that Entra names, it makes 7 with a token for Graph, and up to 10 with one that names the groups again.
 */
const cookieParts = ["", ...Array.from({ length: 10 }, (_, index) => `_${index}`)];

/** How a site's session cookies reach the browser. */
interface SessionCookies {
  readonly maps: readonly Item[];
  /** Takes them from oauth2-proxy's answer to the subrequest. */
  readonly fromAnswer: readonly Directive[];
  /** Adds those of a renewed session to an answer. */
  readonly renewed: readonly Directive[];
  /** Takes what an older session left from the answer that brings a new one. */
  readonly leftovers: readonly Directive[];
  /** Takes back a session that has just been refused. */
  readonly voided: readonly Directive[];
}

const cookieAttributes = "Path=/; HttpOnly; Secure; SameSite=Lax";

export function sessionCookies(site: Site): SessionCookies {
  const none: SessionCookies = { maps: [], fromAnswer: [], renewed: [], leftovers: [], voided: [] };
  switch (site.sessionStore) {
    case "cookie":
      return cookiesInParts(site);
    case "minimal":
      // Never renewed, but with many groups in parts: an old one must not outlive the sign-in that follows.
      return {
        ...none,
        voided: cookieParts.map((part) => [
          "add_header",
          "Set-Cookie",
          `${cookieName(site)}${part}=; Max-Age=0; ${cookieAttributes}`,
          "always",
        ]),
      };
    case "redis":
      // One short cookie, which travels as it is.
      return {
        ...none,
        fromAnswer: [["auth_request_set", expr("$oauth2_set_cookie"), expr("$upstream_http_set_cookie")]],
        renewed: [["add_header", "Set-Cookie", expr("$oauth2_set_cookie"), "always"]],
      };
  }
}

/**
 * oauth2-proxy renews a session by Set-Cookie headers on its answer to the subrequest. Nginx (since 1.23) joins
 * several of them with a comma, which no browser reads, so each part travels in a variable of its own.
 *
 * oauth2-proxy never takes back the parts of an older session: a whole cookie wins over newer parts, and a part too
 * many spoils what is joined from them. So every answer that brings a session names all parts, those that it does
 * not have as expired; also those that the request did not carry, since a parallel one may just have brought them.
 */
function cookiesInParts(site: Site): SessionCookies {
  const name = cookieName(site);
  const id = identifier(site.domain);
  const parts = cookieParts.map((part) => ({
    cookie: `${name}${part}`,
    answer: `$upstream_cookie_${name}${part}`,
    value: `$oauth2_cookie${part}`,
    setCookie: `$oauth2_set_cookie${part}_${id}`,
    leftover: `$oauth2_leftover${part}_${id}`,
    expired: `${name}${part}=; Max-Age=0; ${cookieAttributes}`,
  }));
  const renewed = `$oauth2_renewed_${id}`;
  const signedIn = `$oauth2_signed_in_${id}`;
  const toBrowser = (variables: readonly string[]) =>
    variables.map((variable): Directive => ["add_header", "Set-Cookie", expr(variable), "always"]);
  return {
    maps: [
      comment("A renewed session: what the answer to the subrequest sets goes to the browser."),
      anyOf(["$oauth2_cookie", "$oauth2_cookie_0"], renewed),
      ...parts.map(({ value, setCookie, cookie, expired }) =>
        block(
          ["map", expr(`${renewed}:${value}`), expr(setCookie)],
          [
            [":", ""],
            ["1:", expired],
            [
              "default",
              expr(`${cookie}=${value}; Max-Age=${seconds(site.cookieExpire)}; ${cookieAttributes}`),
            ],
          ],
        ),
      ),
      comment("A new session: its cookies reach the browser by themselves, and what an older one left goes."),
      anyOf([`$upstream_cookie_${name}`, `$upstream_cookie_${name}_0`], signedIn),
      ...parts.map(({ answer, leftover, expired }) =>
        block(
          ["map", expr(`${signedIn}:${answer}`), expr(leftover)],
          [
            ["1:", expired],
            ["default", ""],
          ],
        ),
      ),
    ],
    fromAnswer: parts.map(({ answer, value }): Directive => ["auth_request_set", expr(value), expr(answer)]),
    renewed: toBrowser(parts.map(({ setCookie }) => setCookie)),
    leftovers: toBrowser(parts.map(({ leftover }) => leftover)),
    voided: [],
  };
}

/** Sets `variable` to 1 where one of `values` is not empty. */
function anyOf(values: readonly string[], variable: string): Directive {
  return block(
    ["map", expr(values.join("")), expr(variable)],
    [
      [expr(""), ""],
      ["default", 1],
    ],
  );
}
