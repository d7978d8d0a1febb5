/**
 * Finds drift: what hosts have before the program declares what they should have. The engine does not look: a resource
 * whose inputs have not changed does not run. See docs/decisions/drift-detection.md.
 */
import * as pulumi from "@pulumi/pulumi";

import type { Site } from "../components/site/site.ts";
import type { Environment, Host } from "./environment.ts";
import { announcement, operator } from "./operator.ts";
import { ask, type Report, rollbackOf, type SiteReport } from "./report.ts";
import { type Asker, runOnHost } from "./ssh.ts";
import { blockedDrift, certificateEnd, siteDifferences } from "./drift.ts";

/** What hosts had before the update. A host that could not be reached is missing. */
export interface Observation {
  /** Each site's generation by its name, then by host; null if the host did not have it. */
  readonly live: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  readonly marks: Marks;
}

/** Marks of the pushes that repair drift: unchanged if there is none, new if there is. */
export interface Marks {
  /** By host. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Of the list of who is blocked, by host. Missing where it is the configuration's. */
  readonly blocked: Readonly<Record<string, string>>;
  /** By site, then by host. */
  readonly sites: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly credentials: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A host's answer; without a report, it has not been set up. Or why it could not be reached, in one line. */
type Answer =
  | { readonly host: Host; readonly report: Report | undefined }
  | { readonly host: Host; readonly problem: string };

/** Asks all hosts for their status at the same time. Does not change them, never fails, and warns of nothing yet. */
export function askForStatus({ hosts }: Environment, asker: Asker): Promise<Answer[]> {
  return Promise.all(
    hosts.map((host) =>
      ask(host, asker).then(
        (report) => ({ host, report }),
        (error: unknown) => ({ host, problem: error instanceof Error ? error.message : String(error) }),
      ),
    ),
  );
}

/**
 * What hosts have, with warnings about what this update replaces there. Unless it is a preview, the hosts are told who
 * updates.
 */
export async function observe(
  environment: Environment,
  answers: readonly Answer[],
  asker: Asker,
): Promise<Observation> {
  const mark = new Date().toISOString();
  if (!pulumi.runtime.isDryRun()) await announce(answers, asker, mark);
  for (const answer of answers)
    if ("problem" in answer)
      warn(
        answer.host.name,
        `could not be reached (${answer.problem}); drift there is neither reported nor repaired`,
      );
  const found = answers.flatMap((answer): HostFound[] => {
    if ("problem" in answer) return [];
    const { host, report } = answer;
    return [
      {
        name: host.name,
        report,
        sites: environment.sites.map((site) => siteFound(environment, site, report)),
      },
    ];
  });
  const now = new Date();
  for (const host of found) tell(host, now);
  const bySite = <T>(of: (site: SiteFound) => T) =>
    Object.fromEntries(
      environment.sites.map(({ name }) => [
        name,
        Object.fromEntries(
          found.flatMap((host) =>
            host.sites.filter((it) => it.site.name === name).map((it) => [host.name, of(it)]),
          ),
        ),
      ]),
    );
  const marks = {
    hosts: Object.fromEntries(
      found.map(({ name, report }) => [
        name,
        report === undefined || report.drift.length > 0 ? mark : report.repair,
      ]),
    ),
    blocked: Object.fromEntries(
      found.flatMap(({ name, report }) =>
        report !== undefined && blockedDrift(environment, report, now).length > 0 ? [[name, mark]] : [],
      ),
    ),
    sites: bySite(({ report, overwritten }) =>
      report === undefined || report.drift.length > 0 || overwritten !== undefined ? mark : report.repair,
    ),
    credentials: bySite(({ report }) =>
      report === undefined || report.credentialsDrift.length > 0 ? mark : report.credentialsRepair,
    ),
  };
  return { live: bySite(({ report }) => report?.generation ?? null), marks };
}

/** Tells the hosts that answered. One that no longer does has no announcement, and its pushes say why. */
async function announce(answers: readonly Answer[], asker: Asker, mark: string): Promise<void> {
  const announced = announcement({ ...(await operator()), stack: pulumi.getStack(), repair: mark });
  const reachable = answers.filter((answer) => !("problem" in answer));
  await Promise.allSettled(reachable.map(({ host }) => runOnHost(host, asker, announced)));
}

/** A host that answered; without a report, it has not been set up. */
interface HostFound {
  readonly name: string;
  readonly report: Report | undefined;
  readonly sites: readonly SiteFound[];
}

interface SiteFound {
  readonly site: Site;
  /** Nothing where the host does not have the site. */
  readonly report: SiteReport | undefined;
  /** A rollback that the configuration differs from, in words. */
  readonly overwritten: string | undefined;
}

function siteFound(environment: Environment, site: Site, host: Report | undefined): SiteFound {
  const report = host?.sites.find(({ domain }) => domain === site.domain);
  const rollback = report && rollbackOf(report);
  if (report === undefined || rollback === undefined) return { site, report, overwritten: undefined };
  // Only now: it renders the site, and a preview waits for it.
  const differing = siteDifferences(environment, site, report);
  const overwritten =
    differing.length === 0
      ? undefined
      : `${rollback}; this update replaces that with the configuration (${differing.join(", ")})`;
  return { site, report, overwritten };
}

function tell({ name, report, sites }: HostFound, now: Date): void {
  for (const what of report?.drift ?? []) warn(name, `${what}; this update repairs it`);
  for (const { site, report: found, overwritten } of sites) {
    if (found === undefined) continue;
    const where = `${name}, site "${site.name}"`;
    for (const what of [...found.drift, ...found.credentialsDrift])
      warn(where, `${what}; this update repairs it`);
    for (const what of found.extra) warn(where, `${what}; updates do not change that`);
    for (const what of certificateEnd(found, { now })) warn(where, what);
    if (overwritten !== undefined) warn(where, overwritten);
  }
}

function warn(where: string, what: string): void {
  void pulumi.log.warn(`${where}: ${what}`);
}
