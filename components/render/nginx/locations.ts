/** The three ways to write a location, each of which says who may reach it. */
import { acmeFolder, acmePath } from "../../site/names.ts";
import { type Arg, block, type Directive, expr, type Item } from "./nginx-conf.ts";

export const authLocation = "/oauth2/-/auth";

export const signInLocation = "/oauth2/-/sign-in";

/** Where Nginx asks whether the store of sessions is there. */
export const storeLocation = "/oauth2/-/store";

export const beginLocation = "/oauth2/-/begin";

export const forbiddenLocation = "/oauth2/-/forbidden";

export const badRequestLocation = "/oauth2/-/bad-request";

export const tooManyLocation = "/oauth2/-/too-many";

export const unavailableLocation = "/oauth2/-/unavailable";

export const maintenanceLocation = "/oauth2/-/maintenance";

/** Where Nginx asks about the rule of this number, 1 for the first. */
export function authLocationOf(rule: number): string {
  return `${authLocation}/${rule}`;
}

type Match = readonly Arg[];

/** A location that only signed-in people reach: it keeps the server's `auth_request`. */
export function protectedLocation(match: Match, holds: readonly Item[]): Directive {
  return block(["location", ...match], holds);
}

/** A location that anybody may reach. */
export function openLocation(match: Match, holds: readonly Item[]): Directive {
  return block(["location", ...match], [["auth_request", "off"], ...holds]);
}

/** A location that no client can ask for; Nginx itself goes there. */
export function internalLocation(match: Match, holds: readonly Item[]): Directive {
  return block(["location", ...match], [["internal"], ["auth_request", "off"], ...holds]);
}

/** One of those that Nginx goes to only while the store of sessions answers; else its error page is what comes. */
export function internalLocationWithStore(match: Match, holds: readonly Item[]): Directive {
  return block(
    ["location", ...match],
    [
      ["internal"],
      ["auth_request", storeLocation],
      // The server's own are about whether somebody may enter.
      ["auth_request_set", expr("$oauth2_store"), expr("$upstream_status")],
      ...holds,
    ],
  );
}

export function acmeChallenge(): Directive {
  return openLocation(
    ["^~", acmePath],
    [
      ["default_type", "text/plain"],
      ["root", acmeFolder],
    ],
  );
}
