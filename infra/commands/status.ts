/**
 * `npm run status`: what every host of an environment runs, and where that differs from the environment's file.
 * Changes nothing. Exit code 0: no drift; 1: drift; 2: a host or the file could not be read.
 */
import Table from "cli-table3";
import type { Command } from "commander";

import { type Clock, compare, type Row } from "../drift.ts";
import type { Environment } from "../environment.ts";
import { ask } from "../report.ts";
import { environmentOf, readStackFile } from "../stack-file.ts";
import { action, exitCodes, named, printJson, wholeNumber } from "./command.ts";
import { folderOption, identityOption, jsonOption, stackOption } from "./options.ts";

/** 0: no drift; 1: drift; 2: a host could not be reached. */
export function exitCodeOf(rows: readonly Row[]): 0 | 1 | 2 {
  if (rows.some(({ unknown }) => unknown)) return exitCodes.refused;
  return rows.some(({ drift }) => drift.length > 0) ? exitCodes.found : exitCodes.done;
}

/** Reads the status of all hosts at the same time; one that does not answer is a row of its own. */
export async function status(environment: Environment, clock: Clock, identity?: string): Promise<Row[]> {
  const rows = await Promise.all(
    environment.hosts.map(async (host): Promise<Row[]> => {
      try {
        const report = await ask(host, { user: environment.adminUser, identity });
        if (report === undefined) return [{ host: host.name, drift: ["has not been set up"], unknown: true }];
        return compare(environment, host.name, report, clock);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return [{ host: host.name, drift: [`could not be reached: ${reason}`], unknown: true }];
      }
    }),
  );
  return rows.flat();
}

interface Options {
  readonly stack: string;
  readonly folder: string;
  readonly identity?: string;
  readonly days?: number;
  readonly json?: true;
}

export function command(): Command {
  return named("status")
    .addOption(stackOption())
    .addOption(folderOption())
    .addOption(identityOption())
    .option(
      "--days <number>",
      "report certificates that expire in fewer days (default: 14, or a quarter of their lifetime if less)",
      wholeNumber,
    )
    .addOption(jsonOption())
    .addHelpText("after", "\nExit code 1: drift; 2: a host or the file could not be read.")
    .action(action(show));
}

async function show(options: Options): Promise<void> {
  const environment = environmentOf(readStackFile(options.stack, options.folder));
  const clock = {
    now: new Date(),
    ...(options.days === undefined ? {} : { certificateDays: options.days }),
  };
  const rows = await status(environment, clock, options.identity);
  if (options.json) printJson("status", { rows });
  else console.log(tableOf(rows));
  process.exitCode = exitCodeOf(rows);
}

/** The rows as a person reads them. */
export function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["host", "site", "generation", "certificate until", "oauth2-proxy", "state"],
    style: { head: [], border: [], compact: true },
  });
  for (const { host, site, generation, certificateEnds, oauth2Proxy, drift } of rows) {
    const state = drift.length === 0 ? "as configured" : drift.join("\n");
    table.push([host, site ?? "", generation ?? "", certificateEnds ?? "", oauth2Proxy ?? "", state]);
  }
  return table.toString();
}
