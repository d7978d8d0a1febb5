/**
 * `npm run rotate`: writes new generations of secrets into an environment's file, and removes those whose overlap is over.
 * Changes that file only; `pulumi up` does the rest.
 */
import type { Command } from "commander";

import { firstEndDates, rotate, rotateDeployerKey } from "../rotation.ts";
import { readStackFile, type StackFile } from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { action, exitCodes, named, printJson, wholeNumber } from "./command.ts";
import { jsonOption, stackOption } from "./options.ts";

export function command(): Command {
  return named("rotate")
    .addOption(stackOption())
    .option("--site <name or domain...>", "these sites")
    .option("--all", "all sites")
    .option("--due [days]", "only sites whose client secret expires within this many days (30)", wholeNumber)
    .option("--deployer-key", "add a new SSH key of the deployer instead; run again to remove the old one")
    .option(
      "--first",
      "set the end date of first client secrets that have none, or one in the past; for sites not deployed yet",
    )
    .option("--cookie", "create a new cookie secret instead; everybody on the site has to sign in again")
    .option("--days <number>", "lifetime of a new client secret in days", wholeNumber, 180)
    .option(
      "--overlap <days>",
      "days to keep the old client secret in Entra; 0: remove it with the same update",
      wholeNumber,
      7,
    )
    .option("--dry-run", "only show the change")
    .addOption(jsonOption())
    .action(action(rotateSecrets));
}

interface Options {
  readonly stack: string;
  readonly site?: string[];
  readonly all?: true;
  readonly due?: number | true;
  readonly cookie?: true;
  readonly deployerKey?: true;
  readonly first?: true;
  readonly days: number;
  readonly overlap: number;
  readonly dryRun?: true;
  readonly json?: true;
}

function rotated(file: StackFile, options: Options): string[] {
  if (options.deployerKey) return rotateDeployerKey(file);
  const now = new Date();
  const { days, overlap, due } = options;
  if (options.first) return firstEndDates(file, now, days);
  return rotate(file, {
    ...(options.site === undefined ? {} : { sites: options.site }),
    ...(due === undefined ? {} : { dueWithin: due === true ? 30 : due }),
    cookie: options.cookie === true,
    days,
    overlapDays: overlap,
    now,
  });
}

function rotateSecrets(options: Options): void {
  const ways = [options.site, options.all, options.deployerKey, options.first];
  if (ways.filter((it) => it !== undefined).length !== 1) {
    console.error("rotate: expected one of --site NAME, --all, --first and --deployer-key");
    process.exitCode = exitCodes.refused;
    return;
  }
  const file = readStackFile(options.stack);
  const change = writeChange(file, rotated(file, options), { dryRun: options.dryRun });
  const { source, changes, patch, written } = change;
  if (options.json) printJson("rotate", change);
  else if (changes.length === 0) console.log(`${source}: nothing to rotate`);
  else {
    const then = written ? `then: pulumi up --stack ${options.stack}` : "(not written)";
    console.log([patch, ...changes, then].join("\n"));
  }
}
