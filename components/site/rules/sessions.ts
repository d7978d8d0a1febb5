/** Rules over sessions: where they are stored, and for how long. */
import { seconds } from "../checks.ts";
import { sessionDefaults } from "../session-store.ts";
import { siteRule } from "./rule.ts";

export const sessionRules = [
  siteRule(["sessionStore", "cookieName"], ({ sessionStore, cookieName }) =>
    sessionStore === "cookie" && cookieName?.startsWith("__Host-") === true
      ? [
          `cookieName cannot begin with "__Host-" with sessionStore cookie, whose split cookies Nginx could not handle; got "${cookieName}"`,
        ]
      : [],
  ),
  siteRule(["sessionStore", "redis"], ({ sessionStore, redis }) => {
    if ((sessionStore === "redis") === (redis !== undefined)) return [];
    return [
      redis === undefined
        ? "sessionStore redis requires the setting redis, with at least its host"
        : `redis is not used with sessionStore "${sessionStore}"; set sessionStore: redis`,
    ];
  }),
  siteRule(["sessionStore", "cookieRefresh"], ({ sessionStore, cookieRefresh }) =>
    sessionStore === "minimal" && cookieRefresh !== undefined
      ? [
          "cookieRefresh cannot be used with sessionStore minimal, which stores nothing to renew a session with",
        ]
      : [],
  ),
  siteRule(["sessionStore", "identityHeaders"], ({ sessionStore, identityHeaders = [] }) =>
    sessionStore === "minimal"
      ? (["accessToken", "idToken"] as const)
          .filter((it) => identityHeaders.includes(it))
          .map(
            (it) => `identityHeaders cannot include ${it} with sessionStore minimal, which stores no tokens`,
          )
      : [],
  ),
  siteRule(["sessionStore", "cookieExpire", "cookieRefresh"], ({ sessionStore, ...given }) => {
    const defaults = sessionDefaults(sessionStore);
    const { cookieExpire = defaults.cookieExpire, cookieRefresh = defaults.cookieRefresh } = given;
    return cookieRefresh !== undefined && seconds(cookieRefresh) >= seconds(cookieExpire)
      ? [`cookieRefresh must be shorter than cookieExpire (${cookieExpire}), got "${cookieRefresh}"`]
      : [];
  }),
  siteRule(
    ["conditionalAccess", "sessionStore", "cookieExpire"],
    ({ conditionalAccess, sessionStore, cookieExpire = sessionDefaults(sessionStore).cookieExpire }) => {
      const hours = conditionalAccess?.signInFrequencyHours;
      return hours !== undefined && sessionStore === "minimal" && seconds(cookieExpire) > hours * 3600
        ? [
            `conditionalAccess.signInFrequencyHours ${hours} has no effect on a session that is never renewed; set cookieExpire to "${hours}h" or less`,
          ]
        : [];
    },
  ),
];
