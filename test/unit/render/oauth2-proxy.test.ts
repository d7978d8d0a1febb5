/** What stands behind each line of an instance's configuration that keeps somebody out. The goldens hold the text. */
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";

import { oauth2ProxyConfig } from "../../../components/render/oauth2-proxy.ts";
import type { SiteSettings } from "../../../components/site/settings.ts";
import { site, tenantId } from "../../sites.ts";

const robot = "7e57ab1e-0000-4000-8000-0000000000a1";
const config = (given: Partial<SiteSettings> = {}): Record<string, unknown> =>
  parse(oauth2ProxyConfig(site(given), tenantId));
const readers = { value: "reader", groups: ["7e57ab1e-0000-4000-8000-000000000001"] };

/** One of each kind: what one of them has and no other must be true of it, too. */
const sites: Record<string, Partial<SiteSettings>> = {
  "the usual one": {},
  "with groups": { allowedGroups: [readers.groups[0] ?? ""] },
  "with roles": { roles: [readers] },
  "with programs": { roles: [{ ...readers, applications: [robot] }] },
  "with guests": { guests: true, roles: [readers] },
  "in a Redis": { sessionStore: "redis", redis: { host: "redis.example.com" } },
  "with small cookies": { sessionStore: "minimal" },
  "whose application gets tokens": { identityHeaders: ["accessToken", "idToken"] },
};

describe.each(Object.entries(sites))("a site %s", (_, given) => {
  const settings = config({
    ...given,
    ...(given.guests === true ? ({ emailDomains: undefined } as object) : {}),
  });
  test.each<[string, string, unknown]>([
    [
      "nobody but Nginx on the host says whose a request is",
      "trusted_proxy_ips",
      ["127.0.0.1/32", "::1/128"],
    ],
    ["which it does by a header that every location overwrites", "real_client_ip_header", "X-Real-IP"],
    ["links and cookies are of the https address that the browser sees", "reverse_proxy", true],
    ["systemd hands over the socket: no address of the host's own is opened", "http_address", "fd:3"],
    ["an instance itself serves nothing behind the sign-in", "upstreams", ["static://404"]],
    ["accounts of Entra only, with its own checks", "provider", "entra-id"],
    ["an instance starts while Entra is down", "skip_oidc_discovery", true],
    ["who reads along cannot redeem a code", "code_challenge_method", "S256"],
    ["an ID token is good for one sign-in", "insecure_oidc_skip_nonce", false],
    ["who somebody is, is their UPN, which no user can choose", "oidc_email_claim", "preferred_username"],
    ["a token for another API than Graph is not refused", "skip_claims_from_profile_url", true],
    ["a session never travels in the clear", "cookie_secure", true],
    ["no script of a page reads a session", "cookie_httponly", true],
    ["no form on another site acts as the user", "cookie_samesite", "lax"],
    ["sign-ins in two tabs do not spoil each other", "cookie_csrf_per_request", true],
    ["Nginx learns who it is", "set_xauthrequest", true],
    ["no password is made up for applications", "pass_basic_auth", false],
    ["an instance names no user to an upstream", "pass_user_headers", false],
  ])("%s: %s", (__, key, value) => {
    expect(settings[key]).toEqual(value);
  });

  test("codes and tokens are of the one tenant", () => {
    const login = `https://login.microsoftonline.com/${tenantId}`;
    expect(settings).toMatchObject({
      oidc_issuer_url: `${login}/v2.0`,
      login_url: `${login}/oauth2/v2.0/authorize`,
      redeem_url: `${login}/oauth2/v2.0/token`,
      oidc_jwks_url: `${login}/discovery/v2.0/keys`,
    });
  });

  test("nobody is sent from the sign-in or the sign-out to a stranger's site", () => {
    expect(settings["redirect_url"]).toBe("https://wiki.example.com/oauth2/callback");
    expect(settings["whitelist_domains"]).toEqual(["wiki.example.com", "login.microsoftonline.com"]);
  });

  test("it names the files of the site's secrets, and contains none", () => {
    expect(settings).not.toHaveProperty("client_secret");
    expect(settings).not.toHaveProperty("cookie_secret");
    const folder = "/etc/protected-sites/credentials/wiki.example.com/current";
    expect(settings).toMatchObject({
      client_secret_file: `${folder}/client-secret`,
      cookie_secret_file: `${folder}/cookie-secret`,
    });
  });

  test("its metrics are available only on the host", () => {
    expect(settings["metrics_address"]).toBe("127.0.0.1:14181");
  });

  test("accounts of every domain are accepted only if a role or group is required as well", () => {
    const { email_domains: domains, allowed_groups: groups = [] } = settings;
    expect(domains).toEqual(given.guests === true ? ["*"] : ["example.com"]);
    if (given.guests === true) expect(groups).not.toEqual([]);
  });

  test("tokens are accepted as sessions only on sites that name applications, from those and with a role", () => {
    const named = given.roles?.some(({ applications = [] }) => applications.length > 0) === true;
    expect("skip_jwt_bearer_tokens" in settings).toBe(named);
    expect("authenticated_emails_file" in settings).toBe(named);
    if (named) expect(settings).toMatchObject({ oidc_groups_claim: "roles", allowed_groups: ["reader"] });
  });
});

test("all groups and roles of a site are asked for", () => {
  const groups = [1, 2].map((number) => `7e57ab1e-0000-4000-8000-00000000000${number}`);
  expect(config({ allowedGroups: groups })).toMatchObject({ allowed_groups: groups });
  expect(config({ roles: [readers, { ...readers, value: "editor" }] })).toMatchObject({
    oidc_groups_claim: "roles",
    allowed_groups: ["reader", "editor"],
  });
  expect(config({})).not.toHaveProperty("allowed_groups");
});

test("tokens stay in the instance unless the backend needs them", () => {
  expect(config()).toMatchObject({ set_authorization_header: false, pass_access_token: false });
  expect(config({ identityHeaders: ["idToken"] })).toMatchObject({
    set_authorization_header: true,
    pass_access_token: false,
  });
  expect(config({ identityHeaders: ["accessToken"] })).toMatchObject({
    set_authorization_header: false,
    pass_access_token: true,
  });
});

test("by default sessions are sent to a Redis over TLS, and its password is not in the file", () => {
  const url = (redis: object) =>
    config({ sessionStore: "redis", redis: { host: "redis.example.com", ...redis } })["redis_connection_url"];
  expect(url({})).toBe("rediss://redis.example.com:6379/0");
  expect(url({ tls: false, database: 2 })).toBe("redis://redis.example.com:6379/2");
});

test("a user who is blocked in Entra is out after 50 minutes, or, if sessions are not renewed, after 8 hours", () => {
  expect(config()).toMatchObject({ cookie_refresh: "50m", cookie_expire: "168h" });
  expect(config({ sessionStore: "minimal" })).toMatchObject({ cookie_refresh: "0s", cookie_expire: "8h" });
});
