/**
 * Which settings a site's `oauth2-proxy.cfg` may contain. The renderer writes no others; review and policies accept no
 * others, so that an option that nobody here knows is never passed over in silence.
 */

/** Required settings, with their values: otherwise somebody could bypass the sign-in, or choose an identity. */
export const promised = {
  http_address: "fd:3",
  reverse_proxy: true,
  // Unset, every address is trusted: CVE-2026-40575, CVE-2026-76835.
  trusted_proxy_ips: ["127.0.0.1/32", "::1/128"],
  real_client_ip_header: "X-Real-IP",
  upstreams: ["static://404"],
  provider: "entra-id",
  // With discovery, an instance cannot start while Entra is down.
  skip_oidc_discovery: true,
  code_challenge_method: "S256",
  insecure_oidc_skip_nonce: false,
  oidc_email_claim: "preferred_username",
  // Entra's endpoint for it refuses a token that is not for Graph.
  skip_claims_from_profile_url: true,
  cookie_secure: true,
  cookie_httponly: true,
  cookie_samesite: "lax",
  cookie_csrf_per_request: true,
  set_xauthrequest: true,
  pass_basic_auth: false,
  pass_user_headers: false,
} as const;

const host = "[\\w.-]+";
const duration = "(?:\\d+(?:ms|s|m|h))+";

/** Other settings that a file may contain, and a pattern for each value, or each entry of a list: all of it matches. */
const others: Readonly<Record<string, string>> = {
  metrics_address: "127\\.0\\.0\\.1:\\d+",
  request_id_header: "X-Request-Id",
  skip_provider_button: "true",
  // The review compares these with the tenant's own.
  oidc_issuer_url: `https://${host}/.+`,
  login_url: `https://${host}/.+`,
  redeem_url: `https://${host}/.+`,
  oidc_jwks_url: `https://${host}/.+`,
  redirect_url: `https://${host}/.+/callback`,
  proxy_prefix: "/[\\w.~-]+",
  client_secret_file: `/etc/protected-sites/credentials/${host}/current/client-secret`,
  scope: "openid profile email offline_access( \\S+)?",
  email_domains: `\\*|${host}`,
  oidc_groups_claim: "roles",
  allowed_groups: "[^,]+",
  // One that begins with "." is every name below it: a sign-in could then lead there.
  whitelist_domains: "\\w[\\w.-]*",
  cookie_name: "[\\w-]+",
  cookie_secret_file: `/etc/protected-sites/credentials/${host}/current/cookie-secret`,
  cookie_expire: duration,
  cookie_refresh: duration,
  cookie_csrf_per_request_limit: "\\d+",
  cookie_csrf_expire: duration,
  session_cookie_minimal: "true",
  session_store_type: "redis",
  redis_connection_url: "rediss?://[^/@]+/\\d+",
  redis_username: ".+",
  set_authorization_header: "true|false",
  pass_access_token: "true|false",
  custom_templates_dir: `/etc/protected-sites/sites/${host}/current/shared`,
  // oauth2-proxy shows it as HTML: text with one link within the site.
  footer: '[^<>]*<a href="/[^<>"]*">[^<>]*</a>[^<>]*',
  silence_ping_logging: "true",
  request_logging: "false",
  auth_logging: "true",
  logging_local_time: "false",
};

/** Both or none: tokens of the tenant pass as sessions only where a file names whose. */
const programs = ["skip_jwt_bearer_tokens", "authenticated_emails_file"];

/** Describes a setting that differs from what this module allows; the caller adds the file and line. */
export interface BrokenPromise {
  readonly key: string;
  /** As in `must be true, got false`. */
  readonly problem: string;
}

/** Everything in a file's settings that is not as promised; nothing where no file is there to judge. */
export function brokenPromises(settings: Readonly<Record<string, unknown>>): BrokenPromise[] {
  const said = (value: unknown) => (value === undefined ? "none" : JSON.stringify(value));
  const wrong = Object.entries(promised)
    .filter(([key, value]) => said(settings[key]) !== said(value))
    .map(([key, value]) => ({ key, problem: `must be ${said(value)}, got ${said(settings[key])}` }));
  const named = settings["authenticated_emails_file"] !== undefined;
  const unknown = Object.entries(settings)
    .filter(([key]) => !(key in promised) && !(key in others) && !(named && programs.includes(key)))
    .map(([key, value]) => ({ key, problem: `must not be set, got ${said(value)}` }));
  const values = Object.entries(settings).flatMap(([key, value]) => {
    const pattern = others[key];
    const all = Array.isArray(value) ? (value as unknown[]) : [value];
    const isAllowed = (it: unknown) => new RegExp(`^(?:${pattern ?? ""})$`).test(String(it));
    return pattern === undefined || all.every(isAllowed)
      ? []
      : [{ key, problem: `must be like ${pattern}, got ${said(value)}` }];
  });
  return [...wrong, ...values, ...unknown];
}
