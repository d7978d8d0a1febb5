/**
 * `npm run rollback`: rolls a site back to an earlier generation, on all hosts or on one. Hosts keep the last five. The
 * next preview warns about it, and the next update deploys the configuration again.
 * Exit code 0: done; 1: a host failed, and those after it were not changed; 2: nothing was tried.
 */
import Table from "cli-table3";
import type { Command } from "commander";

import { program } from "../../components/host/program.ts";
import { ConfigError } from "../../components/site/errors.ts";
import type { Environment, Host } from "../environment.ts";
import { announcement, operator } from "../operator.ts";
import { ask, type GenerationReport, type SiteReport } from "../report.ts";
import { type Asker, runOnHost } from "../ssh.ts";
import { environmentOf, readStackFile, siteCalled, type StackFile } from "../stack-file.ts";
import { action, exitCodes, named, printJson, wholeNumber } from "./command.ts";
import { folderOption, identityOption, jsonOption, stackOption } from "./options.ts";

/** The generation, in its own numbering, that a host should roll back to; none if it is already live. */
export interface Step {
  readonly host: string;
  /** The generation that was live. */
  readonly from: number;
  /** Absent if it is live already. */
  readonly to?: number;
}

/** A site on a host. */
export interface OnHost {
  readonly host: string;
  readonly site: SiteReport | undefined;
}

/** What the hosts have kept of a site. */
export interface Generations {
  readonly hosts: readonly OnHost[];
}

/** A rollback, host by host, up to the first that failed. */
export interface RolledBack {
  readonly steps: readonly (Step & {
    /** The host's own output. */
    readonly message: string;
    readonly failed: boolean;
  })[];
  /** Those after it. */
  readonly unchanged: readonly Step[];
}

/** Why nothing was tried. */
class Refused extends Error {}

/**
 * Which generation each host rolls back to. Every host numbers its own: `to` is the first host's number, and the others
 * use theirs with the same files.
 * @param to a number on the first host. Default: the generation before its live one
 * @throws Refused if a host does not have it
 */
export function rollbackSteps(hosts: readonly OnHost[], to?: number): Step[] {
  const found = hosts.map(({ host, site }) => {
    if (site === undefined || site.generation === null)
      throw new Refused(`${host}: the site is not on this host`);
    return { host, live: site.generation, generations: site.generations };
  });
  const [first] = found;
  if (first === undefined) return [];
  const earlier = first.generations.filter(({ number }) => number < first.live);
  const wanted = to === undefined ? earlier.at(-1) : earlier.find(({ number }) => number === to);
  if (wanted === undefined) {
    const kept = earlier.map(({ number }) => number).join(", ") || "none";
    throw new Refused(`${first.host}: no earlier generation ${to ?? ""} (kept: ${kept})`);
  }
  return found.map(({ host, live, generations }) => {
    const same = generations.filter(({ sha256 }) => sha256 === wanted.sha256);
    if (same.some(({ number }) => number === live)) return { host, from: live };
    const number = host === first.host ? wanted.number : same.at(-1)?.number;
    if (number === undefined)
      throw new Refused(
        `${host}: no longer has the equivalent of ${first.host}'s generation ${wanted.number}`,
      );
    return { host, from: live, to: number };
  });
}

interface Options {
  readonly stack: string;
  readonly site: string;
  readonly folder: string;
  readonly to?: number;
  readonly host?: string;
  readonly list?: true;
  readonly json?: true;
  readonly identity?: string;
}

export function command(): Command {
  return named("rollback")
    .addOption(stackOption())
    .requiredOption("--site <name>", "name or domain of the site")
    .option(
      "--to <generation>",
      "its number on the first host (default: the one before the live one)",
      wholeNumber,
    )
    .option("--host <name>", "only on this host")
    .option("--list", "list the generations, and change nothing")
    .addOption(jsonOption())
    .addOption(folderOption())
    .addOption(identityOption())
    .addHelpText(
      "after",
      "\nExit code 1: a host failed, and those after it were not changed; 2: nothing was tried.",
    )
    .action(action(rollBack, Refused));
}

async function rollBack(options: Options): Promise<void> {
  const file = readStackFile(options.stack, options.folder);
  const environment = environmentOf(file);
  const { domain } = siteCalled(options.site, environment.sites, file);
  const hosts = hostsOf(environment, file, options.host);
  const asker = { user: environment.adminUser, identity: options.identity };
  const found = await Promise.all(hosts.map((host) => siteOn(host, asker, domain)));
  if (options.list) {
    if (options.json) printJson("rollback", { hosts: found });
    else console.log(tableOf(found));
    return;
  }
  const announced = announcement({ ...(await operator()), stack: options.stack });
  const go = async ({ host, from, to }: Step, index: number) => {
    if (to === undefined)
      return { message: `${domain} on ${host}: already at generation ${from}`, failed: false };
    const command = `${announced}sudo -n ${program} rollback ${domain} --to ${to}`;
    const { exitCode, stdout, stderr } = await runOnHost(hosts[index] as Host, asker, command);
    const failed = exitCode !== 0;
    const said = failed ? [stdout, stderr] : [stdout];
    return {
      message: said
        .map((it) => it.trim())
        .filter(Boolean)
        .join("\n"),
      failed,
    };
  };
  const done = await inTurn(rollbackSteps(found, options.to), async (step, index) => {
    const result = await go(step, index);
    // At once: the next host may not answer.
    if (!options.json) (result.failed ? console.error : console.log)(result.message);
    return result;
  });
  if (options.json) printJson("rollback", done);
  else tellRest(done, file.source);
  if (done.steps.some(({ failed }) => failed)) process.exitCode = exitCodes.found;
}

async function inTurn(
  steps: readonly Step[],
  go: (step: Step, index: number) => Promise<{ readonly message: string; readonly failed: boolean }>,
): Promise<RolledBack> {
  const done: RolledBack["steps"][number][] = [];
  for (const [index, step] of steps.entries()) {
    const result = await go(step, index);
    done.push({ ...step, ...result });
    if (result.failed) return { steps: done, unchanged: steps.slice(index + 1) };
  }
  return { steps: done, unchanged: [] };
}

function tellRest({ steps, unchanged }: RolledBack, source: string): void {
  if (unchanged.length > 0)
    console.error(
      `unchanged: ${unchanged.map(({ host, from }) => `${host} (generation ${from})`).join(", ")}`,
    );
  if (!steps.some(({ failed }) => failed))
    console.log(
      `The next \`pulumi up\` deploys ${source} again; to keep this, revert the file first (git revert).`,
    );
}

function hostsOf({ hosts }: Environment, { source }: StackFile, name: string | undefined): readonly Host[] {
  if (name === undefined) return hosts;
  const host = hosts.find((it) => it.name === name);
  if (host !== undefined) return [host];
  const known = hosts.map((it) => it.name).join(", ");
  throw new ConfigError(source, [
    { where: `host "${name}"`, what: `no such host; expected one of ${known}` },
  ]);
}

async function siteOn(host: Host, asker: Asker, domain: string): Promise<OnHost> {
  try {
    const report = await ask(host, asker);
    return { host: host.name, site: report?.sites.find((site) => site.domain === domain) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refused(
      `${host.name} could not be reached: ${reason}\nNothing was changed. Use --host to roll back a single host.`,
    );
  }
}

function tableOf(found: readonly OnHost[]): string {
  const table = new Table({
    head: ["host", "generation", "since", "by", "commit", ""],
    style: { head: [], border: [], compact: true },
  });
  for (const { host, site } of found)
    for (const generation of site?.generations ?? [])
      table.push([
        host,
        generation.number,
        generation.when ?? "",
        generation.who ?? generation.by ?? "",
        commitOf(generation),
        [
          ...(generation.number === site?.generation ? ["live"] : []),
          ...(generation.rollbackTo === undefined ? [] : [`rollback to ${generation.rollbackTo}`]),
        ].join(", "),
      ]);
  return table.toString();
}

function commitOf({ commit, dirty }: GenerationReport): string {
  return commit === undefined ? "" : `${commit.slice(0, 12)}${dirty ? " + changes" : ""}`;
}
