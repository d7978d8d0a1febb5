/**
 * `npm run rotate`: writes new generations of secrets into an environment's file, and removes those whose overlap is over.
 * Changes that file only; `pulumi up` does the rest.
 */
import { Command } from "commander";

import { firstEndDates, rotate, rotateDeployerKey } from "../rotation.ts";
import { readStackFile, type StackFile } from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { runCommand } from "./command.ts";

function command(): Command {
  return new Command("rotate")
    .description(
      "Writes new generations of secrets into an environment's file; `pulumi up` then rotates them.",
    )
    .requiredOption("--stack <name>", "the environment")
    .option("--site <name or domain...>", "these sites")
    .option("--all", "all sites")
    .option("--due [days]", "only sites whose client secret expires within this many days (30)")
    .option("--deployer-key", "add a new SSH key of the deployer instead; run again to remove the old one")
    .option(
      "--first",
      "set the end date of first client secrets that have none, or one in the past; for sites not deployed yet",
    )
    .option("--cookie", "create a new cookie secret instead; everybody on the site has to sign in again")
    .option("--days <number>", "lifetime of a new client secret in days", "180")
    .option(
      "--overlap <days>",
      "days to keep the old client secret in Entra; 0: remove it with the same update",
      "7",
    )
    .option("--dry-run", "only show the change");
}

interface Options {
  readonly stack: string;
  readonly site?: string[];
  readonly all?: true;
  readonly due?: string | true;
  readonly cookie?: true;
  readonly deployerKey?: true;
  readonly first?: true;
  readonly days: string;
  readonly overlap: string;
  readonly dryRun?: true;
}

function rotated(file: StackFile, options: Options): string[] {
  if (options.deployerKey) return rotateDeployerKey(file);
  const now = new Date();
  const days = Number(options.days);
  if (options.first) return firstEndDates(file, now, days);
  return rotate(file, {
    ...(options.site === undefined ? {} : { sites: options.site }),
    ...(options.due === undefined ? {} : { dueWithin: options.due === true ? 30 : Number(options.due) }),
    cookie: options.cookie === true,
    days,
    overlapDays: Number(options.overlap),
    now,
  });
}

function main(): void {
  const options = command().parse().opts<Options>();
  const ways = [options.site, options.all, options.deployerKey, options.first];
  if (ways.filter((it) => it !== undefined).length !== 1) {
    console.error("rotate: expected one of --site NAME, --all, --first and --deployer-key");
    process.exitCode = 2;
    return;
  }
  const file = readStackFile(options.stack);
  const told = rotated(file, options);
  if (told.length === 0) {
    console.log(`${file.source}: nothing to rotate`);
    return;
  }
  const dryRun = options.dryRun === true;
  console.log(writeChange(file, { dryRun }));
  console.log([...told, dryRun ? "(not written)" : `then: pulumi up --stack ${options.stack}`].join("\n"));
}

if (import.meta.main) await runCommand(main);
