/** The session store: the browser's cookies, or a Redis that all hosts share. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A Redis or Valkey for sessions; its password, if it has one, is pushed with the site's secrets. */
export interface RedisSettings {
  /** Its IP address or host name, as seen from the proxy hosts. */
  host: string;
  /** Its TCP port. @default `6379` */
  port?: number;
  /** Whether it is reached over TLS, with a certificate that the hosts trust. @default `true` */
  tls?: boolean;
  /** Its ACL user. @default Redis' own default user */
  username?: string;
  /** Number of its database. @default `0` */
  database?: number;
}

/** The kinds of session stores. */
const sessionStores = ["cookie", "minimal", "redis"] as const;

/** Where sessions are stored; see `SiteSettings.sessionStore`. */
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

/** A validated {@link RedisSettings}. */
export type Redis = checks.Checked<typeof redisSchema>;

/** The default lifetimes of a site's sessions. */
export function sessionDefaults(store: SessionStore) {
  // A minimal session cannot be renewed: people who are blocked in Entra stay signed in until it expires.
  return store === "minimal"
    ? { cookieExpire: "8h", cookieRefresh: undefined }
    : { cookieExpire: "168h", cookieRefresh: "50m" };
}
