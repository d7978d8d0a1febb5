/** `npm run validate`: whether the environments' files are valid, with the line of each error. */
import type { Command } from "commander";

import { plural } from "../review/formats.ts";
import { type LocatedProblem, rendering } from "../review/rendering.ts";
import { readStackFile } from "../stack-file.ts";
import { action, exitCodes, named, printJson } from "./command.ts";
import { folderOption, jsonOption } from "./options.ts";

/** An environment's file, and what is wrong with it. */
export interface Validity {
  readonly stack: string;
  readonly sites: number;
  readonly hosts: number;
  readonly problems: readonly LocatedProblem[];
}

/** Validates environments; by default all of the folder. */
export function validity(folder: string, stacks: readonly string[] = []): Validity[] {
  return Object.entries(rendering(folder, stacks)).map(([stack, { environment, problems }]) => ({
    stack,
    sites: environment?.sites.length ?? 0,
    hosts: environment?.hosts.length ?? 0,
    problems,
  }));
}

interface Options {
  readonly stack?: string[];
  readonly folder: string;
  readonly json?: true;
}

export function command(): Command {
  return named("validate")
    .option("--stack <name...>", "only these environments")
    .addOption(folderOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExit code 1: a file is invalid.")
    .action(action(validate));
}

function validate({ stack = [], folder, json }: Options): void {
  const found = validity(folder, stack);
  const missing = stack.find((name) => !found.some((it) => it.stack === name));
  // Says which there are.
  if (missing !== undefined || found.length === 0) readStackFile(missing ?? "*", folder);
  if (json) printJson("validate", { stacks: found });
  else for (const it of found) console.log(inLines(it));
  if (found.some(({ problems }) => problems.length > 0)) process.exitCode = exitCodes.found;
}

function inLines({ stack, sites, hosts, problems }: Validity): string {
  const source = `stacks/Pulumi.${stack}.yaml`;
  if (problems.length === 0) return `${source}: valid, ${plural(sites, "site")} on ${plural(hosts, "host")}`;
  return problems
    .map(({ line, where, what }) => [`${source}:${line}`, where, what].filter(Boolean).join(": "))
    .join("\n");
}
