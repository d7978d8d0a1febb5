/** The reusable library: a proxy host, and a site that it protects. */
export { ProtectedSite, type AcmeArgs, type ProtectedSiteArgs } from "./protected-site.ts";
export { InternalCa, type CertificateAuthorityArgs, type InternalCaArgs } from "./internal-ca.ts";
export { ProxyHost, type ProxyHostArgs, type Oauth2ProxyArgs } from "./proxy-host.ts";
export type { HostArgs } from "./host/connection.ts";
export type { SiteArgs } from "./site/site.ts";
