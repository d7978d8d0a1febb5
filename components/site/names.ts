/** All externally visible names of a site: paths, units, cookies, URLs. */
import type { SessionStore } from "./session-store.ts";
import { tenantEndpoints } from "./tenant.ts";

/** The name that a site's socket, service and configuration share, as in `oauth2-proxy_<domain>.cfg`. */
export function instanceName(domain: string): string {
  return `oauth2-proxy_${domain}`;
}

/** Where a site's files, credentials and links are on a host. */
export function paths(domain: string) {
  const current = `/etc/protected-sites/sites/${domain}/current`;
  const credentials = `/etc/protected-sites/credentials/${domain}`;
  return {
    current,
    generation: `${current}/generation.conf`,
    /** What all sites have alike, in the version that the generation was made for. */
    shared: `${current}/shared`,
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
 * The file on a host with the addresses of a server that is given by name, as `server` directives of Nginx. Names have no
 * underscore, so each file name is unambiguous.
 */
export function addressesFile(host: string, port: number, role: "backup" | "first"): string {
  return `/etc/protected-sites/addresses/${host}_${port}${role === "backup" ? "_backup" : ""}.conf`;
}

/** The file on a host that enables HTTP/2 for a site's server, if its Nginx does not take that from `listen`. */
export const http2File = "/etc/protected-sites/http2.conf";

/** The file on a host with the people who are blocked at every site: entries of a `map`. */
export const blockedFile = "/etc/protected-sites/blocked.conf";

/** The prefix of what is internal to Nginx: see locations.ts. */
export const internalPath = "/.well-known/protected-sites/";

/** Where Nginx finds the pages that anybody may meet; only Nginx itself can request it. */
export const pagesPath = `${internalPath}pages/`;

/** Where a frame in Entra's page of a sign-out has the browser end the site's session. */
export const frontChannelLogoutPath = `${internalPath}front-channel-logout`;

/** The path of ACME challenges, https://www.rfc-editor.org/rfc/rfc8555#section-8.3 */
export const acmePath = "/.well-known/acme-challenge/";

/** The ACME directory of Let's Encrypt. */
export const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";

/** The folder on a host with their responses. */
export const acmeFolder = "/var/www/certbot";
/** The list of the applications that may call a site with a bearer token, in the site's generation. */
export const machineClientsFile = "machine-clients";

/** The folder of all sites' credentials, of which an instance sees only its own. */
export const credentialsRoot = "/etc/protected-sites/credentials";

/**
 * A domain as part of an Nginx variable or of a cookie name, which allow only `[A-Za-z0-9_]`. It is unique per domain: `.`
 * becomes `_` and `-` becomes `__`, and in a host name neither is next to a `.`.
 */
export function identifier(domain: string): string {
  return domain.replaceAll("-", "__").replaceAll(".", "_");
}

/** The prefix of every session cookie, after `__Host-` if it has that, so that one rule keeps all of them from every backend. */
export const cookiePrefix = "_oauth2_proxy";

/**
 * The session cookie of sites with the cookie store. All of them have the same: browsers keep it by host name, and each
 * site signs it with a secret of its own. It is not oauth2-proxy's default, which an application at a parent domain may set.
 */
export const sharedCookieName = `${cookiePrefix}_site`;

/**
 * The name of a site's session cookie, unless it is set. With the cookie store, oauth2-proxy appends `_0`, `_1`, … when it
 * splits a large one. Its parts are in Nginx variables, whose names cannot have the `-` of `__Host-`; other stores have
 * no parts.
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
  if (cookieName !== undefined) return cookieName;
  return sessionStore === "cookie" ? sharedCookieName : `__Host-${cookiePrefix}_${identifier(domain)}`;
}

/** oauth2-proxy's own default for `proxy_prefix`, the prefix of a site's sign-in pages. */
export const defaultProxyPrefix = "/oauth2";

/** What the paths of a site's sign-in depend on. */
interface Prefixed {
  readonly proxyPrefix: string;
}

/** The same beside its domain. */
interface Placed extends Prefixed {
  readonly domain: string;
}

/** The paths of a site's sign-in: oauth2-proxy's endpoints, and our pages next to them. */
export function signInPaths({ proxyPrefix }: Prefixed) {
  return {
    /** The prefix of all of them. */
    all: `${proxyPrefix}/`,
    auth: `${proxyPrefix}/auth`,
    start: `${proxyPrefix}/start`,
    signIn: `${proxyPrefix}/sign_in`,
    signOut: `${proxyPrefix}/sign_out`,
    callback: `${proxyPrefix}/callback`,
    signedOut: `${proxyPrefix}/signed-out`,
    return: `${proxyPrefix}/return`,
  };
}

/** The redirect URI of the sign-in. */
export function redirectUrl(site: Placed): string {
  return `https://${site.domain}${signInPaths(site).callback}`;
}

/** The name under which an administrator finds the registration in the Entra portal. */
export function displayName(domain: string): string {
  return `Protected site ${domain}`;
}

/** The redirect URI after a sign-out at Entra; registered like {@link redirectUrl}. */
function signedOutUrl(site: Placed): string {
  return `https://${site.domain}${signInPaths(site).signedOut}`;
}

/** Where Entra's page of a sign-out, begun anywhere, has the browser end the site's session; registered as the `logoutUrl`. */
export function frontChannelLogoutUrl({ domain }: Pick<Placed, "domain">): string {
  return `https://${domain}${frontChannelLogoutPath}`;
}

/** All redirect URIs of the site's registration, including those of former prefixes, for hosts that still, or again, have them. */
export function registeredUrls(site: Placed & { readonly formerProxyPrefixes: readonly string[] }): string[] {
  return [...new Set([site.proxyPrefix, ...site.formerProxyPrefixes])].flatMap((proxyPrefix) => {
    const then = { domain: site.domain, proxyPrefix };
    return [redirectUrl(then), signedOutUrl(then)];
  });
}

/** The path that ends the session on the site and at Entra, and leads to {@link signedOutUrl}. */
export function signOutPath(site: Placed, tenantId: string): string {
  const atEntra = `${tenantEndpoints(tenantId).logout}?post_logout_redirect_uri=${encodeURIComponent(signedOutUrl(site))}`;
  return `${signInPaths(site).signOut}?rd=${encodeURIComponent(atEntra)}`;
}
