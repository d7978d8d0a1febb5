/** The three ways to write a location, each of which says who may reach it. */
import { acmeFolder, acmePath, signInPaths } from "../../site/names.ts";
import type { Site } from "../../site/site.ts";
import { type Arg, block, type Directive, expr, type Item } from "../../nginx/print.ts";

/** Where only Nginx itself goes, below the paths of the site's sign-in. */
export function internalPaths(site: Pick<Site, "proxyPrefix">) {
  const { internal } = signInPaths(site);
  return {
    auth: `${internal}auth`,
    signIn: `${internal}sign-in`,
    /** Where Nginx asks whether the store of sessions is there. */
    store: `${internal}store`,
    begin: `${internal}begin`,
    notSaved: `${internal}not-saved`,
    forbidden: `${internal}forbidden`,
    badRequest: `${internal}bad-request`,
    tooMany: `${internal}too-many`,
    unavailable: `${internal}unavailable`,
    maintenance: `${internal}maintenance`,
  };
}

/** Where Nginx asks about the rule of this number, 1 for the first. */
export function authPathOf(site: Pick<Site, "proxyPrefix">, rule: number): string {
  return `${internalPaths(site).auth}/${rule}`;
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

/** One of those that Nginx goes to only while the site's store of sessions answers; else its error page is what comes. */
export function internalLocationWithStore(
  site: Pick<Site, "proxyPrefix" | "sessionStore">,
  match: Match,
  holds: readonly Item[],
): Directive {
  if (site.sessionStore !== "redis") return internalLocation(match, holds);
  return block(
    ["location", ...match],
    [
      ["internal"],
      ["auth_request", internalPaths(site).store],
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
