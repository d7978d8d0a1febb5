/** Where sessions live: in the browser's cookies, or in a Redis that all hosts share. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A Redis or Valkey for sessions; its password, where it has one, travels with the site's secrets. */
export interface RedisSettings {
  /** Its IP address or host name, as seen from the proxy hosts. */
  host: string;
  /** Its TCP port. @default `6379` */
  port?: number;
  /** Whether it is reached over TLS, with a certificate that the hosts trust. @default `true` */
  tls?: boolean;
  /** The user of its access control list. @default Redis' own default user */
  username?: string;
  /** Number of its database. @default `0` */
  database?: number;
}

/** A checked {@link RedisSettings}. */
export interface Redis {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username?: string | undefined;
  readonly database: number;
}

/** The kinds of session stores. */
const sessionStores = ["cookie", "minimal", "redis"] as const;

/** Where sessions live; see `SiteSettings.sessionStore`. */
export type SessionStore = (typeof sessionStores)[number];

/** The shape of a session store's name. */
export const sessionStoreSchema = z.enum(sessionStores, {
  error: checks.expected(`one of ${sessionStores.join(", ")}`),
});

/** The shape of {@link RedisSettings}. */
export const redisSchema = z.strictObject(
  {
    host: checks.address,
    port: checks.wholeNumber(1, 65535).default(6379),
    tls: checks.flag.default(true),
    username: checks.userName.optional(),
    database: checks.wholeNumber(0, 1023).default(0),
  },
  { error: checks.expected("a Redis (host, port, tls, username, database)") },
);

/** Times that a site has where it gives none. */
export function sessionDefaults(store: SessionStore) {
  // A minimal session cannot be renewed: whoever is blocked in Entra stays until it ends.
  return store === "minimal"
    ? { cookieExpire: "8h", cookieRefresh: undefined }
    : { cookieExpire: "168h", cookieRefresh: "50m" };
}

/** Rules that need more than one setting of the site. Takes what is there, also where other settings are wrong. */
export function sessionContradictions(args: {
  readonly sessionStore?: unknown;
  readonly redis?: unknown;
  readonly cookieRefresh?: unknown;
  readonly identityHeaders?: unknown;
  readonly cookieName?: unknown;
}): string[] {
  const found: string[] = [];
  const { sessionStore = "cookie", redis, cookieRefresh, cookieName } = args;
  if (sessionStore === "cookie" && typeof cookieName === "string" && cookieName.startsWith("__Host-"))
    found.push(
      `cookieName cannot begin with "__Host-" with sessionStore cookie, whose parts Nginx could not tell apart; got "${cookieName}"`,
    );
  if (sessionStore === "redis" && redis === undefined)
    found.push("sessionStore redis needs to know where it is; give redis, at least its host");
  if (sessionStore !== "redis" && redis !== undefined)
    found.push(
      `redis is not used with sessionStore ${JSON.stringify(sessionStore)}; give sessionStore: redis`,
    );
  if (sessionStore === "minimal") {
    if (cookieRefresh !== undefined)
      found.push(
        "cookieRefresh cannot be kept with sessionStore minimal, which holds nothing to renew a session with",
      );
    const told: unknown[] = Array.isArray(args.identityHeaders) ? args.identityHeaders : [];
    for (const token of ["accessToken", "idToken"]) {
      if (told.includes(token))
        found.push(`identityHeaders cannot tell ${token} with sessionStore minimal, which holds no tokens`);
    }
  }
  return found;
}
