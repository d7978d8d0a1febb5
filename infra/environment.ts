/** An environment as written in `stacks/Pulumi.<environment>.yaml`, and its validation. */
import { z } from "zod";

import * as checks from "../components/site/checks.ts";
import { ConfigError } from "../components/site/errors.ts";
import { letsEncrypt } from "../components/site/names.ts";
import { pagesSchema } from "../components/site/pages.ts";
import { rulesOver } from "../components/site/rules/rule.ts";
import type { SiteSettings } from "../components/site/settings.ts";
import { siteShape } from "../components/site/shape.ts";
import { type Site, siteSchema, withDefaults } from "../components/site/site.ts";
import type { EnvironmentSettings } from "./environment-settings.ts";
import { hostsTogether, sitesTogether } from "./environment-rules.ts";

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
const internalCaShape = {
  generations: checks
    .listOf(checks.wholeNumber(1, 100_000), "the numbers of the CAs that clients trust")
    .min(1, { error: checks.expected("a list with the number of at least one CA") })
    .default([1]),
  signingGeneration: checks.wholeNumber(1, 100_000).optional(),
  certificateDays: day.default(90),
  renewalDays: day.default(30),
  expiryWarningDays: checks.wholeNumber(0, 3650).default(365),
};
const internalCaRule = rulesOver<z.output<z.ZodObject<typeof internalCaShape>>>();

/** The CAs of the stack's own, which sign the certificates of sites with `certificateFrom: internalCa`. */
const internalCaSchema = z
  .strictObject(internalCaShape, { error: checks.expected("the stack's own CA (generations, …)") })
  .check(
    internalCaRule(["generations"], ({ generations }) =>
      new Set(generations).size < generations.length
        ? [`generations must not have duplicates, got ${generations.join(", ")}`]
        : [],
    ),
    internalCaRule(["generations", "signingGeneration"], ({ generations, signingGeneration: signing }) =>
      signing !== undefined && !generations.includes(signing)
        ? [`signingGeneration must be one of generations (${generations.join(", ")}), got ${signing}`]
        : [],
    ),
    internalCaRule(["certificateDays", "renewalDays"], ({ certificateDays, renewalDays }) =>
      renewalDays >= certificateDays
        ? [`renewalDays must be less than certificateDays (${certificateDays}), got ${renewalDays}`]
        : [],
    ),
  );

/** Somebody who is blocked at every site. */
const blockedSchema = z.strictObject(
  { user: checks.userPrincipalName, why: checks.sentence, until: checks.date.exactOptional() },
  { error: checks.expected("somebody who is blocked (user, why, until)") },
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
] as const satisfies (keyof SiteSettings)[];

/** Settings that the sites of an environment share; a site's own take their place, whole. */
const siteDefaultsSchema = z.strictObject(
  {
    ...z.object(siteShape).partial().shape,
    ...Object.fromEntries(
      ownOfEachSite.map((key) => [
        key,
        z.never({ error: "is specific to each site; set it there" }).optional(),
      ]),
    ),
  },
  { error: checks.expected("settings that the sites share (emailDomains, sessionStore, …)") },
);

/** Settings that are encrypted in the stack's configuration. */
export const secretNames = [
  "adminPrivateKey",
  "redisPassword",
  "adoptedCookieSecrets",
] as const satisfies (keyof EnvironmentSettings)[];
type SecretSetting = (typeof secretNames)[number];

/** The shape of an environment; also the source of the JSON Schema for editors. */
export const environmentSchema = z.strictObject({
  tenantId: checks.tenantId,
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
    .check(checks.inOrder((generation) => generation))
    .default([1]),
  internalCa: internalCaSchema.prefault({}),
  acme: acmeSchema.prefault({}),
  allowVulnerableOauth2Proxy: checks.flag.default(false),
  allowVulnerableNginx: checks.flag.default(false),
  hosts: checks
    .listOf(hostSchema, "hosts")
    .min(1, { error: checks.expected("a list with at least one host; the first is the canary") })
    .check(hostsTogether),
  blocked: checks
    .listOf(blockedSchema, "people who are blocked at every site")
    .check(
      z.superRefine((entries, context) => {
        const users = entries.map(({ user }) => user.toLowerCase());
        const twice = users.find((it, index) => users.indexOf(it) < index);
        if (twice !== undefined) context.addIssue(`must list each person once, got ${twice} twice`);
      }),
    )
    .default([]),
  pages: pagesSchema.prefault({}),
  siteDefaults: siteDefaultsSchema.optional(),
  renamedSites: z
    .record(z.string(), z.string(), {
      error: checks.expected("a map from a site's name to the one it had before"),
    })
    .default({}),
  sites: z
    .record(z.string(), siteSchema, { error: checks.expected("a map from a site's name to its settings") })
    .check(sitesTogether),
} satisfies Record<Exclude<keyof EnvironmentSettings, SecretSetting>, z.ZodType>);

/** A proxy host of an environment. */
export type Host = z.output<typeof hostSchema>;
/** An environment that has been checked. Made by {@link environmentFrom} only. */
export type Environment = Omit<z.output<typeof environmentSchema>, "sites" | "siteDefaults"> & {
  readonly sites: readonly EnvironmentSite[];
};

/** A site of an environment. */
export interface EnvironmentSite extends Site {
  /** What its owner wrote of it, with what the sites share. */
  readonly settings: SiteSettings;
}

/** The addresses of all hosts, if one of the sites gets its certificate by ACME. */
export function acmeHosts({ hosts, sites }: Pick<Environment, "hosts" | "sites">): string[] | undefined {
  return sites.some(({ certificateFrom }) => certificateFrom === "acme")
    ? hosts.map(({ address }) => address)
    : undefined;
}

/** Whether a setting, by name, is encrypted in the stack's configuration. */
export function isSecret(name: string): boolean {
  return secretNames.some((it) => it === name);
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
  if (!parsed.success) {
    const problems = checks.problemsOf(environmentSchema, parsed.error, (path) => placeIn(settings, path));
    throw new ConfigError(source, problems);
  }
  const { siteDefaults: _, sites, ...environment } = parsed.data;
  const written = at(settings, "sites") as Record<string, SiteSettings>;
  return {
    ...environment,
    sites: Object.entries(sites).map(([name, site]) => ({
      ...withDefaults(name, site),
      settings: written[name] as SiteSettings,
    })),
  };
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
  if (section === "siteDefaults" || section === "internalCa")
    return { where: section, field: path.slice(1).join(".") };
  if (section === "sites" && key !== undefined)
    return { where: `site "${String(key)}"`, field: rest.join(".") };
  if (section === "hosts" && key !== undefined) {
    const names = entriesOf(settings, "hosts").map(([, host]) => at(host, "name"));
    const name = at(at(at(settings, "hosts"), key), "name");
    const isOne = typeof name === "string" && names.filter((it) => it === name).length === 1;
    return { where: isOne ? `host "${name}"` : `host ${Number(key) + 1} of the list`, field: rest.join(".") };
  }
  return { where: "", field: path.join(".") };
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
