/** A site's settings, in the words of its owner: the one place where each is described. */
import type { AdoptedRegistrationSettings } from "./adopted-registration.ts";
import type { ClientSecretSettings } from "./client-secrets.ts";
import type { ConditionalAccessSettings } from "./conditional-access.ts";
import type { OpenPathSettings, PathRuleSettings } from "./path-access.ts";
import type { PathUpstreamSettings } from "./path-upstreams.ts";
import type { RoleSettings } from "./roles.ts";
import type { SecurityHeadersSettings } from "./security-headers.ts";
import type { RedisSettings } from "./session-store.ts";

/** A site as its owner writes it; what is left out takes the default that is stated. */
export interface SiteSettings {
  /** The site's host name, for example `wiki.example.com`. */
  domain: string;
  /** Loopback port of the site's oauth2-proxy. Its own on every host; while a change moves it, requests fail for a moment. */
  port: number;
  /**
   * Scheme, host and port of the application, for example `http://10.0.0.5:3000`; with https its certificate is
   * verified. With a path, as in `http://10.0.0.5/app/`, the site shows what is below it: the path is taken out of
   * redirects, `Link` headers and cookies, but not out of pages, so the application has to write relative links. Or its
   * Unix socket on the hosts, as in `unix:/run/app.sock`, which Nginx's user must be able to open. An application that
   * speaks gRPC: `grpc://10.0.0.5:50051`, or with TLS `grpcs://…`.
   */
  upstream: string;
  /**
   * Further addresses like `upstream`, asked where no connection to it is made, or one fails. A request that the
   * application may already have begun (POST, PATCH) is not repeated, and none that it is slow to answer. @default none
   */
  backupUpstreams?: string[];
  /** Parts of the site that another application answers. Who may enter them is as without. @default none */
  upstreams?: PathUpstreamSettings[];
  /**
   * The Host that the application gets: the `site`'s name, or `upstream`'s own. With `upstream`, its cookies and
   * redirects are made the site's, and Origin, Referer and WebDAV's Destination, with which it may compare it, the
   * application's.
   * @default `site`
   */
  hostHeader?: string;
  /** File on the hosts with the CA of an https or grpcs application. @default the host's CAs */
  upstreamCa?: string;
  /** Name in the certificate of an https or grpcs application; needed where `upstream` is an address. @default the host in `upstream` */
  upstreamServerName?: string;
  /**
   * `false` hands bodies on as they come, in both directions: for server-sent events and large files. What a gRPC
   * application gets and says always is.
   * @default `true`
   */
  buffering?: boolean;
  /**
   * Whether Nginx refuses every path with a name that begins with `.ht`, as files of a web server's own settings do;
   * `false` leaves them to the application. @default `true`
   */
  refuseHtFiles?: boolean;
  /**
   * The part after the `@` of the people who may sign in, compared with their UPN. May be left out only with
   * `guests: true`.
   */
  emailDomains?: string[];
  /**
   * Whether people of other organisations may enter whom the tenant has as guests and who have a role or group.
   * @default `false`
   */
  guests?: boolean;
  /**
   * App roles, and who has them; who has none is refused, by Entra already. Better than groups: a token names only what
   * was assigned, and nobody is in too many. @default none
   */
  roles?: RoleSettings[];
  /**
   * Object IDs of Entra groups. Who is a direct member of none is refused. `roles` are better.
   * @default everybody of `emailDomains`
   */
  allowedGroups?: string[];
  /** Parts of the site that need more than the site itself. @default none */
  paths?: PathRuleSettings[];
  /** Parts of the site that everybody may reach without signing in. @default none */
  open?: OpenPathSettings[];
  /** What Entra asks for at the sign-in beyond a password. @default what the tenant asks for anyway */
  conditionalAccess?: ConditionalAccessSettings;
  /** Loopback port of the instance's Prometheus metrics. @default `port` + 10000 */
  metricsPort?: number;
  /**
   * What the application is told of the user, each as a request header: `user` (the UPN, X-Auth-Request-User), `email`,
   * `preferredUsername`, `groups`, `roles` (X-Auth-Request-Roles, on a site with roles), `accessToken` (X-Auth-Request-Access-Token), `idToken` (Authorization: Bearer).
   * @default `user`, `email`, `preferredUsername`, and `groups` or, on a site with roles, `roles`
   */
  identityHeaders?: string[];
  /**
   * Whether the application gets the `Authorization` header as clients send it: the application's own Basic, Bearer or
   * API token. Who is not signed in gets no further for it. Not with `idToken`, nor with roles that have
   * `applications`. @default `false`
   */
  passAuthorization?: boolean;
  /**
   * What `accessToken` is for, if it is an API of your own: `api://<client ID of the API>/<scope>`. The consent to
   * it is given by the stack. @default Microsoft Graph
   */
  accessTokenScope?: string;
  /**
   * Below which path the site has its sign-in; everything else belongs to the application. For one that has paths
   * below `/oauth2/` of its own, another, as in `/_sign-in`. @default `/oauth2`
   */
  proxyPrefix?: string;
  /**
   * Values that `proxyPrefix` had before. Their addresses stay in the registration, so that a host that does not have
   * the change yet, or goes back, can sign people in. @default `/oauth2`, where `proxyPrefix` is another
   */
  formerProxyPrefixes?: string[];
  /**
   * Where sessions live. `cookie`: whole in the browser, split where it is large. `minimal`: in the browser without
   * tokens, small, and never renewed. `redis`: on a server that all hosts share; a sign-out ends the session there.
   * @default `cookie`
   */
  sessionStore?: string;
  /** Where the Redis is, with `sessionStore: redis`. */
  redis?: RedisSettings;
  /** How long a session lasts without a request; `minimal`: from the sign-in. @default `168h`; `minimal`: `8h` */
  cookieExpire?: string;
  /**
   * Age at which a session is renewed at Entra. Longer than 60 minutes, tokens expire; shorter, who is blocked in
   * Entra is out sooner. Not with `minimal`. @default `50m`
   */
  cookieRefresh?: string;
  /**
   * How long Nginx remembers that oauth2-proxy has let a session pass, `1s` to `60s`. Whoever is signed out, blocked or
   * refused stays for so long at most. @default never
   */
  authCache?: string;
  /**
   * How many sign-ins one address may begin, as in `30r/s` or `90r/m`, or `off`. The sign-ins of ten seconds (with
   * `r/m`, of a minute) may come at once, as when an office opens; one sign-in is two requests. More get 429. What a
   * signed-in person does is never counted. @default `30r/s`
   */
  signInRate?: string;
  /**
   * A text. While it is there, everybody gets it on a page with status 503, signed in or not, and nothing else of
   * the site. A push still proves that nobody gets further. @default none
   */
  maintenance?: string;
  /**
   * Whom the pages for people who may not enter, or meet an error, tell to ask: `the wiki team, wiki@example.com`.
   * @default whoever looks after this site
   */
  contact?: string;
  /** What browsers are asked for, unless the backend says something of the same itself. @default as in its table */
  securityHeaders?: SecurityHeadersSettings;
  /** Largest request body. @default `10m` */
  clientMaxBodySize?: string;
  /** Room for the headers of an answer; with larger ones it is a 502. `4k` to `128k`. @default `32k` */
  proxyBufferSize?: string;
  /**
   * How long Nginx keeps an idle connection to the application. Shorter than the application does: one that it closes
   * while a POST is on its way is a 502. @default `1s`
   */
  keepaliveTimeout?: string;
  /** How long the application may be silent before the request fails. @default `60s` */
  proxyReadTimeout?: string;
  /** How long the application may take to accept a connection; at most 75 s. @default `10s` */
  proxyConnectTimeout?: string;
  /** How long the application may take none of a request's body. @default `60s` */
  proxySendTimeout?: string;
  /**
   * The client secrets in Entra, oldest first; hosts use the last. `npm run rotate` adds and removes them.
   * @default one, which Entra ends after two years
   */
  clientSecrets?: ClientSecretSettings[];
  /** Another number makes a new cookie secret, and signs everybody of the site out once. @default `1` */
  cookieSecretGeneration?: number;
  /**
   * Name of the session cookie: that of another set-up of oauth2-proxy whose sessions are taken over, as in
   * `_oauth2_proxy`. @default one made of the domain
   */
  cookieName?: string;
  /**
   * People who own the site's registration in Entra beside the deployment, by their UPN or the object ID of the user;
   * at least two are advised. Owners may add secrets and redirect addresses to it. @default none
   */
  owners?: string[];
  /** The registration's entry in a service or asset register, as `CMDB-4711`; some tenants want one. @default none */
  serviceManagementReference?: string;
  /** A registration in Entra that was there before the site, and is taken over. @default one is made */
  adoptedRegistration?: AdoptedRegistrationSettings;
  /**
   * Where the site's certificate is from. `files`: of others, in the folder `certificates`. `internalCa`: signed by the
   * stack's own CA, renewed by its updates. `acme`: of an ACME server such as Let's Encrypt, asked for and renewed by
   * each host. @default `files`
   */
  certificateFrom?: string;
  /** With `certificateFrom: files`, the folder on the host with `fullchain.pem` and `privkey.pem`. @default `/data/certs/<domain>` */
  certificates?: string;
}
