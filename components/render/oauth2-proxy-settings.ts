/**
 * Which settings a site's `oauth2-proxy.cfg` may hold. The renderer writes no others; review and policies accept no
 * others, so that an option that nobody here knows is never passed over in silence.
 */

/** Settings without which somebody could get past the sign-in, or be told who they are by the client: never otherwise. */
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

/** Settings that differ from site to site, or say nothing about who may enter. */
const others = [
  ...["metrics_address", "request_id_header", "provider_display_name", "skip_provider_button"],
  ...[
    "oidc_issuer_url",
    "login_url",
    "redeem_url",
    "oidc_jwks_url",
    "redirect_url",
    "proxy_prefix",
    "client_secret_file",
  ],
  ...["scope", "email_domains", "oidc_groups_claim", "allowed_groups", "whitelist_domains"],
  ...["cookie_name", "cookie_secret_file", "cookie_expire", "cookie_refresh"],
  ...["cookie_csrf_per_request_limit", "cookie_csrf_expire"],
  ...["session_cookie_minimal", "session_store_type", "redis_connection_url", "redis_username"],
  ...["set_authorization_header", "pass_access_token", "custom_templates_dir"],
  ...["silence_ping_logging", "request_logging", "auth_logging", "logging_local_time"],
];

/** Both or none: tokens of the tenant pass as sessions only where a file names whose. */
const programs = ["skip_jwt_bearer_tokens", "authenticated_emails_file"];

/** A setting that is not as this module says, in words: where it stands is for the caller to say. */
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
    .filter(([key]) => !(key in promised) && !others.includes(key) && !(named && programs.includes(key)))
    .map(([key, value]) => ({ key, problem: `must not be set, got ${said(value)}` }));
  return [...wrong, ...unknown];
}
