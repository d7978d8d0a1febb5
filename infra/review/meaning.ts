/**
 * What a change of the configuration means, in words: one entry for each setting of a site and of an environment. A new
 * setting does not compile without its entry here.
 */
import { isEncrypted, protocolOf } from "../../components/site/backends.ts";
import type { PathRule } from "../../components/site/path-access.ts";
import type { Site } from "../../components/site/site.ts";
import { isSameSite } from "../../components/site/browser-cookies.ts";
import { seconds } from "../../components/site/checks.ts";
import type { Environment, Host } from "../environment.ts";

/** What a reviewer should look at first. Access itself is judged from the rendered files: see access.ts. */
export type Effect = "opens" | "closes" | "weakens" | "signs out" | "rotates" | "plain";

/** One change in words. */
export interface Statement {
  readonly text: string;
  readonly effect: Effect;
}

/** Describes the change of a setting; called only if the two differ. */
type Words<T, Whole> = (
  before: T,
  after: T,
  whole: { readonly before: Whole; readonly after: Whole },
) => Statement[];

type Entries<Whole> = { readonly [Field in keyof Whole]-?: Words<Whole[Field], Whole> };

const told: Record<string, string> = {
  user: "the user's UPN (X-Auth-Request-User)",
  email: "the e-mail address (X-Auth-Request-Email)",
  preferredUsername: "the preferred user name (X-Auth-Request-Preferred-Username)",
  groups: "the groups (X-Auth-Request-Groups)",
  roles: "the roles (X-Auth-Request-Roles)",
  accessToken: "the ACCESS TOKEN, with which it can act as the user (X-Auth-Request-Access-Token)",
  idToken: "the ID TOKEN (Authorization: Bearer)",
};

/** The settings of a site. */
export const siteMeaning: Entries<Site> = {
  // See renames.ts.
  name: () => [],
  domain: (before, after) => [
    says("opens", `answers at https://${after}`),
    says("closes", `no longer answers at https://${before}`),
    says("signs out", `everybody has to sign in again: the session cookie belongs to ${before}`),
  ],
  port: (before, after) => [
    plain(
      `its oauth2-proxy listens on loopback port ${after}; was ${before}; requests fail for a moment during the change`,
    ),
  ],
  upstream: (before, after) => [
    plain(`backend: ${after}; was ${before}`),
    ...(protocolOf(before) === protocolOf(after)
      ? []
      : [
          protocolOf(after) === "grpc"
            ? plain("the backend speaks gRPC, for its clients only: no pages and no WebSockets")
            : plain("the backend speaks HTTP, and no longer gRPC"),
        ]),
    ...(isEncrypted(before) && !isEncrypted(after)
      ? [says("weakens", "the connection to the backend is no longer encrypted")]
      : []),
  ],
  emailDomains: (before, after) => {
    const [were, are] = [before, after].map((it) => it.map((domain) => `@${domain}`).join(" or "));
    if (after.length === 0)
      return [
        says("opens", `anybody with a role or group may sign in, including guests; was people of ${were}`),
      ];
    if (before.length === 0)
      return [says("closes", `only people of ${are} may sign in; was also guests with a role or group`)];
    return [
      ...without(after, before).map((it) => says("opens", `people of @${it} may sign in`)),
      ...without(before, after).map((it) => says("closes", `people of @${it} may no longer sign in`)),
    ];
  },
  allowedGroups: (before, after) => {
    if (after.length === 0)
      return [says("opens", `no group is required any more; was one of ${before.join(", ")}`)];
    if (before.length === 0)
      return [says("closes", `only members of ${after.join(" or ")} may enter; was no group required`)];
    return [
      ...without(after, before).map((it) => says("opens", `members of group ${it} may enter`)),
      ...without(before, after).map((it) =>
        says("closes", `members of group ${it} may no longer enter because of it`),
      ),
    ];
  },
  // Its only effect is that emailDomains may be omitted.
  guests: (_, after, whole) =>
    whole.before.emailDomains.length > 0 && whole.after.emailDomains.length > 0
      ? [plain(`guests: ${after} has no effect with emailDomains, which say who may sign in`)]
      : [],
  roles: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ value }) => value === now.value);
      const [has, had] = [now, was ?? { groups: [], users: [], applications: [] }].map(
        ({ groups, users, applications }) => [
          ...groups.map((it) => `group ${it}`),
          ...users,
          ...applications.map((it) => `application ${it}, with a bearer token instead of signing in,`),
        ],
      );
      return [
        ...(was === undefined ? [plain(`a new role: ${now.value}`)] : []),
        ...without(has ?? [], had ?? []).map((it) => says("opens", `${it} has the role ${now.value}`)),
        ...without(had ?? [], has ?? []).map((it) =>
          says("closes", `${it} no longer has the role ${now.value}`),
        ),
        ...(was === undefined || was.displayName === now.displayName
          ? []
          : [plain(`Entra shows the role ${now.value} as ${now.displayName}`)]),
      ];
    }),
    ...before
      .filter(({ value }) => !after.some((it) => it.value === value))
      .map((was) => says("closes", `the role ${was.value} is removed from everybody who had it`)),
  ],
  paths: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ path }) => path === now.path);
      if (was === undefined) return [says("closes", `${below(now)} additionally requires ${neededFor(now)}`)];
      return [
        ...(was.match === now.match
          ? []
          : [plain(`the rule for ${now.path} is for ${below(now)}; was ${below(was)}`)]),
        ...without(now.allowedGroups, was.allowedGroups).map((it) =>
          says("opens", `members of group ${it} may enter ${below(now)}`),
        ),
        ...without(was.allowedGroups, now.allowedGroups).map((it) =>
          says("closes", `members of group ${it} may no longer enter ${below(now)} because of it`),
        ),
        ...without(now.allowedRoles, was.allowedRoles).map((it) =>
          says("opens", `anybody with the role ${it} may enter ${below(now)}`),
        ),
        ...without(was.allowedRoles, now.allowedRoles).map((it) =>
          says("closes", `anybody with the role ${it} may no longer enter ${below(now)} because of it`),
        ),
      ];
    }),
    ...before
      .filter(({ path }) => !after.some((it) => it.path === path))
      .map((was) => says("opens", `${below(was)} requires no more than the site; was ${neededFor(was)}`)),
  ],
  open: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ path }) => path === now.path);
      const methods = now.methods.join(", ");
      if (was === undefined)
        return [
          says("opens", `${below(now)} is open to EVERYBODY without signing in (${methods}): ${now.why}`),
          ...(now.passAuthorization ? [authorization(true, `at ${below(now)} `)] : []),
        ];
      return [
        ...(was.match === now.match
          ? []
          : [plain(`the open part of ${now.path} is ${below(now)}; was ${below(was)}`)]),
        ...without(now.methods, was.methods).map((it) =>
          says("opens", `${it} ${below(now)} is open to EVERYBODY`),
        ),
        ...without(was.methods, now.methods).map((it) =>
          says("closes", `${it} ${below(now)} is no longer open`),
        ),
        ...(was.passAuthorization === now.passAuthorization
          ? []
          : [authorization(now.passAuthorization, `at ${below(now)} `)]),
        ...(was.why === now.why ? [] : [plain(`why ${below(now)} is open: ${now.why}`)]),
      ];
    }),
    ...before
      .filter(({ path }) => !after.some((it) => it.path === path))
      .map((was) => says("closes", `${below(was)} is no longer open to everybody`)),
  ],
  metricsPort: (before, after) => [plain(`its metrics are on loopback port ${after}; was ${before}`)],
  identityHeaders: (before, after) => [
    ...without(after, before).map((it) => says("weakens", `the backend gets ${told[it] ?? it}`)),
    ...without(before, after).map((it) => plain(`the backend no longer gets ${told[it] ?? it}`)),
  ],
  passAuthorization: (_, after) => [authorization(after, "")],
  cookieExpire: (before, after) => [
    longer(before, after, `a session lasts ${after} without a request; was ${before}`),
  ],
  cookieRefresh: (before, after) => {
    const blocked = "people who are blocked there stay signed in for that long";
    if (after === undefined)
      return [says("weakens", `a session is never checked with Entra again; was every ${before ?? ""}`)];
    if (before === undefined) return [plain(`a session is checked with Entra every ${after}; was never`)];
    const text = `a session is checked with Entra every ${after}; was ${before} (${blocked})`;
    return [longer(before, after, text)];
  },
  conditionalAccess: (before, after) => {
    const was = JSON.stringify(before);
    if (after === undefined)
      return [says("weakens", `Entra's conditional access policy of the site is removed: ${was}`)];
    if (before === undefined)
      return [plain(`Entra applies a conditional access policy to the site: ${JSON.stringify(after)}`)];
    return [says("weakens", `another conditional access policy: ${JSON.stringify(after)}; was ${was}`)];
  },
  accessTokenScope: (before, after) => [
    says(
      after === undefined ? "plain" : "weakens",
      `the access token is for ${after ?? "Microsoft Graph"}; was ${before ?? "Microsoft Graph"}`,
    ),
  ],
  proxyPrefix: (before, after, whole) => {
    const { formerProxyPrefixes: former } = whole.after;
    return [
      plain(
        `the sign-in is below ${after}/; was below ${before}/, which now belongs to the backend. Its registration gets another redirect URI first; sessions stay valid, and ${former.includes(before) ? "sign-ins in progress reach their page" : "sign-ins in progress have to be started again"}`,
      ),
      ...(former.includes(before)
        ? []
        : [
            plain(
              `a host cannot sign anybody in before it has the change, or after a rollback: without ${before} in formerProxyPrefixes, its registration no longer has the old address`,
            ),
          ]),
    ];
  },
  formerProxyPrefixes: (before, after) => [
    ...without(after, before).map((it) => plain(`its registration also has the addresses below ${it}/`)),
    ...without(before, after).map((it) => plain(`its registration no longer has the addresses below ${it}/`)),
  ],
  sessionStore: (before, after) => [
    says(
      "signs out",
      `sessions are stored elsewhere (${after}; was ${before}), so everybody has to sign in again`,
    ),
  ],
  redis: (before, after) => {
    const where = (it: Site["redis"]) =>
      it === undefined ? "none" : `${it.tls ? "rediss" : "redis"}://${it.host}:${it.port}/${it.database}`;
    return [
      plain(`the Redis of its sessions is ${where(after)}; was ${where(before)}`),
      ...(after !== undefined && !after.tls && before?.tls !== false
        ? [says("weakens", "the connection to that Redis is not encrypted")]
        : []),
      ...(before !== undefined && after !== undefined && where(before) !== where(after)
        ? [says("signs out", "sessions of the old Redis are not migrated, so everybody has to sign in again")]
        : []),
    ];
  },
  authCache: (before, after) => {
    if (after === undefined) return [plain("oauth2-proxy checks every request again")];
    const text = `people who are signed out, blocked or refused stay in for up to ${after}; was ${before ?? "not at all"}`;
    return [before === undefined ? says("weakens", text) : longer(before, after, text)];
  },
  signInRate: (before, after) => [
    says(
      perMinute(after) > perMinute(before) ? "weakens" : "plain",
      `one address may start ${after === "off" ? "any number of sign-ins" : `${after} of sign-ins`}; was ${before}`,
    ),
  ],
  maintenance: (before, after) => {
    if (after === undefined) return [says("opens", "the site is open again: maintenance is over")];
    return [
      before === undefined
        ? says("closes", `EVERYBODY gets a page with status 503 instead of the site: ${after}`)
        : plain(`the maintenance page says: ${after}`),
    ];
  },
  contact: (_, after) => [plain(`pages refer people with questions to ${after}`)],
  securityHeaders: (before, after, { after: { domain } }) => [
    ...without(after.frameAncestors, before.frameAncestors).map((it) =>
      says(
        "weakens",
        `${it === "*" ? "anybody" : it} may embed the site in a frame${it === "self" || it === "*" || isSameSite(it, domain) ? "" : "; to browsers it is another site, so they send no session: the frame shows only what is open"}`,
      ),
    ),
    ...without(before.frameAncestors, after.frameAncestors).map((it) =>
      plain(`${it === "*" ? "not everybody" : `${it} no longer`} may embed the site in a frame`),
    ),
    ...(before.referrerPolicy === after.referrerPolicy
      ? []
      : [plain(`other sites get referrers by ${after.referrerPolicy}; was ${before.referrerPolicy}`)]),
    ...(before.contentTypeOptions === after.contentTypeOptions
      ? []
      : [
          after.contentTypeOptions
            ? plain("browsers must not guess content types")
            : says("weakens", "browsers may guess content types"),
        ]),
    ...(before.permissionsPolicy === after.permissionsPolicy
      ? []
      : [plain(`browser features: ${after.permissionsPolicy ?? "not restricted"}`)]),
  ],
  clientMaxBodySize: (before, after) => [plain(`a request's body may have up to ${after}; was ${before}`)],
  backupUpstreams: (before, after) => [
    ...without(after, before).map((it) => plain(`while the backend is down, ${it} is used`)),
    ...without(before, after).map((it) => plain(`${it} is no longer used as a backup`)),
  ],
  upstreams: (before, after) => {
    const all = (path: string) => below({ path, match: "prefix" });
    return [
      ...after.flatMap(({ path, upstream }) => {
        const was = before.find((it) => it.path === path)?.upstream;
        if (was === upstream) return [];
        return [
          plain(`requests to ${all(path)} go to ${upstream}${was === undefined ? "" : `; was ${was}`}`),
        ];
      }),
      ...before
        .filter(({ path }) => !after.some((it) => it.path === path))
        .map(({ path, upstream }) =>
          plain(`requests to ${all(path)} no longer go to ${upstream}, but to the same backend as the rest`),
        ),
    ];
  },
  hostHeader: (before, after) => [
    plain(`the backend gets the Host of the ${after}; was that of the ${before}`),
  ],
  upstreamCa: (before, after) => [plain(`the backend is verified by ${after}; was ${before}`)],
  upstreamServerName: (before, after) => [
    plain(`the backend's certificate is for ${after ?? "its host"}; was for ${before ?? "its host"}`),
  ],
  buffering: (_before, after) => [
    plain(after ? "bodies are buffered" : "bodies are streamed without buffering"),
  ],
  refuseHtFiles: (_before, after) => [
    plain(
      after
        ? "Nginx refuses paths with a segment that begins with .ht"
        : "paths with a segment that begins with .ht go to the backend like any other",
    ),
  ],
  proxyConnectTimeout: (before, after) => [
    plain(`the backend may take ${after} to accept a connection; was ${before}`),
  ],
  proxySendTimeout: (before, after) => [
    plain(`the backend may stop reading a body for ${after}; was ${before}`),
  ],
  proxyBufferSize: (before, after) => [plain(`a response's headers may have up to ${after}; was ${before}`)],
  keepaliveTimeout: (before, after) => [
    plain(`an idle connection to the backend is kept for ${after}; was ${before}`),
  ],
  proxyReadTimeout: (before, after) => [plain(`the backend may be silent for ${after}; was ${before}`)],
  clientSecrets: (before, after) => {
    const generations = (list: Site["clientSecrets"]) => list.map(({ generation }) => generation);
    const used = after.at(-1);
    const usedBefore = before.at(-1);
    return [
      ...without(generations(after), generations(before)).map((it) =>
        says("rotates", `client secret ${it} is created in Entra; nobody is signed out`),
      ),
      ...(used?.generation === usedBefore?.generation
        ? []
        : [
            says(
              "rotates",
              `hosts use client secret ${used?.generation ?? ""}; was ${usedBefore?.generation ?? ""}`,
            ),
          ]),
      ...without(generations(before), generations(after)).map((it) =>
        says("rotates", `client secret ${it} is removed from Entra once every host uses its successor`),
      ),
      ...after.flatMap((now) => {
        const was = before.find(({ generation }) => generation === now.generation);
        return was === undefined || was.endDate === now.endDate
          ? []
          : [
              says(
                "rotates",
                `client secret ${now.generation} is recreated: it expires ${now.endDate ?? "on Entra's default date"}; was ${was.endDate ?? "Entra's default date"}`,
              ),
            ];
      }),
      ...(JSON.stringify(generations(before)) === JSON.stringify(generations(after)) &&
      before.every((it, index) => it.endDate === after[index]?.endDate)
        ? [plain("the date on which a replaced client secret may be removed has changed")]
        : []),
    ];
  },
  cookieSecretGeneration: (before, after) => [
    says("signs out", `a new cookie secret (${after}; was ${before}): everybody has to sign in again`),
  ],
  certificateFrom: (before, after) => {
    const from = { files: "files on the hosts", internalCa: "the stack's own CA", acme: "an ACME server" };
    return [plain(`its certificate is from ${from[after]}; was ${from[before]}`)];
  },
  cookieName: (before, after) => [
    says(
      "signs out",
      `everybody has to sign in again: the session cookie is ${after ?? "named after the domain"}; was ${before ?? "named after the domain"}`,
    ),
  ],
  owners: (before, after) => [
    ...without(after, before).map((it) =>
      says("opens", `${it} owns its registration in Entra, and may add secrets and redirect URIs to it`),
    ),
    ...without(before, after).map((it) => says("closes", `${it} no longer owns its registration in Entra`)),
    ...(after.length < 2 ? [plain("its registration has fewer than two owners besides the deployer")] : []),
  ],
  serviceManagementReference: (before, after) => [
    plain(`its registration refers to ${after ?? "no service record"}; was ${before ?? "none"}`),
  ],
  adoptedRegistration: (before, after) => [
    after === undefined || after.application === before?.application
      ? plain("its registration in Entra stays as it is")
      : says(
          "signs out",
          `everybody has to sign in again: its registration in Entra is now ${after.application}, and the previous one is deleted`,
        ),
  ],
  certificates: (before, after) => [plain(`its certificate is in ${after}; was ${before}`)],
};

/** The settings of an environment. */
export const environmentMeaning: Entries<Omit<Environment, "sites">> = {
  tenantId: (before, after) => [
    says("opens", `people of tenant ${after} may sign in`),
    says("closes", `people of tenant ${before} may no longer sign in`),
    says("signs out", "every registration is recreated in another tenant"),
  ],
  adminUser: (before, after) => [plain(`hosts are set up as user ${after}; was ${before}`)],
  oauth2Proxy: (before, after) => [
    ...(before.version === after.version
      ? []
      : [
          says(
            isOlder(after.version, before.version) ? "weakens" : "plain",
            `hosts run oauth2-proxy ${after.version}; was ${before.version}`,
          ),
        ]),
    ...(before.arm64?.sha256 === after.arm64?.sha256 && before.arm64?.url === after.arm64?.url
      ? []
      : [plain(`its archive for ARM is ${after.arm64?.url ?? "missing: such hosts are refused"}`)]),
    ...(before.sha256 === after.sha256 && before.url === after.url
      ? []
      : [plain(`its archive is ${after.url} with SHA-256 ${after.sha256.slice(0, 12)}…`)]),
  ],
  deployerKeyGenerations: (before, after) => [
    ...without(after.map(String), before.map(String)).map((it) =>
      says("rotates", `deployer key ${it} may push to every host`),
    ),
    ...without(before.map(String), after.map(String)).map((it) =>
      says("rotates", `deployer key ${it} may no longer push to any host`),
    ),
  ],
  repairDrift: (_, after) => [
    after
      ? plain("drift on a host is reported, and repaired by the next update")
      : says("weakens", "drift on a host is neither reported nor repaired"),
  ],
  renamedSites: (_, after) =>
    Object.entries(after).map(([name, before]) =>
      plain(`site "${name}" was called "${before}"; its registration and secrets stay`),
    ),
  onHostFailure: (_, after) => [
    plain(
      after === "rollback"
        ? "if a host rejects a site's change, the hosts that have it are rolled back"
        : "if a host rejects a site's change, the hosts that have it keep it",
    ),
  ],
  expiryWarningDays: (before, after) => [
    plain(`warns ${after} days before a client secret expires; was ${before}`),
  ],
  outboundProxy: (before, after) => [
    plain(
      `hosts reach Entra ${after === undefined ? "directly" : `through ${after}`}; was ${before ?? "directly"}`,
    ),
  ],
  workerShutdownTimeout: (before, after) => [
    plain(`connections from before a push, such as WebSockets, last ${after} at most; was ${before}`),
  ],
  acme: (before, after) => [
    ...(before.server === after.server
      ? []
      : [plain(`ACME certificates are from ${after.server}; was ${before.server}`)]),
    ...(before.email === after.email
      ? []
      : [plain(`the ACME server's contact is ${after.email ?? "nobody"}; was ${before.email ?? "nobody"}`)]),
  ],
  internalCa: (before, after) => [
    ...without(after.generations, before.generations).map((it) =>
      plain(`CA ${it} is created; clients have to trust it before it signs`),
    ),
    ...without(before.generations, after.generations).map((it) =>
      says("rotates", `CA ${it} is no longer trusted`),
    ),
    ...(signing(before) === signing(after)
      ? []
      : [says("rotates", `CA ${signing(after)} reissues every certificate; was ${signing(before)}`)]),
    ...(before.certificateDays === after.certificateDays && before.renewalDays === after.renewalDays
      ? []
      : [
          says(
            "rotates",
            `certificates are valid for ${after.certificateDays} days and renewed ${after.renewalDays} days before they expire`,
          ),
        ]),
    ...(before.expiryWarningDays === after.expiryWarningDays
      ? []
      : [plain(`warns ${after.expiryWarningDays} days before a CA expires`)]),
  ],
  allowVulnerableOauth2Proxy: (_, after) => [
    after
      ? says("weakens", "an oauth2-proxy with known vulnerabilities is accepted")
      : plain("an oauth2-proxy with known vulnerabilities is refused"),
  ],
  allowVulnerableNginx: (_, after) => [
    after
      ? says("weakens", "an Nginx with known vulnerabilities is accepted")
      : plain("an Nginx with known vulnerabilities is refused"),
  ],
  hosts: (before, after) => hostStatements(before, after),
};

function signing({ generations, signingGeneration }: Environment["internalCa"]): number | undefined {
  return signingGeneration ?? generations[0];
}

function hostStatements(before: readonly Host[], after: readonly Host[]): Statement[] {
  const named = (list: readonly Host[], name: string) => list.find((it) => it.name === name);
  const canary = (list: readonly Host[]) => list[0]?.name ?? "none";
  return [
    ...after
      .filter(({ name }) => named(before, name) === undefined)
      .map(({ name, address }) => plain(`host ${name} (${address}) is set up and serves every site`)),
    ...before
      .filter(({ name }) => named(after, name) === undefined)
      .map(({ name, address }) =>
        plain(`host ${name} (${address}) is torn down and serves nothing any more`),
      ),
    ...after.flatMap((now) => {
      const was = named(before, now.name);
      if (was === undefined) return [];
      return [
        ...(was.address === now.address && was.port === now.port
          ? []
          : [plain(`host ${now.name} is at ${now.address}:${now.port}; was ${was.address}:${was.port}`)]),
        ...(jumpOf(was) === jumpOf(now)
          ? []
          : [plain(`host ${now.name} is reached through ${jumpOf(now)}; was ${jumpOf(was)}`)]),
        ...(was.hostKey === now.hostKey
          ? []
          : [says("weakens", `host ${now.name} has a DIFFERENT KEY: make sure that it is the same machine`)]),
      ];
    }),
    ...(canary(before) === canary(after)
      ? []
      : [plain(`${canary(after)} is the canary and gets every change first; was ${canary(before)}`)]),
  ];
}

function jumpOf({ jumpHost }: Host): string {
  if (jumpHost === undefined) return "no jump host";
  const { user, address, port, hostKey } = jumpHost;
  return `${user}@${address}:${port} (${hostKey.split(" ")[1]?.slice(-12)})`;
}

/**
 * The statements for all fields that differ.
 * @param before of an older commit: a setting that its model did not know is `undefined`
 */
export function changes<Whole extends object>(
  entries: Entries<Whole>,
  before: Whole,
  after: Whole,
): (Statement & { readonly field: string })[] {
  return (Object.keys(entries) as (keyof Whole & string)[]).flatMap((field) => {
    const [was, is] = [before[field], after[field]] as [
      Whole[typeof field] | undefined,
      Whole[typeof field] | undefined,
    ];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const statements =
      (was === undefined || is === undefined) && !optional.includes(field)
        ? [plain(`${field}: ${shown(is)}; was ${shown(was)}`)]
        : entries[field](was as Whole[typeof field], is as Whole[typeof field], { before, after });
    return statements.map((statement) => ({ ...statement, field }));
  });
}

/** Optional settings: their entry describes what it means if there is none. */
const optional: readonly string[] = [
  "cookieRefresh",
  "redis",
  "conditionalAccess",
  "accessTokenScope",
  "authCache",
  "maintenance",
  "cookieName",
  "serviceManagementReference",
  "adoptedRegistration",
];

function shown(value: unknown): string {
  return value === undefined ? "not a setting yet" : JSON.stringify(value);
}

function authorization(passed: boolean, where: string): Statement {
  return passed
    ? says("weakens", `${where}the backend gets the Authorization header from anybody unchecked`)
    : plain(`${where}the backend gets no Authorization header of clients`);
}

/** Who has access to a new site, in words. */
export function gateInWords(site: Pick<Site, "emailDomains" | "allowedGroups" | "roles">): string {
  const domains = site.emailDomains.map((it) => `@${it}`).join(" or ");
  const groups = [...site.allowedGroups, ...site.roles.map(({ value }) => `the role ${value}`)];
  if (groups.length === 0) return `everybody of ${domains}`;
  const people =
    domains === "" ? "everybody, including guests from other organisations," : `people of ${domains}`;
  return `${people} who are in ${groups.join(" or ")}`;
}

function below({ path, match }: { readonly path: string; readonly match: string }): string {
  return match === "prefix" ? `${path.replace(/\/$/, "")}/ and everything below` : path;
}

function neededFor({ allowedGroups, allowedRoles }: PathRule): string {
  return [...allowedGroups, ...allowedRoles.map((it) => `the role ${it}`)].join(" or ");
}

function says(effect: Effect, text: string): Statement {
  return { effect, text };
}

function plain(text: string): Statement {
  return says("plain", text);
}

function longer(before: string, after: string, text: string): Statement {
  return says(seconds(after) > seconds(before) ? "weakens" : "plain", text);
}

function perMinute(rate: string): number {
  if (rate === "off") return Number.POSITIVE_INFINITY;
  return Number.parseInt(rate, 10) * (rate.endsWith("s") ? 60 : 1);
}

function without<T>(list: readonly T[], taken: readonly T[]): T[] {
  return list.filter((it) => !taken.includes(it));
}

function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((it) => it.split(".").map(Number));
  const first = one?.findIndex((part, index) => part !== other?.[index]) ?? -1;
  return first >= 0 && (one?.[first] ?? 0) < (other?.[first] ?? 0);
}
