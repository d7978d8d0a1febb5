/** Every name that the outside world sees of a site: paths, units, cookies, URLs. */
import type { SessionStore } from "./session-store.ts";
import { tenantEndpoints } from "./tenant.ts";

/** The name that a site's socket, service and configuration share, as in `oauth2-proxy_<domain>.cfg`. */
export function instanceName(domain: string): string {
  return `oauth2-proxy_${domain}`;
}

/** Where a site's files, credentials and links lie on a host. */
export function paths(domain: string) {
  const current = `/etc/protected-sites/sites/${domain}/current`;
  const credentials = `/etc/protected-sites/credentials/${domain}`;
  return {
    current,
    generation: `${current}/generation.conf`,
    inherited: `${current}/inherited.conf`,
    credentials,
    clientEnvironment: `${credentials}/current/client.env`,
    clientSecret: `${credentials}/current/client-secret`,
    cookieSecret: `${credentials}/current/cookie-secret`,
    nginx: `/etc/nginx/sites-enabled/${domain}.conf`,
    oauth2Proxy: `/etc/oauth2-proxy/${instanceName(domain)}.cfg`,
    socket: `/etc/systemd/system/${instanceName(domain)}.socket`,
    service: `/etc/systemd/system/${instanceName(domain)}.service`,
    prometheus: `/etc/protected-sites/prometheus/${domain}.json`,
  };
}

/** Where Nginx keeps the answers of a site's `authCache`: in memory, readable by Nginx alone. */
export function authCacheFolder(domain: string): string {
  return `/run/protected-sites-auth_${domain}`;
}

/**
 * The file on a host that holds the addresses of a server with a name, as `server` directives of Nginx. No name holds an
 * underscore, so each file says whose it is.
 */
export function addressesFile(host: string, port: number, role: "backup" | "first"): string {
  return `/etc/protected-sites/addresses/${host}_${port}${role === "backup" ? "_backup" : ""}.conf`;
}

/** The file on a host by which a server of a site speaks HTTP/2, where its Nginx does not take that from `listen`. */
export const http2File = "/etc/protected-sites/http2.conf";

/** Under which path ACME servers ask for proof, https://www.rfc-editor.org/rfc/rfc8555#section-8.3 */
export const acmePath = "/.well-known/acme-challenge/";

/** The ACME directory of Let's Encrypt. */
export const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";

/** The folder on a host in which that proof lies. */
export const acmeFolder = "/var/www/certbot";
/** The list of the programs that may call a site with a bearer token, in the site's generation. */
export const machineClientsFile = "machine-clients";

/** The folder of all sites' credentials, of which an instance sees its own only. */
export const credentialsRoot = "/etc/protected-sites/credentials";

/**
 * A domain as part of an Nginx variable or of a cookie name, where only `[A-Za-z0-9_]` may stand. Two domains never
 * get the same: `.` becomes `_` and `-` becomes `__`, and in a host name neither stands beside a `.`.
 */
export function identifier(domain: string): string {
  return domain.replaceAll("-", "__").replaceAll(".", "_");
}

/** What every session cookie starts with, after `__Host-` where it has that, so that one rule keeps all of them from every backend. */
export const cookiePrefix = "_oauth2_proxy";

/**
 * The name of a site's session cookie, unless it is given. With the cookie store, oauth2-proxy appends `_0`, `_1`, …
 * when it splits a large one. Its parts travel in variables of Nginx, which cannot hold the `-` of `__Host-`; the other
 * stores have no parts.
 */
export function cookieName({
  domain,
  sessionStore,
  cookieName,
}: {
  readonly domain: string;
  readonly sessionStore: SessionStore;
  readonly cookieName?: string | undefined;
}): string {
  return cookieName ?? `${sessionStore === "cookie" ? "" : "__Host-"}${cookiePrefix}_${identifier(domain)}`;
}

/** oauth2-proxy's own default for `proxy_prefix`, below which a site has the pages of its sign-in. */
export const defaultProxyPrefix = "/oauth2";

/** What the paths of a site's sign-in depend on. */
interface Prefixed {
  readonly proxyPrefix: string;
}

/** The same beside its domain. */
interface Placed extends Prefixed {
  readonly domain: string;
}

/** The paths of a site's sign-in: oauth2-proxy's endpoints, and pages of ours beside them. */
export function signInPaths({ proxyPrefix }: Prefixed) {
  return {
    /** All of them are below it. */
    all: `${proxyPrefix}/`,
    auth: `${proxyPrefix}/auth`,
    start: `${proxyPrefix}/start`,
    signIn: `${proxyPrefix}/sign_in`,
    signOut: `${proxyPrefix}/sign_out`,
    callback: `${proxyPrefix}/callback`,
    signedOut: `${proxyPrefix}/signed-out`,
    return: `${proxyPrefix}/return`,
    /** Where only Nginx itself goes: see locations.ts. */
    internal: `${proxyPrefix}/-/`,
  };
}

/** Where Entra sends people back to. */
export function redirectUrl(site: Placed): string {
  return `https://${site.domain}${signInPaths(site).callback}`;
}

/** The name under which an administrator finds the registration in the Entra portal. */
export function displayName(domain: string): string {
  return `Protected site ${domain}`;
}

/** Where Entra sends people to after they have signed out there; registered beside {@link redirectUrl}. */
function signedOutUrl(site: Placed): string {
  return `https://${site.domain}${signInPaths(site).signedOut}`;
}

/** All addresses of the site that its registration knows: also those of hosts that have a former prefix, or go back to it. */
export function registeredUrls(site: Placed & { readonly formerProxyPrefixes: readonly string[] }): string[] {
  return [...new Set([site.proxyPrefix, ...site.formerProxyPrefixes])].flatMap((proxyPrefix) => {
    const then = { domain: site.domain, proxyPrefix };
    return [redirectUrl(then), signedOutUrl(then)];
  });
}

/** The path that ends the session at the site and at Entra, and lands on {@link signedOutUrl}. */
export function signOutPath(site: Placed, tenantId: string): string {
  const atEntra = `${tenantEndpoints(tenantId).logout}?post_logout_redirect_uri=${encodeURIComponent(signedOutUrl(site))}`;
  return `${signInPaths(site).signOut}?rd=${encodeURIComponent(atEntra)}`;
}
