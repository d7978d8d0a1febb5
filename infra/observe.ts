/**
 * What hosts have before the program declares what they are to have. The engine does not ask hosts: a resource whose
 * inputs have not changed does not run. See docs/decisions/drift-is-asked-for-by-the-program.md.
 */
import * as pulumi from "@pulumi/pulumi";

import type { Environment, Host } from "./environment.ts";
import { announcement, type Operator } from "./operator.ts";
import { ask, type Report, rollbackOf, type SiteReport } from "./report.ts";
import type { Asker } from "./ssh.ts";
import { siteDifferences } from "./status.ts";

/** What hosts had before the update. A host that could not be asked is left out. */
export interface Observation {
  /** Each site's generation by its name, then by host; null where it was not there. */
  readonly live: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  readonly marks: Marks;
}

/** Marks of the pushes that put drift right: the same again where there is none, a new one where there is. */
export interface Marks {
  /** By host. */
  readonly hosts: Readonly<Record<string, string>>;
  /** By site, then by host. */
  readonly sites: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly credentials: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Asks all hosts, and tells what this update overwrites. Where it is no preview, hosts hear who updates.
 */
export async function observe(
  environment: Environment,
  asker: Asker,
  operator: Operator,
): Promise<Observation> {
  const mark = new Date().toISOString();
  const before = pulumi.runtime.isDryRun()
    ? ""
    : announcement({ ...operator, stack: pulumi.getStack(), repair: mark });
  const reports = await Promise.all(
    environment.hosts.map(async (host): Promise<[Host, Report | undefined][]> => {
      try {
        return [[host, await ask(host, asker, before)]];
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        warn(
          host.name,
          `could not be asked (${reason}); what has drifted there is neither told nor put right`,
        );
        return [];
      }
    }),
  );
  const answered = reports.flat();
  const bySite = <T>(of: (site: SiteReport | undefined, differs: boolean) => T) =>
    Object.fromEntries(
      environment.sites.map((site) => [
        site.name,
        Object.fromEntries(
          answered.map(([host, report]) => {
            const found = report?.sites.find(({ domain }) => domain === site.domain);
            const differs = found !== undefined && siteDifferences(environment, site, found).length > 0;
            return [host.name, of(found, differs)];
          }),
        ),
      ]),
    );
  for (const [host, report] of answered) if (report !== undefined) tell(environment, host.name, report);
  const marks = {
    hosts: Object.fromEntries(
      answered.map(([host, report]) => [
        host.name,
        report === undefined || report.drift.length > 0 ? mark : report.repair,
      ]),
    ),
    sites: bySite((found, differs) =>
      found === undefined || found.drift.length > 0 || (differs && rollbackOf(found) !== undefined)
        ? mark
        : found.repair,
    ),
    credentials: bySite((found) =>
      found === undefined || found.credentialsDrift.length > 0 ? mark : found.credentialsRepair,
    ),
  };
  return { live: bySite((found) => found?.generation ?? null), marks };
}

function tell(environment: Environment, host: string, report: Report): void {
  for (const what of report.drift) warn(host, `${what}; this update puts it right`);
  for (const site of environment.sites) {
    const found = report.sites.find(({ domain }) => domain === site.domain);
    if (found === undefined) continue;
    const where = `${host}, site "${site.name}"`;
    for (const what of [...found.drift, ...found.credentialsDrift])
      warn(where, `${what}; this update puts it right`);
    for (const what of found.extra) warn(where, `${what}; no update changes that`);
    const rollback = rollbackOf(found);
    const differing = siteDifferences(environment, site, found);
    if (rollback !== undefined && differing.length > 0)
      warn(
        where,
        `${rollback}; this update overwrites that with the configuration (${differing.join(", ")})`,
      );
  }
}

function warn(where: string, what: string): void {
  void pulumi.log.warn(`${where}: ${what}`);
}
