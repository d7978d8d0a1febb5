/** A site's settings, in the words of its owner: the one place where each is described. */
import type { AdoptedRegistrationSettings } from "./adopted-registration.ts";
import type { ClientSecretSettings } from "./client-secrets.ts";
import type { ConditionalAccessSettings } from "./conditional-access.ts";
import type { OpenPathSettings, PathRuleSettings } from "./path-access.ts";
import type { PathUpstreamSettings } from "./path-upstreams.ts";
import type { TemporaryGroupSettings } from "./temporary-groups.ts";
import type { RoleSettings } from "./roles.ts";
import type { SecurityHeadersSettings } from "./security-headers.ts";
import type { RedisSettings } from "./session-store.ts";

/** A site in the configuration, with the default of each optional setting. */
export interface SiteSettings {
  /** The site's host name, for example `wiki.example.com`. */
  domain: string;
  /** Loopback port of the site's oauth2-proxy, unique on every host. While a change moves it, requests fail for a moment. */
  port: number;
  /**
   * Scheme, host and port of the backend, for example `http://10.0.0.5:3000`; with https its certificate is verified. With
   * a path, for example `http://10.0.0.5/app/`, the site shows what is below it: the path is removed from redirects, `Link`
   * headers and cookies, but not from pages, so the backend has to use relative links. Or a Unix socket on the hosts, for
   * example `unix:/run/app.sock`, which Nginx's user must be able to open. For gRPC: `grpc://10.0.0.5:50051`, or with TLS
   * `grpcs://…`.
   */
  upstream: string;
  /**
   * Further addresses like `upstream`, used if a connection to it cannot be made, or fails. A request that the backend may
   * already have begun (POST, PATCH), or is slow to answer, is not repeated. @default none
   */
  backupUpstreams?: string[];
  /** Parts of the site with another backend. They do not change who may enter. @default none */
  upstreams?: PathUpstreamSettings[];
  /**
   * The Host header that the backend gets: the `site`'s name, or `upstream`'s own. With `upstream`, its cookies and
   * redirects are rewritten to the site's, and Origin, Referer and WebDAV's Destination, which it may compare with it, to
   * the backend's.
   * @default `site`
   */
  hostHeader?: string;
  /** File on the hosts with the CA of an https or grpcs backend. @default the host's CAs */
  upstreamCa?: string;
  /** Name in the certificate of an https or grpcs backend; required if `upstream` is an IP address. @default the host in `upstream` */
  upstreamServerName?: string;
  /**
   * `false` streams bodies in both directions: for server-sent events and large files. gRPC is always streamed.
   * @default `true`
   */
  buffering?: boolean;
  /**
   * Whether Nginx refuses every path with a segment that begins with `.ht`, such as a web server's own configuration
   * files; `false` passes them to the backend. @default `true`
   */
  refuseHtFiles?: boolean;
  /**
   * The domains of the people who may sign in: the part of their UPN after the `@`. Optional only with `guests: true`.
   */
  emailDomains?: string[];
  /**
   * Whether people from other organisations may enter who are guests in the tenant and have a role or group.
   * @default `false`
   */
  guests?: boolean;
  /**
   * App roles, and who has them; Entra itself refuses people without one. Better than groups: a token contains only what
   * was assigned, so it never has too many. @default none
   */
  roles?: RoleSettings[];
  /**
   * Object IDs of Entra groups, of which a direct membership is required. `roles` are better.
   * @default everybody of `emailDomains`
   */
  allowedGroups?: string[];
  /** Groups that are allowed until a last day, beside `allowedGroups`. @default none */
  temporaryGroups?: TemporaryGroupSettings[];
  /** Parts of the site with additional requirements. @default none */
  paths?: PathRuleSettings[];
  /** Parts of the site that everybody may reach without signing in. @default none */
  open?: OpenPathSettings[];
  /** What Entra requires at the sign-in in addition to a password. @default the tenant's own requirements */
  conditionalAccess?: ConditionalAccessSettings;
  /** Loopback port of the instance's Prometheus metrics. @default `port` + 10000 */
  metricsPort?: number;
  /**
   * What the backend gets about the user, each as a request header: `user` (the UPN, X-Auth-Request-User), `email`,
   * `preferredUsername`, `groups`, `roles` (X-Auth-Request-Roles, on a site with roles), `accessToken` (X-Auth-Request-Access-Token), `idToken` (Authorization: Bearer).
   * @default `user`, `email`, `preferredUsername`, and `groups` or, on a site with roles, `roles`
   */
  identityHeaders?: string[];
  /**
   * Whether the backend gets the client's `Authorization` header, for the backend's own Basic, Bearer or API tokens. It
   * does not replace signing in. Not with `idToken`, nor with roles that have `applications`. @default `false`
   */
  passAuthorization?: boolean;
  /**
   * The scope of `accessToken`, if it is for an API of your own: `api://<client ID of the API>/<scope>`. The stack grants
   * consent to it. @default Microsoft Graph
   */
  accessTokenScope?: string;
  /**
   * The path prefix of the sign-in; everything else belongs to the backend. For backends with their own paths below
   * `/oauth2/`, for example `/_sign-in`. @default `/oauth2`
   */
  proxyPrefix?: string;
  /**
   * Earlier values of `proxyPrefix`. Their redirect URIs stay in the registration, so that a host that does not have the
   * change yet, or is rolled back, can sign people in. @default `/oauth2`, if `proxyPrefix` is another
   */
  formerProxyPrefixes?: string[];
  /**
   * Where sessions are stored. `cookie`: in the browser, split if they are large. `minimal`: in the browser without tokens,
   * small, and never renewed. `redis`: on a server that all hosts share; a sign-out ends the session there.
   * @default `cookie`
   */
  sessionStore?: string;
  /** Where the Redis is, with `sessionStore: redis`. */
  redis?: RedisSettings;
  /** How long a session lasts without a request; `minimal`: from the sign-in. @default `168h`; `minimal`: `8h` */
  cookieExpire?: string;
  /**
   * Age at which a session is renewed with Entra. With more than 60 minutes, tokens expire; with less, people who are
   * blocked in Entra are out sooner. Not with `minimal`. @default `50m`
   */
  cookieRefresh?: string;
  /**
   * How long Nginx caches that oauth2-proxy has let a session pass, `1s` to `60s`. People who are signed out, blocked or
   * refused stay in for that long at most. @default never
   */
  authCache?: string;
  /**
   * How many sign-ins one address may start, for example `30r/s` or `90r/m`, or `off`. Bursts of ten seconds' worth (with
   * `r/m`, a minute's) are allowed, for example when an office opens; one sign-in is two requests. More get 429. Requests
   * of people who are signed in never count. @default `30r/s`
   */
  signInRate?: string;
  /**
   * A message. While it is set, everybody gets it on a page with status 503, signed in or not, and nothing else of the
   * site. A push still checks that nobody gets further. @default none
   */
  maintenance?: string;
  /**
   * The contact on pages for people who have no access, or get an error: `the wiki team, wiki@example.com`.
   * @default whoever looks after this site
   */
  contact?: string;
  /** Security headers, each unless the backend sends its own. @default as in its table */
  securityHeaders?: SecurityHeadersSettings;
  /** Largest request body. @default `10m` */
  clientMaxBodySize?: string;
  /** Buffer for response headers; larger ones are a 502. `4k` to `128k`. @default `32k` */
  proxyBufferSize?: string;
  /**
   * How long Nginx keeps an idle connection to the backend. Must be shorter than the backend's own timeout: if that closes
   * it during a POST, the client gets 502. @default `1s`
   */
  keepaliveTimeout?: string;
  /** How long the backend may be silent before the request fails. @default `60s` */
  proxyReadTimeout?: string;
  /** How long the backend may take to accept a connection; at most 75 s. @default `10s` */
  proxyConnectTimeout?: string;
  /** How long the backend may stop reading a request's body. @default `60s` */
  proxySendTimeout?: string;
  /**
   * Memory that the site's oauth2-proxy fills on each host before it collects garbage, `32MiB` to `4096MiB`; see
   * docs/benchmarks.md for what a request costs then. @default `GOGC=400`, some 40 MiB
   */
  goMemLimit?: string;
  /**
   * The client secrets in Entra, oldest first; hosts use the last. `npm run rotate` adds and removes them.
   * @default one, which expires after two years
   */
  clientSecrets?: ClientSecretSettings[];
  /** Another number creates a new cookie secret; everybody has to sign in again. @default `1` */
  cookieSecretGeneration?: number;
  /**
   * Name of the session cookie, for example `_oauth2_proxy`, to keep the sessions of an existing oauth2-proxy
   * installation. @default `_oauth2_proxy_site`; `minimal`, `redis`: derived from the domain
   */
  cookieName?: string;
  /**
   * People who own the site's registration in Entra, besides the deployer, by UPN or object ID; at least two are
   * recommended. Owners may add secrets and redirect URIs to it. @default none
   */
  owners?: string[];
  /** The registration's reference in a service or asset database, for example `CMDB-4711`; some tenants require one. @default none */
  serviceManagementReference?: string;
  /** An existing registration in Entra to adopt. @default a new one is created */
  adoptedRegistration?: AdoptedRegistrationSettings;
  /**
   * Where the site's certificate comes from. `files`: your own, in the folder `certificates`. `internalCa`: issued by the
   * stack's own CA, renewed by its updates. `acme`: from an ACME server such as Let's Encrypt, requested and renewed by
   * each host. @default `files`
   */
  certificateFrom?: string;
  /** With `certificateFrom: files`, the folder on the host with `fullchain.pem` and `privkey.pem`. @default `/data/certs/<domain>` */
  certificates?: string;
}
