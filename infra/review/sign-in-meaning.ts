/** What a change of a site's sign-in, its sessions and its security headers means. */
import { isSameSite } from "../../components/site/browser-cookies.ts";
import type { Site } from "../../components/site/site.ts";
import { authorization, type Entries, longer, plain, says, without } from "./statements.ts";

const headersInWords: Record<string, string> = {
  user: "the user's UPN (X-Auth-Request-User)",
  email: "the e-mail address (X-Auth-Request-Email)",
  preferredUsername: "the preferred user name (X-Auth-Request-Preferred-Username)",
  groups: "the groups (X-Auth-Request-Groups)",
  roles: "the roles (X-Auth-Request-Roles)",
  accessToken: "the ACCESS TOKEN, with which it can act as the user (X-Auth-Request-Access-Token)",
  idToken: "the ID TOKEN (Authorization: Bearer)",
};

export const signInMeaning = {
  metricsPort: (before, after) => [plain(`its metrics are on loopback port ${after}; was ${before}`)],
  identityHeaders: (before, after) => [
    ...without(after, before).map((it) => says("weakens", `the backend gets ${headersInWords[it] ?? it}`)),
    ...without(before, after).map((it) => plain(`the backend no longer gets ${headersInWords[it] ?? it}`)),
  ],
  passAuthorization: (_, after) => [authorization(after, "")],
  cookieExpire: (before, after) => [
    longer(before, after, `a session lasts ${after} without a request; was ${before}`),
  ],
  cookieRefresh: (before, after) => {
    const blocked = "people who are blocked there stay signed in for that long";
    if (after === undefined)
      return [says("weakens", `a session is never checked with Entra again; was every ${before ?? ""}`)];
    if (before === undefined) return [plain(`a session is checked with Entra every ${after}; was never`)];
    const text = `a session is checked with Entra every ${after}; was ${before} (${blocked})`;
    return [longer(before, after, text)];
  },
  conditionalAccess: (before, after) => {
    const was = JSON.stringify(before);
    if (after === undefined)
      return [says("weakens", `Entra's conditional access policy of the site is removed: ${was}`)];
    if (before === undefined)
      return [plain(`Entra applies a conditional access policy to the site: ${JSON.stringify(after)}`)];
    return [says("weakens", `another conditional access policy: ${JSON.stringify(after)}; was ${was}`)];
  },
  accessTokenScope: (before, after) => [
    says(
      after === undefined ? "plain" : "weakens",
      `the access token is for ${after ?? "Microsoft Graph"}; was ${before ?? "Microsoft Graph"}`,
    ),
  ],
  proxyPrefix: (before, after, whole) => {
    const { formerProxyPrefixes: former } = whole.after;
    return [
      plain(
        `the sign-in is below ${after}/; was below ${before}/, which now belongs to the backend. Its registration gets another redirect URI first; sessions stay valid, and ${former.includes(before) ? "sign-ins in progress reach their page" : "sign-ins in progress have to be started again"}`,
      ),
      ...(former.includes(before)
        ? []
        : [
            plain(
              `a host cannot sign anybody in before it has the change, or after a rollback: without ${before} in formerProxyPrefixes, its registration no longer has the old address`,
            ),
          ]),
    ];
  },
  formerProxyPrefixes: (before, after) => [
    ...without(after, before).map((it) => plain(`its registration also has the addresses below ${it}/`)),
    ...without(before, after).map((it) => plain(`its registration no longer has the addresses below ${it}/`)),
  ],
  sessionStore: (before, after) => [
    says(
      "signs out",
      `sessions are stored elsewhere (${after}; was ${before}), so everybody has to sign in again`,
    ),
  ],
  redis: (before, after) => {
    const where = (it: Site["redis"]) =>
      it === undefined ? "none" : `${it.tls ? "rediss" : "redis"}://${it.host}:${it.port}/${it.database}`;
    return [
      plain(`the Redis of its sessions is ${where(after)}; was ${where(before)}`),
      ...(after !== undefined && !after.tls && before?.tls !== false
        ? [says("weakens", "the connection to that Redis is not encrypted")]
        : []),
      ...(before !== undefined && after !== undefined && where(before) !== where(after)
        ? [says("signs out", "sessions of the old Redis are not migrated, so everybody has to sign in again")]
        : []),
    ];
  },
  authCache: (before, after) => {
    if (after === undefined) return [plain("oauth2-proxy checks every request again")];
    const text = `people who are signed out, blocked or refused stay in for up to ${after}; was ${before ?? "not at all"}`;
    return [before === undefined ? says("weakens", text) : longer(before, after, text)];
  },
  signInRate: (before, after) => [
    says(
      perMinute(after) > perMinute(before) ? "weakens" : "plain",
      `one address may start ${after === "off" ? "any number of sign-ins" : `${after} of sign-ins`}; was ${before}`,
    ),
  ],
  maintenance: (before, after) => {
    if (after === undefined) return [says("opens", "the site is open again: maintenance is over")];
    return [
      before === undefined
        ? says("closes", `EVERYBODY gets a page with status 503 instead of the site: ${after}`)
        : plain(`the maintenance page says: ${after}`),
    ];
  },
  contact: (_, after) => [plain(`pages refer people with questions to ${after}`)],
  securityHeaders: (before, after, { after: { domain } }) => [
    ...without(after.frameAncestors, before.frameAncestors).map((it) =>
      says(
        "weakens",
        `${it === "*" ? "anybody" : it} may embed the site in a frame${it === "self" || it === "*" || isSameSite(it, domain) ? "" : "; to browsers it is another site, so they send no session: the frame shows only what is open"}`,
      ),
    ),
    ...without(before.frameAncestors, after.frameAncestors).map((it) =>
      plain(`${it === "*" ? "not everybody" : `${it} no longer`} may embed the site in a frame`),
    ),
    ...(before.referrerPolicy === after.referrerPolicy
      ? []
      : [plain(`other sites get referrers by ${after.referrerPolicy}; was ${before.referrerPolicy}`)]),
    ...(before.contentTypeOptions === after.contentTypeOptions
      ? []
      : [
          after.contentTypeOptions
            ? plain("browsers must not guess content types")
            : says("weakens", "browsers may guess content types"),
        ]),
    ...(before.permissionsPolicy === after.permissionsPolicy
      ? []
      : [plain(`browser features: ${after.permissionsPolicy ?? "not restricted"}`)]),
  ],
} satisfies Partial<Entries<Site>>;

function perMinute(rate: string): number {
  if (rate === "off") return Number.POSITIVE_INFINITY;
  return Number.parseInt(rate, 10) * (rate.endsWith("s") ? 60 : 1);
}
