/** An environment as written in `stacks/Pulumi.<environment>.yaml`, and its validation. */
import { z } from "zod";

import type { HostSettings } from "../components/host/connection.ts";
import type { Oauth2ProxySettings } from "../components/proxy-host.ts";
import { addressOf, backendsOf } from "../components/site/backends.ts";
import * as checks from "../components/site/checks.ts";
import { letsEncrypt } from "../components/site/names.ts";
import { ConfigError, type Problem } from "../components/site/errors.ts";
import type { AcmeSettings } from "../components/protected-site.ts";
import {
  contradictions,
  metricsPortOf,
  type Site,
  type SiteSettings,
  siteSchema,
  withDefaults,
} from "../components/site/site.ts";

/**
 * An environment as its owner writes it, each key after `protected-sites:`; what is left out takes the default that is
 * stated.
 */
export interface EnvironmentSettings {
  /** The Entra tenant whose people may sign in: a GUID. */
  tenantId: string;
  /** The proxy hosts. The first takes every change first. */
  hosts: HostSettings[];
  /** The sites by their names. */
  sites: Record<string, SiteSettings>;
  /**
   * Settings that the sites share, as `emailDomains` or `sessionStore`; what a site says itself takes their place.
   * Not what is each site's own: its names, ports, addresses, secrets, and what is `open`. @default none
   */
  siteDefaults?: Partial<SiteSettings>;
  /** Who sets hosts up: SSH, and `sudo` without a password. @default `admin` */
  adminUser?: string;
  /**
   * That user's private key. Only as a secret: `pulumi config set --secret adminPrivateKey < key`.
   * @default the SSH agent
   */
  adminPrivateKey?: string;
  /**
   * Password of the Redis of sites with `sessionStore: redis`: letters, digits and `!%*+,./:=?@^_~-`. Only as a
   * secret: `pulumi config set --secret redisPassword`. @default none
   */
  redisPassword?: string;
  /**
   * Cookie secrets of other set-ups of oauth2-proxy whose sessions are taken over, by the site's name. Only as
   * secrets: `pulumi config set --secret --path adoptedCookieSecrets.wiki`. @default none
   */
  adoptedCookieSecrets?: Record<string, string>;
  /**
   * The release of oauth2-proxy that hosts get. For a mirror, or a newer version.
   * @default release 7.15.5, amd64
   */
  oauth2Proxy?: Oauth2ProxySettings;
  /**
   * SSH keys of the deployer that hosts take commands from, the last one in use: `npm run rotate -- --deployer-key`
   * changes it. @default `[1]`
   */
  deployerKeyGenerations?: number[];
  /**
   * By a site's name, the one that it had before: its registration and its secrets stay, and nobody is signed out. To be
   * taken out after the update. @default none
   */
  renamedSites?: Record<string, string>;
  /**
   * Every preview and update asks the hosts what they run, tells what has drifted, and has the update put it right.
   * `false` asks nobody. @default `true`
   */
  repairDrift?: boolean;
  /**
   * Where a later host does not take a site's change: `stop` leaves the earlier hosts with it and says so; `rollback`
   * takes them back to what they had, which needs `repairDrift`. @default `stop`
   */
  onHostFailure?: "stop" | "rollback";
  /** A preview warns when a client secret ends in fewer days, and fails when one has ended. @default `30` */
  expiryWarningDays?: number;
  /**
   * Forward proxy by which hosts reach Entra, oauth2-proxy's release and an ACME server, as in
   * `http://proxy.example.com:3128`; it takes no password. @default none
   */
  outboundProxy?: string;
  /**
   * How long after a push connections of before may last, such as WebSockets and downloads: a push that narrows who
   * may enter, or begins maintenance, ends them within that time. Longer, more memory is used after each push.
   * @default `10m`
   */
  workerShutdownTimeout?: string;
  /** The stack's own CA, which signs the certificates of sites with `certificateFrom: internalCa`. @default one CA */
  internalCa?: StackCaSettings;
  /** Who certifies sites with `certificateFrom: acme`. @default Let's Encrypt */
  acme?: AcmeSettings;
  /** Accept an oauth2-proxy older than 7.15.5. For closed laboratories only. @default `false` */
  allowVulnerableOauth2Proxy?: boolean;
  /** Accept an Nginx with known vulnerabilities that concern sites. For closed laboratories only. @default `false` */
  allowVulnerableNginx?: boolean;
}

/** The stack's own CA, and the certificates that it signs. */
export interface StackCaSettings {
  /** The numbers of the CAs that there are. Clients trust all of them; one of them signs. @default `[1]` */
  generations?: number[];
  /** The CA that signs. @default the first of `generations` */
  signingGeneration?: number;
  /** For how many days a site's certificate is valid. @default `90` */
  certificateDays?: number;
  /** How many days before its end a certificate is renewed at the latest, by the next update. @default `30` */
  renewalDays?: number;
  /** A preview warns when a CA ends in fewer days. @default `365` */
  expiryWarningDays?: number;
}

/** The host through which a proxy host is reached; it only forwards connections. */
const jumpHostSchema = z.strictObject(
  {
    address: checks.address,
    port: checks.wholeNumber(1, 65535).default(22),
    user: checks.userName,
    hostKey: checks.sshHostKey,
  },
  { error: checks.expected("a jump host's settings (address, user, hostKey)") },
);

/** A proxy host: where it is, and its host key. */
const hostSchema = z.strictObject(
  {
    name: checks.resourceName,
    address: checks.address,
    port: checks.wholeNumber(1, 65535).default(22),
    hostKey: checks.sshHostKey,
    jumpHost: jumpHostSchema.exactOptional(),
  },
  { error: checks.expected("a host's settings (name, address, hostKey)") },
);

/** The oauth2-proxy that hosts run: a release's archive, and its checksum. */
const oauth2ProxySchema = z.strictObject(
  {
    version: checks.version,
    url: checks.httpsUrl,
    sha256: checks.sha256,
    arm64: z
      .strictObject(
        { url: checks.httpsUrl, sha256: checks.sha256 },
        { error: checks.expected("an archive (url, sha256)") },
      )
      .exactOptional(),
  },
  { error: checks.expected("an oauth2-proxy release (version, url, sha256)") },
);

/** https://github.com/oauth2-proxy/oauth2-proxy/releases/tag/v7.15.5, the oldest without a known vulnerability. */
const oauth2ProxyDefault = {
  version: "7.15.5",
  url: "https://github.com/oauth2-proxy/oauth2-proxy/releases/download/v7.15.5/oauth2-proxy-v7.15.5.linux-amd64.tar.gz",
  sha256: "f63f94bf72c5f46ab002a0a275aa8b3cf19b4d828aed08a13978cb9a62c3a1fd",
};

const acmeSchema = z.strictObject(
  { server: checks.httpsUrl.default(letsEncrypt), email: checks.emailAddress.optional() },
  { error: checks.expected("an ACME server (server, email)") },
);

const day = checks.wholeNumber(1, 3650);
/** The CAs of the stack's own, which sign the certificates of sites with `certificateFrom: internalCa`. */
const internalCaSchema = z.strictObject(
  {
    generations: checks
      .listOf(checks.wholeNumber(1, 100_000), "the numbers of the CAs that clients trust")
      .min(1, { error: checks.expected("a list with the number of at least one CA") })
      .default([1]),
    signingGeneration: checks.wholeNumber(1, 100_000).optional(),
    certificateDays: day.default(90),
    renewalDays: day.default(30),
    expiryWarningDays: checks.wholeNumber(0, 3650).default(365),
  },
  { error: checks.expected("the stack's own CA (generations, …)") },
);

/** Settings that are specific to each site: what must be unique on a host, its secrets, and what is open. */
const ownOfEachSite = [
  "domain",
  "port",
  "metricsPort",
  "upstream",
  "backupUpstreams",
  "certificates",
  "clientSecrets",
  "cookieSecretGeneration",
  "cookieName",
  "adoptedRegistration",
  "open",
] as const satisfies (keyof typeof siteSchema.shape)[];

/** Settings that the sites of an environment share; a site's own take their place, whole. */
const siteDefaultsSchema = z.strictObject(
  {
    ...siteSchema.partial().shape,
    ...Object.fromEntries(
      ownOfEachSite.map((key) => [
        key,
        z.never({ error: "is specific to each site; set it there" }).optional(),
      ]),
    ),
  },
  { error: checks.expected("settings that the sites share (emailDomains, sessionStore, …)") },
);

/** The shape of an environment; also the source of the JSON Schema for editors. */
export const environmentSchema = z.strictObject({
  tenantId: checks.guid,
  adminUser: checks.userName.default("admin"),
  oauth2Proxy: oauth2ProxySchema.default(oauth2ProxyDefault),
  repairDrift: checks.flag.default(true),
  onHostFailure: z
    .enum(["stop", "rollback"], { error: checks.expected('"stop" or "rollback"') })
    .default("stop"),
  expiryWarningDays: checks.wholeNumber(0, 365).default(30),
  outboundProxy: checks.proxyUrl.optional(),
  workerShutdownTimeout: checks.duration.default("10m"),
  deployerKeyGenerations: checks
    .listOf(checks.wholeNumber(1, 100_000), "generations of the deployer's key")
    .min(1, { error: checks.expected("a list with at least one generation; the last one is in use") })
    .default([1]),
  internalCa: internalCaSchema.prefault({}),
  acme: acmeSchema.prefault({}),
  allowVulnerableOauth2Proxy: checks.flag.default(false),
  allowVulnerableNginx: checks.flag.default(false),
  hosts: checks
    .listOf(hostSchema, "hosts")
    .min(1, { error: checks.expected("a list with at least one host; the first is the canary") }),
  siteDefaults: siteDefaultsSchema.optional(),
  renamedSites: z
    .record(z.string(), z.string(), {
      error: checks.expected("a map from a site's name to the one it had before"),
    })
    .default({}),
  sites: z.record(z.string(), siteSchema, {
    error: checks.expected("a map from a site's name to its settings"),
  }),
});

/** A proxy host of an environment. */
export type Host = z.output<typeof hostSchema>;
/** An environment that has been checked. Made by {@link environmentFrom} only. */
export type Environment = Omit<z.output<typeof environmentSchema>, "sites" | "siteDefaults"> & {
  readonly sites: readonly Site[];
};

/** The addresses of all hosts, if one of the sites gets its certificate by ACME. */
export function acmeHosts({ hosts, sites }: Pick<Environment, "hosts" | "sites">): string[] | undefined {
  return sites.some(({ certificateFrom }) => certificateFrom === "acme")
    ? hosts.map(({ address }) => address)
    : undefined;
}

/** Settings that are encrypted in the stack's configuration. */
export const secretNames: readonly string[] = ["adminPrivateKey", "redisPassword", "adoptedCookieSecrets"];

/** Whether a setting, by name, is encrypted in the stack's configuration. */
export function isSecret(name: string): boolean {
  return secretNames.includes(name);
}

/** The settings of {@link environmentSchema} under their names in the stack's configuration, plus the secret ones. */
export const settingNames: readonly string[] = [...Object.keys(environmentSchema.shape), ...secretNames];

/**
 * Parses a setting's string: the engine passes lists, maps, numbers and booleans as JSON, and strings as they are.
 * `pulumi config set` writes all of them as strings.
 */
export function settingOf(text: string): unknown {
  if (!/^(?:[[{]|(?:true|false|\d+)$)/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * Checks an environment as a whole.
 * @param given the raw values by name
 * @param source the file that the user edits, for example `stacks/Pulumi.prod.yaml`
 * @throws ConfigError with everything that is wrong
 */
export function environmentFrom(given: unknown, source: string): Environment {
  const settings = withSiteDefaults(given);
  const parsed = environmentSchema.safeParse(settings);
  const problems = [
    ...(parsed.success
      ? []
      : checks.problemsOf(environmentSchema, parsed.error, (path) => placeIn(settings, path))),
    ...siteProblems(entriesOf(settings, "sites")),
    ...hostProblems(settings),
    ...deployerKeyProblems(at(settings, "deployerKeyGenerations")),
    ...internalCaProblems(at(settings, "internalCa")),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(source, problems);
  const { siteDefaults: _, sites, ...environment } = parsed.data;
  return { ...environment, sites: Object.entries(sites).map(([name, site]) => withDefaults(name, site)) };
}

/** Merges the valid shared settings into every site: an invalid one is reported once, and not for each site. */
function withSiteDefaults(settings: unknown): unknown {
  const defaults = at(settings, "siteDefaults");
  const { error } = siteDefaultsSchema.safeParse(defaults);
  const wrong = new Set(error?.issues.map(({ path: [key] }) => key));
  const shared = Object.entries(typeof defaults === "object" ? (defaults ?? {}) : {}).filter(
    ([key]) => Object.hasOwn(siteDefaultsSchema.shape, key) && !wrong.has(key),
  );
  if (shared.length === 0) return settings;
  const complete = entriesOf(settings, "sites").map(([name, site]): [string, object] => [
    name,
    { ...Object.fromEntries<unknown>(shared), ...site },
  ]);
  const sites = { ...(at(settings, "sites") as object), ...Object.fromEntries(complete) };
  return { ...(settings as object), sites };
}

function placeIn(settings: unknown, path: readonly PropertyKey[]): { where: string; field: string } {
  const [section, key, ...rest] = path;
  if (section === "siteDefaults") return { where: section, field: path.slice(1).join(".") };
  if (section === "sites" && key !== undefined)
    return { where: `site "${String(key)}"`, field: rest.join(".") };
  if (section === "hosts" && key !== undefined) {
    const name = at(at(at(settings, "hosts"), key), "name");
    const where = typeof name === "string" ? `host "${name}"` : `host ${Number(key) + 1} of the list`;
    return { where, field: rest.join(".") };
  }
  return { where: "", field: path.join(".") };
}

/** Checks sites against each other, even if other settings are invalid. */
function siteProblems(sites: readonly (readonly [name: string, args: object])[]): Problem[] {
  const problems: Problem[] = [];
  const portUsers = new Map<unknown, string>();
  const domainUsers = new Map<unknown, string>();
  const cookieUsers = new Map<unknown, string>();
  if (sites.length === 0) problems.push({ where: "", what: "sites must have at least one site" });
  for (const [name, args] of sites) {
    const where = `site "${name}"`;
    const named = checks.resourceName.safeParse(name);
    if (!named.success)
      problems.push({ where, what: `its name ${named.error.issues[0]?.message ?? "is not allowed"}` });
    problems.push(...contradictions(args).map((what) => ({ where, what })));

    /** @param user who uses the value, in words; a later user of the same value is an error */
    const takes = (users: Map<unknown, string>, field: string, value: unknown, user: string): boolean => {
      const other = users.get(value);
      if (other === undefined) users.set(value, user);
      else
        problems.push({
          where,
          what: `${field} ${String(value)} is already used by ${other}; give each site its own`,
        });
      return other === undefined;
    };
    const domain = at(args, "domain");
    if (typeof domain === "string") takes(domainUsers, "domain", domain, where);
    const cookie = at(args, "cookieName");
    // It is the prefix of their sessions' keys, by which those of a removed site are found.
    if (typeof cookie === "string" && at(args, "sessionStore") === "redis")
      takes(cookieUsers, "cookieName", cookie, `${where}, which also uses a Redis`);

    const takesPort = (field: string, number: unknown, user: string) =>
      typeof number !== "number" || takes(portUsers, field, number, user);
    const port = at(args, "port");
    const own = takesPort("port", port, where);
    const metricsPort = at(args, "metricsPort");
    // The default follows the port: one error is enough.
    if (own && metricsPort !== port) takesPort("metricsPort", metricsPortOf(args), `the metrics of ${where}`);
  }
  return [
    ...problems,
    ...sites.flatMap(([name, args]) => backendProblems(`site "${name}"`, args, portUsers)),
  ];
}

/** Backends on another site's port on the host; the site's own ports are checked with the site. */
function backendProblems(where: string, args: object, portUsers: ReadonlyMap<unknown, string>): Problem[] {
  return Object.entries(backendsOf(args)).flatMap(([key, backends]) =>
    backends.flatMap((upstream): Problem[] => {
      const address = addressOf(upstream);
      const user = address?.isLoopback === true ? portUsers.get(address.number) : undefined;
      if (user === undefined || user === where || user === `the metrics of ${where}`) return [];
      const what = `${key} "${upstream}" is on the port of ${user}; expected the backend's own port`;
      return [{ where, what }];
    }),
  );
}

function deployerKeyProblems(generations: unknown): Problem[] {
  if (!Array.isArray(generations)) return [];
  const numbers = generations.map(Number);
  const misplaced = numbers.find((it, index) => it <= (numbers[index - 1] ?? 0));
  return misplaced === undefined
    ? []
    : [
        {
          where: "",
          what: `deployerKeyGenerations must be in ascending order without duplicates, got ${misplaced} out of order`,
        },
      ];
}

function hostProblems(settings: unknown): Problem[] {
  const problems: Problem[] = [];
  const seen = { name: new Map<string, number>(), address: new Map<string, number>() };
  for (const [index, host] of entriesOf(settings, "hosts")) {
    for (const field of ["name", "address"] as const) {
      const value = at(host, field);
      if (typeof value !== "string") continue;
      const first = seen[field].get(value);
      if (first === undefined) seen[field].set(value, Number(index));
      else {
        const where = `host ${Number(index) + 1} of the list`;
        problems.push({
          where,
          what: `${field} ${value} is already used by host ${first + 1}; give each host its own`,
        });
      }
    }
  }
  return problems;
}

function internalCaProblems(given: unknown): Problem[] {
  const { data } = internalCaSchema.safeParse(given ?? {});
  if (data === undefined) return [];
  const { generations, signingGeneration, certificateDays, renewalDays } = data;
  const found: string[] = [];
  if (new Set(generations).size < generations.length)
    found.push(`generations must not have duplicates, got ${generations.join(", ")}`);
  if (signingGeneration !== undefined && !generations.includes(signingGeneration))
    found.push(
      `signingGeneration must be one of generations (${generations.join(", ")}), got ${signingGeneration}`,
    );
  if (renewalDays >= certificateDays)
    found.push(`renewalDays must be less than certificateDays (${certificateDays}), got ${renewalDays}`);
  return found.map((what) => ({ where: "internalCa", what }));
}

function entriesOf(settings: unknown, section: string): [string, object][] {
  const values = at(settings, section);
  if (typeof values !== "object" || values === null) return [];
  return Object.entries(values).filter(
    (entry): entry is [string, object] => typeof entry[1] === "object" && entry[1] !== null,
  );
}

function at(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}
