/** What a change of an environment's own settings means, in words. */
import type { Language } from "../../components/site/pages.ts";
import type { Environment, Host } from "../environment.ts";
import { type Entries, otherEnd, plain, says, type Statement, untilInWords, without } from "./statements.ts";

/** The settings of an environment. */
export const environmentMeaning = {
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
  blocked: (before, after) => [
    ...after.flatMap((entry) => {
      const was = before.find(({ user }) => isSame(user, entry.user));
      const what = `${entry.user} is blocked at every site`;
      return was === undefined
        ? [says("closes", `${what}${untilInWords(entry)}`)]
        : otherEnd(what, was, entry, { later: "closes", earlier: "opens" });
    }),
    ...before
      .filter(({ user }) => !after.some((it) => isSame(user, it.user)))
      .map(({ user }) =>
        says("opens", `${user} is no longer blocked, and gets in where anybody like them does`),
      ),
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
  pages: (before, after) => [
    ...(before.language === after.language
      ? []
      : [plain(`pages are in ${languages[after.language]}; were in ${languages[before.language]}`)]),
    ...(before.name === after.name
      ? []
      : [plain(`pages name ${after.name ?? "nobody"}; was ${before.name ?? "nobody"}`)]),
    ...(before.logo === after.logo
      ? []
      : [plain(after.logo === undefined ? "pages have no logo any more" : "pages have another logo")]),
    ...(before.color === after.color
      ? []
      : [plain(`pages have a line in ${after.color ?? "the text's color"} on top`)]),
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
} satisfies Entries<Omit<Environment, "sites">>;

const languages = { en: "English", de: "German", fr: "French" } as const satisfies Record<Language, string>;

function isSame(user: string, other: string): boolean {
  return user.toLowerCase() === other.toLowerCase();
}

function signing({ generations, signingGeneration }: Environment["internalCa"]): number | undefined {
  return signingGeneration ?? generations[0];
}

function hostStatements(before: readonly Host[], after: readonly Host[]): Statement<"weakens" | "plain">[] {
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

function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((it) => it.split(".").map(Number));
  const first = one?.findIndex((part, index) => part !== other?.[index]) ?? -1;
  return first >= 0 && (one?.[first] ?? 0) < (other?.[first] ?? 0);
}
