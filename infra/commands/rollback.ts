/**
 * `npm run rollback`: takes an earlier generation of a site live again, on all hosts or on one. The hosts keep the last
 * five. The next preview says so, and the next update takes the configuration live again.
 * Exit code 0: done; 1: a host refused or failed, and those after it were left alone; 2: nothing was tried.
 */
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";

import { program } from "../../components/host/program.ts";
import { ConfigError } from "../../components/site/errors.ts";
import type { Environment, Host } from "../environment.ts";
import { announcement, operator } from "../operator.ts";
import { ask, type GenerationReport, type SiteReport } from "../report.ts";
import { type Asker, runOnHost } from "../ssh.ts";
import { environmentOf, readStackFile, siteCalled, type StackFile, stacksFolder } from "../stack-file.ts";
import { runCommand } from "./command.ts";

/** What a host is to take live: one of its own generations, or nothing where it has it already. */
export interface Step {
  readonly host: string;
  readonly from: number;
  readonly to?: number;
}

/** A site on a host. */
export interface OnHost {
  readonly host: string;
  readonly site: SiteReport | undefined;
}

/** Why nothing was tried. */
class Refused extends Error {}

/**
 * Which generation each host takes. Numbers are each host's own: `to` is the first host's, and the others take theirs
 * with the same files.
 * @param to a number of the first host's; else the generation before its live one
 * @throws Refused where a host does not have it
 */
export function rollbackSteps(hosts: readonly OnHost[], to?: number): Step[] {
  const found = hosts.map(({ host, site }) => {
    if (site === undefined || site.generation === null) throw new Refused(`${host}: the site is not there`);
    return { host, live: site.generation, generations: site.generations };
  });
  const [first] = found;
  if (first === undefined) return [];
  const earlier = first.generations.filter(({ number }) => number < first.live);
  const wanted = to === undefined ? earlier.at(-1) : earlier.find(({ number }) => number === to);
  if (wanted === undefined) {
    const kept = earlier.map(({ number }) => number).join(", ") || "none";
    throw new Refused(`${first.host}: there is no earlier generation ${to ?? ""} (kept: ${kept})`);
  }
  return found.map(({ host, live, generations }) => {
    const same = generations.filter(({ sha256 }) => sha256 === wanted.sha256);
    if (same.some(({ number }) => number === live)) return { host, from: live };
    const number = host === first.host ? wanted.number : same.at(-1)?.number;
    if (number === undefined)
      throw new Refused(`${host}: it no longer keeps what generation ${wanted.number} of ${first.host} is`);
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
  readonly identity?: string;
}

async function main(): Promise<void> {
  const options = new Command("rollback")
    .description("Takes an earlier generation of a site live again, on all hosts or on one.")
    .requiredOption("--stack <name>", "the environment")
    .requiredOption("--site <name>", "name or domain of the site")
    .option(
      "--to <generation>",
      "its number on the first host; else the one before the live one",
      wholeNumber,
    )
    .option("--host <name>", "on this host only")
    .option("--list", "show the generations, and change nothing")
    .option("--folder <path>", "where the environments' files lie", stacksFolder)
    .option("--identity <file>", "the administrator's private SSH key; else the SSH agent is asked")
    .parse()
    .opts<Options>();
  const file = readStackFile(options.stack, options.folder);
  const environment = environmentOf(file);
  const { domain } = siteCalled(options.site, environment.sites, file);
  const hosts = hostsOf(environment, file, options.host);
  const asker = { user: environment.adminUser, identity: options.identity };
  const found = await Promise.all(hosts.map((host) => siteOn(host, asker, domain)));
  if (options.list) {
    console.log(tableOf(found));
    return;
  }
  const steps = rollbackSteps(found, options.to);
  const announced = announcement({ ...(await operator()), stack: options.stack });
  for (const [index, { host, from, to }] of steps.entries()) {
    const ended =
      to === undefined
        ? { exitCode: 0, stdout: `${domain} on ${host}: generation ${from} is that already`, stderr: "" }
        : await runOnHost(
            hosts[index] as Host,
            asker,
            `${announced}sudo -n ${program} rollback ${domain} --to ${to}`,
          );
    console.log(ended.stdout.trim());
    if (ended.exitCode === 0) continue;
    console.error(ended.stderr.trim());
    const rest = steps.slice(index + 1).map((it) => `${it.host} (generation ${it.from})`);
    if (rest.length > 0) console.error(`left as they were: ${rest.join(", ")}`);
    process.exitCode = 1;
    return;
  }
  console.log(
    `The next \`pulumi up\` takes ${file.source} live again; to keep this, put the file back first (git revert).`,
  );
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function hostsOf({ hosts }: Environment, { source }: StackFile, name: string | undefined): readonly Host[] {
  if (name === undefined) return hosts;
  const host = hosts.find((it) => it.name === name);
  if (host !== undefined) return [host];
  const known = hosts.map((it) => it.name).join(", ");
  throw new ConfigError(source, [
    { where: `host "${name}"`, what: `there is no such host; there are ${known}` },
  ]);
}

async function siteOn(host: Host, asker: Asker, domain: string): Promise<OnHost> {
  try {
    const report = await ask(host, asker);
    return { host: host.name, site: report?.sites.find((site) => site.domain === domain) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refused(
      `${host.name} could not be asked: ${reason}\nNothing has been changed. --host rolls back one host alone.`,
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

if (import.meta.main) await runCommand(main, Refused);
