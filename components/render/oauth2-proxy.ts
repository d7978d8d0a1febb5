/** A site as the configuration of its oauth2-proxy, https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview */
import { stringify } from "smol-toml";

import { cookieName, machineClientsFile, paths, redirectUrl } from "../site/names.ts";
import { machineClients } from "../site/roles.ts";
import type { Site } from "../site/site.ts";
import { tenantEndpoints } from "../site/tenant.ts";
import { header } from "./header.ts";

/**
 * The text of `/etc/oauth2-proxy/oauth2-proxy_<domain>.cfg`. It names the files of the secrets and holds none; the
 * client ID comes by the unit's environment, so that all of this is known before the registration exists.
 */
export function oauth2ProxyConfig(site: Site, tenantId: string): string {
  const entra = tenantEndpoints(tenantId);
  const at = paths(site.domain);
  const allowed = [...site.allowedGroups, ...site.roles.map(({ value }) => value)];
  const settings = {
    http_address: "fd:3",
    metrics_address: `127.0.0.1:${site.metricsPort}`,
    reverse_proxy: true,
    // Unset, every address is trusted: CVE-2026-40575, CVE-2026-76835.
    trusted_proxy_ips: ["127.0.0.1/32", "::1/128"],
    real_client_ip_header: "X-Real-IP",
    request_id_header: "X-Request-Id",
    upstreams: ["static://404"],

    provider: "entra-id",
    provider_display_name: "Microsoft Entra ID",
    oidc_issuer_url: entra.issuer,
    // With discovery, an instance cannot start while Entra is down.
    skip_oidc_discovery: true,
    login_url: entra.authorize,
    redeem_url: entra.token,
    oidc_jwks_url: entra.keys,
    redirect_url: redirectUrl(site.domain),
    client_secret_file: at.clientSecret,
    // Set, because the default asks for "groups" once allowed_groups is used, which Entra refuses (AADSTS650053).
    scope: ["openid profile email offline_access", site.accessTokenScope].filter(Boolean).join(" "),
    code_challenge_method: "S256",
    insecure_oidc_skip_nonce: false,
    oidc_email_claim: "preferred_username",
    // Entra's endpoint for it refuses a token that is not for Graph.
    skip_claims_from_profile_url: true,
    skip_provider_button: true,

    // "*" only where a role or group is needed as well.
    email_domains: site.emailDomains.length > 0 ? site.emailDomains : ["*"],
    ...(site.roles.length > 0 ? { oidc_groups_claim: "roles" } : {}),
    ...(allowed.length > 0 ? { allowed_groups: allowed } : {}),
    // A token has to be for this registration, from this tenant. A program's brings its object ID in place of an e-mail
    // address.
    ...(machineClients(site).length > 0
      ? { skip_jwt_bearer_tokens: true, authenticated_emails_file: `${at.current}/${machineClientsFile}` }
      : {}),
    whitelist_domains: [site.domain, "login.microsoftonline.com"],

    cookie_name: cookieName(site),
    cookie_secret_file: at.cookieSecret,
    cookie_secure: true,
    cookie_httponly: true,
    cookie_samesite: "lax",
    cookie_expire: site.cookieExpire,
    cookie_refresh: site.cookieRefresh ?? "0s",
    cookie_csrf_per_request: true,
    cookie_csrf_per_request_limit: 5,
    cookie_csrf_expire: "30m",

    ...sessionStore(site),

    set_xauthrequest: true,
    set_authorization_header: site.identityHeaders.includes("idToken"),
    pass_access_token: site.identityHeaders.includes("accessToken"),
    pass_basic_auth: false,
    pass_user_headers: false,

    custom_templates_dir: at.current,
    silence_ping_logging: true,
    request_logging: false,
    auth_logging: true,
    logging_local_time: false,
  };
  return `# ${header("oauth2-proxy.ts", site.domain)}\n${stringify(settings)}\n`;
}

/** The password of a Redis comes by the unit's environment, as the client ID does. */
function sessionStore({ sessionStore, redis }: Site) {
  if (sessionStore === "minimal") return { session_cookie_minimal: true };
  if (redis === undefined) return {};
  const host = redis.host.includes(":") ? `[${redis.host}]` : redis.host;
  return {
    session_store_type: "redis",
    redis_connection_url: `${redis.tls ? "rediss" : "redis"}://${host}:${redis.port}/${redis.database}`,
    ...(redis.username === undefined ? {} : { redis_username: redis.username }),
  };
}
