/** How the emulator misbehaves on command. */

/** What a service does instead of answering; `null` for nothing. */
export type Outage = "503" | "hang" | null;

/** Everything that the control API can set. */
export interface Behaviour {
  /** Seconds until a new client secret is known everywhere; counts for those made from now on. @default 0 */
  secretDelay: number;
  /** Whether a new secret is accepted every second time until then, not never. @default false */
  secretAlternates: boolean;
  /** How many calls to Graph are still to be answered with 429. @default 0 */
  throttledCalls: number;
  /** Seconds that their Retry-After names. @default 1 */
  retryAfter: number;
  /** login.microsoftonline.com is out of order. @default null */
  loginOutage: Outage;
  /** graph.microsoft.com is out of order. @default null */
  graphOutage: Outage;
  /** Seconds that access tokens last; `null` for Entra's 60 to 90 minutes at random. @default null */
  accessTokenLifetime: number | null;
  /** Seconds by which Entra's clock is ahead; negative behind. @default 0 */
  clockSkew: number;
}

/** As Entra is on a good day. */
export const goodBehaviour: Readonly<Behaviour> = {
  secretDelay: 0,
  secretAlternates: false,
  throttledCalls: 0,
  retryAfter: 1,
  loginOutage: null,
  graphOutage: null,
  accessTokenLifetime: null,
  clockSkew: 0,
};

/** A request that came in. Without its query and body, so without secrets. */
export interface SeenRequest {
  /** RFC 3339. */
  readonly at: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  status: number;
  /** Application ID of who asked, where it says. */
  client?: string;
  grantType?: string;
  /** The AADSTS number of a refusal. */
  error?: number;
}
