/** The reusable library: a proxy host, and a site that it protects. */
export { ProtectedSite, type AcmeSettings, type ProtectedSiteArgs } from "./protected-site.ts";
export { InternalCa, type CertificateAuthoritySettings, type InternalCaArgs } from "./internal-ca.ts";
export { ProxyHost, type ProxyHostArgs, type Oauth2ProxySettings } from "./proxy-host.ts";
export type { HostSettings } from "./host/connection.ts";
export type { PagesSettings } from "./site/pages.ts";
export type { SiteSettings } from "./site/settings.ts";
