/** The ways to write a location, each of which says who may reach it. */
import { acmeFolder, acmePath, internalPath, pagesPath } from "../../site/names.ts";
import { type Arg, block, type Directive, expr, type Item } from "../../nginx/print.ts";

/** Where only Nginx itself goes. */
export const internalPaths = {
  auth: `${internalPath}auth`,
  signIn: `${internalPath}sign-in`,
  /** Checks whether the session store is reachable. */
  store: `${internalPath}store`,
  /** Pages for requests without a session. */
  begin: `${internalPath}begin/`,
  /** Pages that anybody may meet. */
  pages: pagesPath,
  forbidden: `${internalPath}forbidden`,
  maintenance: `${internalPath}maintenance`,
  expired: `${internalPath}expired`,
  notEnough: `${internalPath}not-enough`,
} as const;

/** The subrequest for the rule with this number, 1 for the first. */
export function authPathOf(rule: number): string {
  return `${internalPaths.auth}/${rule}`;
}

type Match = readonly Arg[];

/** A location that only signed-in people reach: it keeps the server's `auth_request`. */
export function protectedLocation(match: Match, body: readonly Item[]): Directive {
  return block(["location", ...match], body);
}

/** A location that anybody may reach. */
export function openLocation(match: Match, body: readonly Item[]): Directive {
  return block(["location", ...match], [["auth_request", "off"], ...body]);
}

/** A location within an open one, and open as that is. */
export function withinOpenLocation(match: Match, body: readonly Item[]): Directive {
  return block(["location", ...match], body);
}

/** The first directives of a location that clients cannot request; Nginx redirects to it internally. */
export const internal: readonly Directive[] = [["internal"], ["auth_request", "off"]];

/** The same for one to which Nginx goes only while the site's store of sessions answers; else its error page is what comes. */
export const internalWithStore: readonly Directive[] = [
  ["internal"],
  ["auth_request", internalPaths.store],
  // The server's own are about whether somebody may enter.
  ["auth_request_set", expr("$oauth2_store"), expr("$upstream_status")],
];

export function acmeChallenge(): Directive {
  return openLocation(
    ["^~", acmePath],
    [
      ["default_type", "text/plain"],
      ["root", acmeFolder],
    ],
  );
}
