import { describe, expect, test } from "vitest";

import { cookieName } from "../../../components/site/names.ts";
import { oauth2ProxyConfig } from "../../../components/render/oauth2-proxy.ts";
import { site, tenantId } from "../../sites.ts";

const redis = { host: "redis.example.com" };

test("a minimal session is never renewed, and by default ends after a working day", () => {
  const minimal = site({ sessionStore: "minimal" });
  expect(minimal).toMatchObject({ cookieExpire: "8h", cookieRefresh: undefined });
  expect(oauth2ProxyConfig(minimal, tenantId)).toContain('cookie_refresh = "0s"\nc');
});

test("unsplit cookies have the prefix __Host-", () => {
  expect(cookieName(site({ sessionStore: "redis", redis }))).toBe("__Host-_oauth2_proxy_wiki_example_com");
  expect(cookieName(site({ sessionStore: "minimal" }))).toMatch(/^__Host-/);
  expect(cookieName(site())).toBe("_oauth2_proxy_site");
});

test.each([
  [redis, "rediss://redis.example.com:6379/0"],
  [{ host: "10.0.0.9", port: 6380, tls: false, database: 3 }, "redis://10.0.0.9:6380/3"],
  [{ host: "fd00::9" }, "rediss://[fd00::9]:6379/0"],
])("the Redis at %j is %s, without its password", (redis, url) => {
  expect(oauth2ProxyConfig(site({ sessionStore: "redis", redis }), tenantId)).toContain(
    `redis_connection_url = "${url}"`,
  );
});

describe("refused", () => {
  test.each([
    [
      "an unknown store",
      { sessionStore: "file" },
      'sessionStore must be one of cookie, minimal, redis, got "file"',
    ],
    ["Redis somewhere", { sessionStore: "redis" }, "sessionStore redis requires the setting redis"],
    [
      "a Redis for nothing",
      { redis },
      'redis is not used with sessionStore "cookie"; set sessionStore: redis',
    ],
    [
      "a minimal session that is renewed",
      { sessionStore: "minimal", cookieRefresh: "50m" },
      "cookieRefresh cannot be used with sessionStore minimal",
    ],
    [
      "a policy that asks for nothing",
      { conditionalAccess: { mfa: false } },
      "conditionalAccess requires nothing; set mfa: true or signInFrequencyHours",
    ],
    [
      "a sign-in frequency that the session does not keep",
      { sessionStore: "minimal", conditionalAccess: { signInFrequencyHours: 4 } },
      'conditionalAccess.signInFrequencyHours 4 has no effect on a session that is never renewed; set cookieExpire to "4h"',
    ],
    [
      "a token out of a minimal session",
      { sessionStore: "minimal", identityHeaders: ["accessToken"] },
      "identityHeaders cannot include accessToken with sessionStore minimal",
    ],
  ])("%s", (_, given, sentence) => {
    expect(() => site(given)).toThrow(sentence);
  });
});
