/**
 * What a change of the configuration means, in words: one entry for each setting of a site and of an environment. A
 * new setting does not compile until it has its entry here.
 */
import { isEncrypted, protocolOf } from "../../components/site/backends.ts";
import type { PathRule } from "../../components/site/path-access.ts";
import type { Site } from "../../components/site/site.ts";
import { isSameSite } from "../../components/site/browser-cookies.ts";
import { seconds } from "../../components/site/site.ts";
import type { Environment, Host } from "../environment.ts";

/** What a reviewer should look at first. Access itself is judged from the rendered files: see access.ts. */
export type Effect = "opens" | "closes" | "weakens" | "signs out" | "rotates" | "plain";

/** One change in words. */
export interface Statement {
  readonly text: string;
  readonly effect: Effect;
}

/** Puts the change of a setting into words; called only where the two differ. */
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
    says("signs out", `everybody signs in anew: the session cookie belongs to ${before}`),
  ],
  port: (before, after) => [
    plain(
      `its oauth2-proxy listens on loopback port ${after}; before ${before}; while it moves, requests fail for a moment`,
    ),
  ],
  upstream: (before, after) => [
    plain(`another backend: ${after}; before ${before}`),
    ...(protocolOf(before) === protocolOf(after)
      ? []
      : [
          protocolOf(after) === "grpc"
            ? plain("it is asked by gRPC, for its clients only: no pages of it, and no WebSockets")
            : plain("it is asked by HTTP, and no longer by gRPC"),
        ]),
    ...(isEncrypted(before) && !isEncrypted(after)
      ? [says("weakens", "the way to the backend is no longer encrypted")]
      : []),
  ],
  emailDomains: (before, after) => {
    const [were, are] = [before, after].map((it) => it.map((domain) => `@${domain}`).join(" or "));
    if (after.length === 0)
      return [
        says("opens", `whoever has a role or group may sign in, also guests; before, people of ${were}`),
      ];
    if (before.length === 0)
      return [
        says("closes", `only people of ${are} may sign in; before, also guests who have a role or group`),
      ];
    return [
      ...without(after, before).map((it) => says("opens", `people of @${it} may sign in`)),
      ...without(before, after).map((it) => says("closes", `people of @${it} may no longer sign in`)),
    ];
  },
  allowedGroups: (before, after) => {
    if (after.length === 0)
      return [says("opens", `no group is needed any more; before, one of ${before.join(", ")}`)];
    if (before.length === 0)
      return [says("closes", `only members of ${after.join(" or ")} may enter; before, no group was needed`)];
    return [
      ...without(after, before).map((it) => says("opens", `members of group ${it} may enter`)),
      ...without(before, after).map((it) =>
        says("closes", `members of group ${it} may no longer enter for that`),
      ),
    ];
  },
  // It lets emailDomains be left out, and does nothing else.
  guests: (_, after, whole) =>
    whole.before.emailDomains.length > 0 && whole.after.emailDomains.length > 0
      ? [plain(`guests: ${after} changes nothing beside emailDomains, which say who may sign in`)]
      : [],
  roles: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ value }) => value === now.value);
      const [has, had] = [now, was ?? { groups: [], users: [], applications: [] }].map(
        ({ groups, users, applications }) => [
          ...groups.map((it) => `group ${it}`),
          ...users,
          ...applications.map((it) => `application ${it}, with a bearer token in place of a sign-in,`),
        ],
      );
      return [
        ...(was === undefined ? [plain(`a new role: ${now.value}`)] : []),
        ...without(has ?? [], had ?? []).map((it) => says("opens", `${it} has the role ${now.value}`)),
        ...without(had ?? [], has ?? []).map((it) =>
          says("closes", `${it} has the role ${now.value} no longer`),
        ),
        ...(was === undefined || was.displayName === now.displayName
          ? []
          : [plain(`Entra shows the role ${now.value} as ${now.displayName}`)]),
      ];
    }),
    ...before
      .filter(({ value }) => !after.some((it) => it.value === value))
      .map((was) => says("closes", `the role ${was.value} is removed, from everybody who had it`)),
  ],
  paths: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ path }) => path === now.path);
      if (was === undefined) return [says("closes", `${below(now)} needs ${neededFor(now)} in addition`)];
      return [
        ...(was.match === now.match
          ? []
          : [plain(`the rule for ${now.path} is for ${below(now)}; before ${below(was)}`)]),
        ...without(now.allowedGroups, was.allowedGroups).map((it) =>
          says("opens", `members of group ${it} may enter ${below(now)}`),
        ),
        ...without(was.allowedGroups, now.allowedGroups).map((it) =>
          says("closes", `members of group ${it} may no longer enter ${below(now)} for that`),
        ),
        ...without(now.allowedRoles, was.allowedRoles).map((it) =>
          says("opens", `who has the role ${it} may enter ${below(now)}`),
        ),
        ...without(was.allowedRoles, now.allowedRoles).map((it) =>
          says("closes", `who has the role ${it} may no longer enter ${below(now)} for that`),
        ),
      ];
    }),
    ...before
      .filter(({ path }) => !after.some((it) => it.path === path))
      .map((was) => says("opens", `${below(was)} needs no more than the site; before, ${neededFor(was)}`)),
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
          : [plain(`what is open of ${now.path} is ${below(now)}; before ${below(was)}`)]),
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
  metricsPort: (before, after) => [plain(`its metrics are on loopback port ${after}; before ${before}`)],
  identityHeaders: (before, after) => [
    ...without(after, before).map((it) => says("weakens", `the backend is told ${told[it] ?? it}`)),
    ...without(before, after).map((it) => plain(`the backend is no longer told ${told[it] ?? it}`)),
  ],
  passAuthorization: (_, after) => [authorization(after, "")],
  cookieExpire: (before, after) => [
    longer(before, after, `a session lasts ${after} without a request; before ${before}`),
  ],
  cookieRefresh: (before, after) => {
    const blocked = "whoever is blocked there stays in for so long";
    if (after === undefined)
      return [says("weakens", `a session is never checked with Entra again; before, every ${before ?? ""}`)];
    if (before === undefined) return [plain(`a session is checked with Entra every ${after}; before, never`)];
    const text = `a session is checked with Entra every ${after}; before ${before} (${blocked})`;
    return [longer(before, after, text)];
  },
  conditionalAccess: (before, after) => {
    const was = JSON.stringify(before);
    if (after === undefined)
      return [says("weakens", `Entra's conditional access policy of the site is removed: ${was}`)];
    if (before === undefined)
      return [plain(`Entra applies a conditional access policy to the site: ${JSON.stringify(after)}`)];
    return [says("weakens", `another conditional access policy: ${JSON.stringify(after)}; before ${was}`)];
  },
  accessTokenScope: (before, after) => [
    says(
      after === undefined ? "plain" : "weakens",
      `the access token is for ${after ?? "Microsoft Graph"}; before ${before ?? "Microsoft Graph"}`,
    ),
  ],
  proxyPrefix: (before, after, whole) => {
    const { formerProxyPrefixes: former } = whole.after;
    return [
      plain(
        `the sign-in is below ${after}/; before below ${before}/, which is the application's now. Its registration gets another redirect URI first; sessions stay, and ${former.includes(before) ? "sign-ins that are under way lead to their page" : "a sign-in that is under way has to be begun anew"}`,
      ),
      ...(former.includes(before)
        ? []
        : [
            plain(
              `a host cannot sign anybody in until it has the change, nor where it goes back: without ${before} in formerProxyPrefixes, its registration no longer has the old address`,
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
      `sessions live in another place (${after}; before ${before}), so everybody signs in anew`,
    ),
  ],
  redis: (before, after) => {
    const where = (it: Site["redis"]) =>
      it === undefined ? "none" : `${it.tls ? "rediss" : "redis"}://${it.host}:${it.port}/${it.database}`;
    return [
      plain(`the Redis of its sessions is ${where(after)}; before ${where(before)}`),
      ...(after !== undefined && !after.tls && before?.tls !== false
        ? [says("weakens", "the way to that Redis is not encrypted")]
        : []),
      ...(before !== undefined && after !== undefined && where(before) !== where(after)
        ? [says("signs out", "sessions of the old Redis are not taken over, so everybody signs in anew")]
        : []),
    ];
  },
  authCache: (before, after) => {
    if (after === undefined) return [plain("oauth2-proxy is asked at every request again")];
    const text = `who is signed out, blocked or refused stays in for up to ${after}; before ${before ?? "no longer"}`;
    return [before === undefined ? says("weakens", text) : longer(before, after, text)];
  },
  signInRate: (before, after) => [
    says(
      perMinute(after) > perMinute(before) ? "weakens" : "plain",
      `one address may begin ${after === "off" ? "any number of sign-ins" : `${after} of sign-ins`}; before ${before}`,
    ),
  ],
  maintenance: (before, after) => {
    if (after === undefined) return [says("opens", "the site is open again: its maintenance is over")];
    return [
      before === undefined
        ? says("closes", `EVERYBODY gets a page with status 503 in place of the site: ${after}`)
        : plain(`the page of its maintenance says: ${after}`),
    ];
  },
  contact: (_, after) => [plain(`pages send people with questions to ${after}`)],
  securityHeaders: (before, after, { after: { domain } }) => [
    ...without(after.frameAncestors, before.frameAncestors).map((it) =>
      says(
        "weakens",
        `${it === "*" ? "anybody" : it} may show the site in a frame${it === "self" || it === "*" || isSameSite(it, domain) ? "" : "; it is another site to browsers, which send no session there: the frame shows only what is open"}`,
      ),
    ),
    ...without(before.frameAncestors, after.frameAncestors).map((it) =>
      plain(`${it === "*" ? "not everybody" : `${it} no longer`} may show the site in a frame`),
    ),
    ...(before.referrerPolicy === after.referrerPolicy
      ? []
      : [plain(`other sites learn of links by ${after.referrerPolicy}; before ${before.referrerPolicy}`)]),
    ...(before.contentTypeOptions === after.contentTypeOptions
      ? []
      : [
          after.contentTypeOptions
            ? plain("browsers must not guess what kind a file is")
            : says("weakens", "browsers may guess what kind a file is"),
        ]),
    ...(before.permissionsPolicy === after.permissionsPolicy
      ? []
      : [plain(`features of browsers: ${after.permissionsPolicy ?? "as they are"}`)]),
  ],
  clientMaxBodySize: (before, after) => [plain(`a request's body may have ${after}; before ${before}`)],
  backupUpstreams: (before, after) => [
    ...without(after, before).map((it) => plain(`while the backend does not answer, ${it} is asked`)),
    ...without(before, after).map((it) => plain(`${it} is no longer asked in the backend's place`)),
  ],
  upstreams: (before, after) => {
    const all = (path: string) => below({ path, match: "prefix" });
    return [
      ...after.flatMap(({ path, upstream }) => {
        const was = before.find((it) => it.path === path)?.upstream;
        if (was === upstream) return [];
        return [
          plain(`requests to ${all(path)} go to ${upstream}${was === undefined ? "" : `; before to ${was}`}`),
        ];
      }),
      ...before
        .filter(({ path }) => !after.some((it) => it.path === path))
        .map(({ path, upstream }) =>
          plain(`requests to ${all(path)} no longer go to ${upstream}, but where those around them go`),
        ),
    ];
  },
  hostHeader: (before, after) => [
    plain(`the backend gets the Host of the ${after}; before that of the ${before}`),
  ],
  upstreamCa: (before, after) => [plain(`the backend is verified by ${after}; before by ${before}`)],
  upstreamServerName: (before, after) => [
    plain(`the backend's certificate is for ${after ?? "its host"}; before for ${before ?? "its host"}`),
  ],
  buffering: (_before, after) => [
    plain(after ? "bodies are buffered" : "bodies go through as they come, without buffers"),
  ],
  refuseHtFiles: (_before, after) => [
    plain(
      after
        ? "Nginx refuses paths with a name that begins with .ht"
        : "paths with a name that begins with .ht go to the backend, as any other",
    ),
  ],
  proxyConnectTimeout: (before, after) => [
    plain(`the backend may take ${after} to accept a connection; before ${before}`),
  ],
  proxySendTimeout: (before, after) => [
    plain(`the backend may take none of a body for ${after}; before ${before}`),
  ],
  proxyBufferSize: (before, after) => [plain(`the headers of an answer may have ${after}; before ${before}`)],
  keepaliveTimeout: (before, after) => [
    plain(`an idle connection to the backend is kept for ${after}; before ${before}`),
  ],
  proxyReadTimeout: (before, after) => [plain(`the backend may be silent for ${after}; before ${before}`)],
  clientSecrets: (before, after) => {
    const generations = (list: Site["clientSecrets"]) => list.map(({ generation }) => generation);
    const used = after.at(-1);
    const usedBefore = before.at(-1);
    return [
      ...without(generations(after), generations(before)).map((it) =>
        says("rotates", `client secret ${it} is made in Entra; nobody is signed out`),
      ),
      ...(used?.generation === usedBefore?.generation
        ? []
        : [
            says(
              "rotates",
              `hosts use client secret ${used?.generation ?? ""}; before ${usedBefore?.generation ?? ""}`,
            ),
          ]),
      ...without(generations(before), generations(after)).map((it) =>
        says("rotates", `client secret ${it} ends in Entra once every host uses its successor`),
      ),
      ...after.flatMap((now) => {
        const was = before.find(({ generation }) => generation === now.generation);
        return was === undefined || was.endDate === now.endDate
          ? []
          : [
              says(
                "rotates",
                `client secret ${now.generation} is made anew: it ends ${now.endDate ?? "when Entra says"}; before ${was.endDate ?? "when Entra says"}`,
              ),
            ];
      }),
      ...(JSON.stringify(generations(before)) === JSON.stringify(generations(after)) &&
      before.every((it, index) => it.endDate === after[index]?.endDate)
        ? [plain("the day on which a replaced client secret may go has changed")]
        : []),
    ];
  },
  cookieSecretGeneration: (before, after) => [
    says(
      "signs out",
      `a new cookie secret (${after}; before ${before}) signs everybody of the site out, once`,
    ),
  ],
  certificateFrom: (before, after) => {
    const from = { files: "files on the hosts", internalCa: "the stack's own CA", acme: "an ACME server" };
    return [plain(`its certificate is from ${from[after]}; before from ${from[before]}`)];
  },
  cookieName: (before, after) => [
    says(
      "signs out",
      `everybody signs in anew: the session cookie is ${after ?? "named after the domain"}; before ${before ?? "named after the domain"}`,
    ),
  ],
  owners: (before, after) => [
    ...without(after, before).map((it) =>
      says("opens", `${it} owns its registration in Entra, and may add secrets and redirect addresses to it`),
    ),
    ...without(before, after).map((it) => says("closes", `${it} owns its registration in Entra no longer`)),
    ...(after.length < 2 ? [plain("its registration has fewer than two owners beside the deployment")] : []),
  ],
  serviceManagementReference: (before, after) => [
    plain(`its registration refers to ${after ?? "no service register"}; before ${before ?? "to none"}`),
  ],
  adoptedRegistration: (before, after) => [
    after === undefined || after.application === before?.application
      ? plain("its registration in Entra stays as it is")
      : says(
          "signs out",
          `everybody signs in anew: its registration in Entra is now ${after.application}, and the one that it had is deleted`,
        ),
  ],
  certificates: (before, after) => [plain(`its certificate is in ${after}; before ${before}`)],
};

/** The settings of an environment. */
export const environmentMeaning: Entries<Omit<Environment, "sites">> = {
  tenantId: (before, after) => [
    says("opens", `people of tenant ${after} may sign in`),
    says("closes", `people of tenant ${before} may no longer sign in`),
    says("signs out", "every registration is made anew in another tenant"),
  ],
  adminUser: (before, after) => [plain(`hosts are set up as user ${after}; before ${before}`)],
  oauth2Proxy: (before, after) => [
    ...(before.version === after.version
      ? []
      : [
          says(
            isOlder(after.version, before.version) ? "weakens" : "plain",
            `hosts run oauth2-proxy ${after.version}; before ${before.version}`,
          ),
        ]),
    ...(before.arm64?.sha256 === after.arm64?.sha256 && before.arm64?.url === after.arm64?.url
      ? []
      : [plain(`its archive for ARM is ${after.arm64?.url ?? "not given: such hosts are refused"}`)]),
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
      ? plain("what has drifted on a host is told, and put right by the next update")
      : says("weakens", "what has drifted on a host is neither told nor put right by an update"),
  ],
  renamedSites: (_, after) =>
    Object.entries(after).map(([name, before]) =>
      plain(`site "${name}" is the one that was called "${before}"; its registration and secrets stay`),
    ),
  onHostFailure: (_, after) => [
    plain(
      after === "rollback"
        ? "where a host does not take a site's change, those that have it go back"
        : "where a host does not take a site's change, those that have it keep it",
    ),
  ],
  expiryWarningDays: (before, after) => [
    plain(`a client secret's end is told ${after} days before; before this change ${before}`),
  ],
  outboundProxy: (before, after) => [
    plain(
      `hosts reach Entra ${after === undefined ? "straight" : `by ${after}`}; before ${before ?? "straight"}`,
    ),
  ],
  workerShutdownTimeout: (before, after) => [
    plain(`connections of before a push, such as WebSockets, last ${after} at most; before ${before}`),
  ],
  acme: (before, after) => [
    ...(before.server === after.server
      ? []
      : [plain(`certificates by ACME are from ${after.server}; before from ${before.server}`)]),
    ...(before.email === after.email
      ? []
      : [
          plain(
            `the ACME server writes to ${after.email ?? "nobody"}; before to ${before.email ?? "nobody"}`,
          ),
        ]),
  ],
  internalCa: (before, after) => [
    ...without(after.generations, before.generations).map((it) =>
      plain(`CA ${it} is made; clients have to trust it before it signs`),
    ),
    ...without(before.generations, after.generations).map((it) =>
      says("rotates", `CA ${it} is no longer trusted`),
    ),
    ...(signing(before) === signing(after)
      ? []
      : [says("rotates", `CA ${signing(after)} signs every certificate anew; before ${signing(before)}`)]),
    ...(before.certificateDays === after.certificateDays && before.renewalDays === after.renewalDays
      ? []
      : [
          says(
            "rotates",
            `certificates are valid for ${after.certificateDays} days and renewed ${after.renewalDays} days before their end`,
          ),
        ]),
    ...(before.expiryWarningDays === after.expiryWarningDays
      ? []
      : [plain(`a CA's end is told ${after.expiryWarningDays} days before`)]),
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
      .map(({ name, address }) => plain(`host ${name} (${address}) is cleared and serves nothing any more`)),
    ...after.flatMap((now) => {
      const was = named(before, now.name);
      if (was === undefined) return [];
      return [
        ...(was.address === now.address && was.port === now.port
          ? []
          : [plain(`host ${now.name} is at ${now.address}:${now.port}; before ${was.address}:${was.port}`)]),
        ...(jumpOf(was) === jumpOf(now)
          ? []
          : [plain(`host ${now.name} is reached by way of ${jumpOf(now)}; before ${jumpOf(was)}`)]),
        ...(was.hostKey === now.hostKey
          ? []
          : [says("weakens", `host ${now.name} has ANOTHER KEY: be sure that it is the same machine`)]),
      ];
    }),
    ...(canary(before) === canary(after)
      ? []
      : [plain(`${canary(after)} takes every change first; before ${canary(before)}`)]),
  ];
}

function jumpOf({ jumpHost }: Host): string {
  if (jumpHost === undefined) return "no other host";
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
        ? [plain(`${field}: ${shown(is)}; before ${shown(was)}`)]
        : entries[field](was as Whole[typeof field], is as Whole[typeof field], { before, after });
    return statements.map((statement) => ({ ...statement, field }));
  });
}

/** Settings without which a site is whole: their entry tells what it means that there is none. */
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
  return value === undefined ? "there was no such setting" : JSON.stringify(value);
}

function authorization(passed: boolean, where: string): Statement {
  return passed
    ? says("weakens", `${where}the backend gets the Authorization header as anybody writes it`)
    : plain(`${where}the backend gets no Authorization header of clients`);
}

/** Who may open a new site, in words. */
export function gateInWords(site: Pick<Site, "emailDomains" | "allowedGroups" | "roles">): string {
  const domains = site.emailDomains.map((it) => `@${it}`).join(" or ");
  const groups = [...site.allowedGroups, ...site.roles.map(({ value }) => `the role ${value}`)];
  if (groups.length === 0) return `everybody of ${domains}`;
  const people = domains === "" ? "everybody, guests of other organisations too," : `people of ${domains}`;
  return `${people} who are in ${groups.join(" or ")}`;
}

function below({ path, match }: { readonly path: string; readonly match: string }): string {
  return match === "prefix" ? `${path.replace(/\/$/, "")}/ and all below it` : path;
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
