/**
 * `npm run status`: what every host of an environment runs, and where that differs from the environment's file.
 * Changes nothing. Exit code 0: no drift; 1: drift; 2: a host or the file could not be read.
 */
import Table from "cli-table3";
import { Command } from "commander";

import { type Clock, compare, type Row } from "../drift.ts";
import type { Environment } from "../environment.ts";
import { ask } from "../report.ts";
import { environmentOf, readStackFile, stacksFolder } from "../stack-file.ts";
import { runCommand } from "./command.ts";

/** 0: no drift; 1: drift; 2: a host could not be reached. */
export function exitCodeOf(rows: readonly Row[]): 0 | 1 | 2 {
  if (rows.some(({ unknown }) => unknown)) return 2;
  return rows.some(({ drift }) => drift.length > 0) ? 1 : 0;
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
  readonly days?: string;
  readonly json?: true;
}

async function main(): Promise<void> {
  const options = new Command("status")
    .description("Shows what every host of an environment runs, and where that differs from its file.")
    .requiredOption("--stack <name>", "the environment")
    .option("--folder <path>", "folder of the environments' files", stacksFolder)
    .option("--identity <file>", "the administrator's private SSH key (default: the SSH agent)")
    .option(
      "--days <number>",
      "report certificates that expire in fewer days (default: 14, or a quarter of their lifetime if less)",
    )
    .option("--json", "print JSON")
    .parse()
    .opts<Options>();
  const environment = environmentOf(readStackFile(options.stack, options.folder));
  const clock = {
    now: new Date(),
    ...(options.days === undefined ? {} : { certificateDays: Number(options.days) }),
  };
  const rows = await status(environment, clock, options.identity);
  console.log(options.json ? JSON.stringify(rows, null, 2) : tableOf(rows));
  process.exitCode = exitCodeOf(rows);
}

function tableOf(rows: readonly Row[]): string {
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

if (import.meta.main) await runCommand(main);
