/**
 * `npm run rotate`: writes new generations of secrets into an environment's file, and takes out those that have been
 * replaced long enough. Changes that file only; `pulumi up` does the rest.
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
    .option("--due [days]", "only sites whose client secret ends within so many days (30)")
    .option("--deployer-key", "a new SSH key of the deployer instead; a second time, takes the old one away")
    .option(
      "--first",
      "an end date for the first client secret of sites where it has none, or one that is past; for sites not deployed yet",
    )
    .option("--cookie", "a new cookie secret instead, which signs everybody of the site out, once")
    .option("--days <number>", "days for which a new client secret is good", "180")
    .option(
      "--overlap <days>",
      "days for which the old client secret stays in Entra; 0: gone with the same update",
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
    console.error("rotate: give one of --site NAME, --all, --first and --deployer-key");
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
