/** What a site is: the model, its defaults and its checks. Pure: no Pulumi, no I/O, no clock. */
import { z } from "zod";

import {
  type AdoptedRegistration,
  type AdoptedRegistrationSettings,
  adoptedRegistrationSchema,
} from "./adopted-registration.ts";
import * as checks from "./checks.ts";
import {
  type ConditionalAccess,
  type ConditionalAccessSettings,
  conditionalAccessContradictions,
  conditionalAccessSchema,
} from "./conditional-access.ts";
import { ConfigError } from "./errors.ts";
import {
  type OpenPath,
  type OpenPathSettings,
  openPathSchema,
  pathContradictions,
  type PathRule,
  type PathRuleSettings,
  pathRuleSchema,
} from "./path-access.ts";
import {
  type Redis,
  type RedisSettings,
  redisSchema,
  sessionContradictions,
  sessionDefaults,
  type SessionStore,
  sessionStoreSchema,
} from "./session-store.ts";
import { addressOf, backendsOf, isAtAddress, isEncrypted, schemeInWords, upstreamPath } from "./backends.ts";
import { defaultProxyPrefix, paths } from "./names.ts";
import {
  type PathUpstream,
  pathUpstreamContradictions,
  type PathUpstreamSettings,
  pathUpstreamSchema,
} from "./path-upstreams.ts";
import {
  type SecurityHeaders,
  type SecurityHeadersSettings,
  securityHeadersSchema,
} from "./security-headers.ts";
import { gateContradictions, type Role, type RoleSettings, roleSchema } from "./roles.ts";

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

/** One client secret of a site. */
export interface ClientSecretSettings {
  /** Its number; never used again. */
  generation: number;
  /** The day on which it ends at 00:00 UTC, as in `2027-11-01`. @default Entra's own, after two years */
  endDate?: string;
  /** Set on a secret that has been replaced: `npm run rotate` removes it from that day on. */
  retireAfter?: string;
}

/** What a backend can be told of the user; see {@link SiteSettings.identityHeaders}. */
export type Identity = (typeof identities)[number];

/** A site that has been checked: whoever holds one needs no checks of their own. Made by {@link siteFrom} only. */
export interface Site {
  readonly name: string;
  readonly domain: string;
  readonly port: number;
  readonly upstream: string;
  readonly backupUpstreams: readonly string[];
  readonly upstreams: readonly PathUpstream[];
  readonly hostHeader: "site" | "upstream";
  readonly upstreamCa: string;
  readonly upstreamServerName?: string | undefined;
  readonly buffering: boolean;
  readonly refuseHtFiles: boolean;
  /** Empty only where guests may enter by a role or group. */
  readonly emailDomains: readonly string[];
  readonly guests: boolean;
  readonly roles: readonly Role[];
  readonly allowedGroups: readonly string[];
  readonly paths: readonly PathRule[];
  readonly open: readonly OpenPath[];
  readonly conditionalAccess?: ConditionalAccess | undefined;
  readonly metricsPort: number;
  readonly identityHeaders: readonly Identity[];
  readonly passAuthorization: boolean;
  readonly accessTokenScope?: string | undefined;
  readonly proxyPrefix: string;
  readonly formerProxyPrefixes: readonly string[];
  readonly sessionStore: SessionStore;
  readonly redis?: Redis | undefined;
  readonly cookieExpire: string;
  /** Undefined where sessions are never renewed. */
  readonly cookieRefresh?: string | undefined;
  /** Undefined where oauth2-proxy is asked at each request. */
  readonly authCache?: string | undefined;
  readonly signInRate: string;
  readonly maintenance?: string | undefined;
  readonly contact: string;
  readonly securityHeaders: SecurityHeaders;
  readonly clientMaxBodySize: string;
  readonly proxyBufferSize: string;
  readonly keepaliveTimeout: string;
  readonly proxyReadTimeout: string;
  readonly proxyConnectTimeout: string;
  readonly proxySendTimeout: string;
  readonly clientSecrets: readonly ClientSecret[];
  readonly cookieSecretGeneration: number;
  readonly cookieName?: string | undefined;
  readonly owners: readonly string[];
  readonly serviceManagementReference?: string | undefined;
  readonly adoptedRegistration?: AdoptedRegistration | undefined;
  readonly certificateFrom: "files" | "internalCa" | "acme";
  /** Folder on the host with `fullchain.pem` and `privkey.pem`. */
  readonly certificates: string;
}

/** A client secret that has been checked. */
export interface ClientSecret {
  readonly generation: number;
  readonly endDate?: string | undefined;
  readonly retireAfter?: string | undefined;
}

const identities = [
  "user",
  "email",
  "preferredUsername",
  "groups",
  "roles",
  "accessToken",
  "idToken",
] as const;

/** The CAs that a Debian host trusts. */
const defaultCa = "/etc/ssl/certs/ca-certificates.crt";

/** The shape of {@link SiteSettings}; also the source of the JSON Schema for editors. */
export const siteSchema = z.strictObject(
  {
    domain: checks.siteDomain,
    port: checks.wholeNumber(1024, 65535),
    upstream: checks.upstreamUrl,
    backupUpstreams: checks.listOf(checks.upstreamUrl, "backends like upstream").default([]),
    upstreams: checks.listOf(pathUpstreamSchema, "paths and their applications").default([]),
    hostHeader: z.enum(["site", "upstream"], { error: checks.expected("site or upstream") }).default("site"),
    upstreamCa: checks.absolutePath.default(defaultCa),
    upstreamServerName: checks.domain.optional(),
    buffering: checks.flag.default(true),
    refuseHtFiles: checks.flag.default(true),
    emailDomains: checks
      .listOf(checks.domain, 'e-mail domains like "example.com"')
      .min(1, { error: checks.expected('a list with at least one e-mail domain like "example.com"') })
      .optional(),
    guests: checks.flag.default(false),
    roles: checks.listOf(roleSchema, "roles").default([]),
    allowedGroups: checks.listOf(checks.guid, "object IDs of groups").default([]),
    paths: checks.listOf(pathRuleSchema, "rules for paths").default([]),
    open: checks.listOf(openPathSchema, "open paths").default([]),
    conditionalAccess: conditionalAccessSchema.optional(),
    metricsPort: checks.wholeNumber(1024, 65535).optional(),
    identityHeaders: checks
      .listOf(
        z.enum(identities, { error: checks.expected(`one of ${identities.join(", ")}`) }),
        identities.join(", "),
      )
      .optional(),
    passAuthorization: checks.flag.default(false),
    accessTokenScope: checks.apiScope.optional(),
    proxyPrefix: checks.proxyPrefix.default(defaultProxyPrefix),
    formerProxyPrefixes: checks.listOf(checks.proxyPrefix, 'paths like "/oauth2"').optional(),
    sessionStore: sessionStoreSchema.default("cookie"),
    redis: redisSchema.optional(),
    cookieExpire: checks.duration.optional(),
    cookieRefresh: checks.duration.optional(),
    authCache: checks.duration.optional(),
    signInRate: checks.rate.default("30r/s"),
    maintenance: checks.sentence.optional(),
    contact: checks.sentence.default("whoever looks after this site"),
    securityHeaders: securityHeadersSchema.prefault({}),
    clientMaxBodySize: checks.size.default("10m"),
    proxyBufferSize: checks.bufferSize.default("32k"),
    keepaliveTimeout: checks.duration.default("1s"),
    proxyReadTimeout: checks.duration.default("60s"),
    proxyConnectTimeout: checks.duration.default("10s"),
    proxySendTimeout: checks.duration.default("60s"),
    clientSecrets: checks
      .listOf(
        z.strictObject(
          {
            generation: checks.wholeNumber(1, 100_000),
            endDate: checks.date.optional(),
            retireAfter: checks.date.optional(),
          },
          { error: checks.expected("a client secret (generation, endDate)") },
        ),
        "client secrets",
      )
      .min(1, { error: checks.expected("a list with at least one client secret; the last one is in use") })
      .default([{ generation: 1 }]),
    cookieSecretGeneration: checks.wholeNumber(1, 100_000).default(1),
    cookieName: checks.sessionCookieName.optional(),
    owners: checks.listOf(checks.owner, 'users like "ada@example.com", or their object IDs').default([]),
    serviceManagementReference: checks.displayName.optional(),
    adoptedRegistration: adoptedRegistrationSchema.optional(),
    certificateFrom: z
      .enum(["files", "internalCa", "acme"], { error: checks.expected("files, internalCa or acme") })
      .default("files"),
    certificates: checks.absolutePath.optional(),
  },
  { error: checks.expected("a site's settings (domain, port, upstream, emailDomains, …)") },
);

/** The port of a site's metrics; `undefined` where neither it nor the site's port is a number. */
export function metricsPortOf(args: {
  readonly port?: unknown;
  readonly metricsPort?: unknown;
}): number | undefined {
  if (typeof args.metricsPort === "number") return args.metricsPort;
  return typeof args.port === "number" ? args.port + 10_000 : undefined;
}

/** Fills the defaults of arguments that have passed {@link siteSchema}. */
export function withDefaults(name: string, checked: z.output<typeof siteSchema>): Site {
  const { cookieExpire, cookieRefresh } = sessionDefaults(checked.sessionStore);
  return {
    ...checked,
    name,
    cookieExpire: checked.cookieExpire ?? cookieExpire,
    cookieRefresh: checked.cookieRefresh ?? cookieRefresh,
    emailDomains: checked.emailDomains ?? [],
    identityHeaders: checked.identityHeaders ?? [
      "user",
      "email",
      "preferredUsername",
      checked.roles.length > 0 ? "roles" : "groups",
    ],
    metricsPort: checked.metricsPort ?? checked.port + 10_000,
    formerProxyPrefixes:
      checked.formerProxyPrefixes ?? (checked.proxyPrefix === defaultProxyPrefix ? [] : [defaultProxyPrefix]),
    certificates: checked.certificates ?? certificateFolder(checked),
  };
}

function certificateFolder({
  certificateFrom,
  domain,
}: {
  certificateFrom: unknown;
  domain: string;
}): string {
  if (certificateFrom === "internalCa") return `${paths(domain).credentials}/current`;
  return certificateFrom === "acme" ? `/etc/letsencrypt/live/${domain}` : `/data/certs/${domain}`;
}

/** The arguments that make a site again, all defaults filled in. */
export function argsOf(site: Site): SiteSettings {
  const args: Partial<Site> = structuredClone(site);
  delete (args as { name?: string }).name;
  if (site.emailDomains.length === 0) delete (args as { emailDomains?: readonly string[] }).emailDomains;
  return args as unknown as SiteSettings;
}

/** Seconds of a duration such as `50m`. */
export function seconds(duration: string): number {
  const unit = { s: 1, m: 60, h: 3600 }[duration.slice(-1)];
  return Number(duration.slice(0, -1)) * (unit ?? Number.NaN);
}

/** Rules that need more than one setting of a site. Takes what is there, also where other settings are wrong. */
export function contradictions(args: Partial<Record<keyof SiteSettings, unknown>>): string[] {
  const found: string[] = [];
  const metrics = metricsPortOf(args);
  if (args.metricsPort === undefined && metrics !== undefined && metrics > 65_535) {
    found.push(
      `port ${String(args.port)} leaves no default for metricsPort (port + 10000); give one from 1024 to 65535`,
    );
  }
  if (typeof args.metricsPort === "number" && args.metricsPort === args.port) {
    found.push(`metricsPort ${args.metricsPort} is also the site's port; give it its own`);
  }
  const generations = generationsOf(args.clientSecrets);
  const misplaced = generations.find((generation, index) => generation <= (generations[index - 1] ?? 0));
  if (misplaced !== undefined) {
    found.push(
      `clientSecrets must be in order, the newest last, each generation once; ${misplaced} is out of place`,
    );
  }
  found.push(...gateContradictions(args), ...pathContradictions(args), ...authorizationContradictions(args));
  if (
    args.accessTokenScope !== undefined &&
    !(Array.isArray(args.identityHeaders) && args.identityHeaders.includes("accessToken"))
  ) {
    found.push("accessTokenScope is for a token that nobody gets; add accessToken to identityHeaders");
  }
  found.push(...backendContradictions(args), ...pathUpstreamContradictions(args));
  if (typeof args.authCache === "string" && seconds(args.authCache) > 60)
    found.push(
      `authCache must be at most 60s, for which a session that has ended still works, got "${args.authCache}"`,
    );
  const { certificateFrom = "files", certificates, domain } = args;
  if (
    certificateFrom !== "files" &&
    certificates !== undefined &&
    !(typeof domain === "string" && certificates === certificateFolder({ certificateFrom, domain }))
  )
    found.push(
      "certificates is a folder of others' files, for certificateFrom: files; leave one of the two out",
    );
  found.push(...sessionContradictions(args));
  const defaults = sessionDefaults(args.sessionStore === "minimal" ? "minimal" : "cookie");
  const { cookieExpire = defaults.cookieExpire, cookieRefresh = defaults.cookieRefresh } = args;
  if (
    typeof cookieExpire === "string" &&
    typeof cookieRefresh === "string" &&
    seconds(cookieRefresh) >= seconds(cookieExpire)
  ) {
    found.push(`cookieRefresh must be shorter than cookieExpire (${cookieExpire}), got "${cookieRefresh}"`);
  }
  const never = args.sessionStore === "minimal" && typeof cookieExpire === "string";
  found.push(
    ...conditionalAccessContradictions(args.conditionalAccess, never ? seconds(cookieExpire) : undefined),
  );
  return found;
}

/** One header has one meaning: the application could not tell a client's own from ours. */
function authorizationContradictions(args: Partial<Record<keyof SiteSettings, unknown>>): string[] {
  const tells = Array.isArray(args.identityHeaders) && args.identityHeaders.includes("idToken");
  const roles = z.array(roleSchema).safeParse(args.roles ?? []).data ?? [];
  const open = z.array(openPathSchema).safeParse(args.open ?? []).data ?? [];
  const passed = [
    ...(args.passAuthorization === true ? ["passAuthorization"] : []),
    ...open.flatMap((it, index) => (it.passAuthorization ? [`open.${index}.passAuthorization`] : [])),
  ];
  return passed.flatMap((field) => [
    ...(tells
      ? [`${field} needs the Authorization header that idToken fills; leave one of the two out`]
      : []),
    ...(roles.some(({ applications }) => applications.length > 0)
      ? [`${field} would hand on the tokens with which applications of roles come; leave one of the two out`]
      : []),
  ]);
}

function backendContradictions(args: Partial<Record<keyof SiteSettings, unknown>>): string[] {
  const found: string[] = [];
  const { upstream, upstreamCa, upstreamServerName, hostHeader, proxyConnectTimeout } = args;
  if (typeof upstream !== "string") return found;
  const secure = isEncrypted(upstream);
  const backends = backendsOf(args);
  for (const backup of backends.backupUpstreams) {
    if (schemeInWords(backup) !== schemeInWords(upstream))
      found.push(`backupUpstreams must all be ${schemeInWords(upstream)} like upstream, got "${backup}"`);
    if (upstreamPath(backup) !== upstreamPath(upstream))
      found.push(
        `backupUpstreams must all have the path of upstream, ${upstreamPath(upstream)}, got "${backup}"`,
      );
    if (backup === upstream) found.push(`backupUpstreams names "${backup}", which is upstream itself`);
  }
  for (const [key, value] of Object.entries({ upstreamCa, upstreamServerName })) {
    if (value !== undefined && value !== defaultCa && !secure)
      found.push(`${key} is for https and grpcs backends, but upstream is "${upstream}"`);
  }
  if (secure && upstreamServerName === undefined && isAtAddress(upstream))
    found.push(
      `upstream "${upstream}" is an address, and Nginx compares certificates with names only; give upstreamServerName, a DNS name in the application's certificate`,
    );
  for (const [key, addresses] of Object.entries(backends)) {
    for (const address of addresses) {
      const itself = proxyItself(address, args);
      if (itself !== undefined)
        found.push(`${key} "${address}" is ${itself}, so that requests would go round in a circle`);
    }
  }
  if (hostHeader === "upstream" && upstream.startsWith("unix:"))
    found.push(`hostHeader upstream needs a backend with a name, but upstream is "${upstream}"`);
  if (typeof proxyConnectTimeout === "string" && seconds(proxyConnectTimeout) > 75)
    found.push(
      `proxyConnectTimeout must be at most 75s, which is all that Nginx waits, got "${proxyConnectTimeout}"`,
    );
  return found;
}

/** What of the proxy itself an address is, in words; nothing where it may be an application's. */
function proxyItself(
  upstream: string,
  site: Partial<Record<keyof SiteSettings, unknown>>,
): string | undefined {
  const address = addressOf(upstream);
  if (address === undefined) return undefined;
  const { hostname, number, isLoopback } = address;
  const nginx = number === 80 || number === 443;
  if (nginx && hostname === site.domain) return "the site itself";
  if (!isLoopback) return undefined;
  if (nginx) return "Nginx on the host";
  if (number === site.port) return "the site's own oauth2-proxy (port)";
  return number === metricsPortOf(site) ? "the metrics of the site's oauth2-proxy (metricsPort)" : undefined;
}

function generationsOf(clientSecrets: unknown): number[] {
  if (!Array.isArray(clientSecrets)) return [];
  return clientSecrets
    .map((it: { generation?: unknown } | null) => it?.generation)
    .filter((it): it is number => typeof it === "number");
}

/** The client secret that hosts use. */
export function activeClientSecret({ clientSecrets }: Pick<Site, "clientSecrets">): ClientSecret {
  const newest = clientSecrets.at(-1);
  if (newest === undefined) throw new Error("a checked site has at least one client secret");
  return newest;
}

/**
 * Checks a site that stands by itself. (An environment's sites are checked together, against each other too.)
 * @throws ConfigError with everything that is wrong
 */
export function siteFrom(name: string, args: SiteSettings, source = "ProtectedSite"): Site {
  const where = `site "${name}"`;
  const at = (path: readonly PropertyKey[]) => ({ where, field: path.join(".") });
  const named = checks.resourceName.safeParse(name);
  const parsed = siteSchema.safeParse(args);
  const problems = [
    ...(named.success
      ? []
      : [{ where, what: `its name ${named.error.issues[0]?.message ?? "is not allowed"}` }]),
    ...(parsed.success ? [] : checks.problemsOf(siteSchema, parsed.error, at)),
    ...contradictions(args).map((what) => ({ where, what })),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(source, problems);
  return withDefaults(name, parsed.data);
}
