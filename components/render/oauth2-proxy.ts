/** A site as the configuration of its oauth2-proxy, https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview */
import { stringify } from "smol-toml";

import { cookieName, defaultProxyPrefix, machineClientsFile, paths, redirectUrl } from "../site/names.ts";
import { type Pages, usualPages } from "../site/pages.ts";
import { machineClients } from "../site/roles.ts";
import type { Site } from "../site/site.ts";
import { tenantEndpoints } from "../site/tenant.ts";
import { header } from "./header.ts";
import { promised } from "./oauth2-proxy-settings.ts";
import { footer } from "./pages.ts";

/**
 * The text of `/etc/oauth2-proxy/oauth2-proxy_<domain>.cfg`. It names the files of the secrets and contains none; the
 * client ID comes by the unit's environment, so that all of this is known before the registration exists.
 */
export function oauth2ProxyConfig(site: Site, tenantId: string, pages: Pages = usualPages): string {
  const entra = tenantEndpoints(tenantId);
  const at = paths(site.domain);
  const allowed = [...site.allowedGroups, ...site.roles.map(({ value }) => value)];
  const settings = {
    ...promised,
    metrics_address: `127.0.0.1:${site.metricsPort}`,
    request_id_header: "X-Request-Id",

    oidc_issuer_url: entra.issuer,
    login_url: entra.authorize,
    redeem_url: entra.token,
    oidc_jwks_url: entra.keys,
    redirect_url: redirectUrl(site),
    ...(site.proxyPrefix === defaultProxyPrefix ? {} : { proxy_prefix: site.proxyPrefix }),
    client_secret_file: at.clientSecret,
    // Set, because the default asks for "groups" once allowed_groups is used, which Entra refuses (AADSTS650053).
    scope: ["openid profile email offline_access", site.accessTokenScope].filter(Boolean).join(" "),
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
    cookie_expire: site.cookieExpire,
    cookie_refresh: site.cookieRefresh ?? "0s",
    cookie_csrf_per_request_limit: 5,
    cookie_csrf_expire: "30m",

    ...sessionStore(site),

    set_authorization_header: site.identityHeaders.includes("idToken"),
    pass_access_token: site.identityHeaders.includes("accessToken"),

    // Holds `error.html`, which shows the footer.
    custom_templates_dir: at.shared,
    footer: footer(site, tenantId, pages),
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
