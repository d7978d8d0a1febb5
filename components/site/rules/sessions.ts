/** Rules over sessions: where they live, and for how long. */
import { seconds } from "../checks.ts";
import { sessionDefaults } from "../session-store.ts";
import { siteRule } from "./rule.ts";

export const sessionRules = [
  siteRule(["sessionStore", "cookieName"], ({ sessionStore, cookieName }) =>
    sessionStore === "cookie" && cookieName?.startsWith("__Host-") === true
      ? [
          `cookieName cannot begin with "__Host-" with sessionStore cookie, whose parts Nginx could not tell apart; got "${cookieName}"`,
        ]
      : [],
  ),
  siteRule(["sessionStore", "redis"], ({ sessionStore, redis }) => {
    if ((sessionStore === "redis") === (redis !== undefined)) return [];
    return [
      redis === undefined
        ? "sessionStore redis needs to know where it is; give redis, at least its host"
        : `redis is not used with sessionStore "${sessionStore}"; give sessionStore: redis`,
    ];
  }),
  siteRule(["sessionStore", "cookieRefresh"], ({ sessionStore, cookieRefresh }) =>
    sessionStore === "minimal" && cookieRefresh !== undefined
      ? [
          "cookieRefresh cannot be kept with sessionStore minimal, which holds nothing to renew a session with",
        ]
      : [],
  ),
  siteRule(["sessionStore", "identityHeaders"], ({ sessionStore, identityHeaders = [] }) =>
    sessionStore === "minimal"
      ? (["accessToken", "idToken"] as const)
          .filter((it) => identityHeaders.includes(it))
          .map((it) => `identityHeaders cannot tell ${it} with sessionStore minimal, which holds no tokens`)
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
            `conditionalAccess.signInFrequencyHours ${hours} is not kept by a session that is never renewed; set cookieExpire to "${hours}h" or less`,
          ]
        : [];
    },
  ),
];
