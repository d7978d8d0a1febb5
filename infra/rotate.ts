/**
 * `npm run rotate`: writes new generations of secrets into an environment's file, and takes out those that have been
 * replaced long enough. Changes that file only; `pulumi up` does the rest.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { Command } from "commander";
import { applyPatch, createTwoFilesPatch, structuredPatch } from "diff";
import { type Document, isMap, isSeq, Scalar } from "yaml";

import { activeClientSecret, type Site } from "../components/site/site.ts";
import { runCommand } from "./command.ts";
import { standing } from "./expiry.ts";
import {
  configPath,
  environmentOf,
  parseStackFile,
  readStackFile,
  siteCalled,
  sitePath,
  type StackFile,
  stacksFolder,
} from "./stack-file.ts";

/** What to do with one environment. */
export interface Rotation {
  /** Names or domains of sites; all of them where it is left out. */
  readonly sites?: readonly string[];
  /** Only sites whose client secret ends within this many days, or has no end date. */
  readonly dueWithin?: number;
  /** A new cookie secret, which signs everybody of the site out, instead of a new client secret. */
  readonly cookie?: boolean;
  /** Days for which a new client secret is good. */
  readonly days: number;
  /** Days for which a replaced client secret stays in Entra; 0 takes it away with the same update. */
  readonly overlapDays: number;
  readonly now: Date;
}

/**
 * Changes the document of an environment's file in place, keeping its comments and its order.
 * @returns a sentence for each change
 * @throws ConfigError where a site is not there, or the file is wrong already
 */
export function rotate(file: StackFile, rotation: Rotation): string[] {
  const { sites } = environmentOf(file);
  const chosen = rotation.sites?.map((wanted) => siteCalled(wanted, sites, file)) ?? sites;
  return chosen.flatMap((site) =>
    rotation.cookie === true ? rotateCookie(file, site) : rotateClientSecret(file, site, rotation),
  );
}

function rotateCookie({ document }: StackFile, site: Site): string[] {
  const next = site.cookieSecretGeneration + 1;
  document.setIn(sitePath(site.name, "cookieSecretGeneration"), next);
  return [
    `site "${site.name}": cookie secret ${next}; the next update signs everybody of ${site.domain} out, once`,
  ];
}

function rotateClientSecret({ document }: StackFile, site: Site, rotation: Rotation): string[] {
  const { now, days, overlapDays, dueWithin } = rotation;
  const today = day(now);
  const active = activeClientSecret(site);
  const retired = site.clientSecrets.filter(
    (it) => it !== active && it.retireAfter !== undefined && it.retireAfter <= today,
  );
  const due = dueWithin === undefined || standing(site, now, dueWithin) !== "good";
  if (!due && retired.length === 0) return [];

  const path = sitePath(site.name, "clientSecrets");
  if (!isSeq(document.getIn(path))) {
    document.setIn(path, document.createNode(site.clientSecrets.map(({ generation }) => ({ generation }))));
  }
  const list = document.getIn(path);
  if (!isSeq(list)) throw new Error(`${path.join(".")} is not a list`);

  const told = retired.map(
    ({ generation }) => `site "${site.name}": client secret ${generation} leaves Entra`,
  );
  if (due) {
    const generation = active.generation + 1;
    const last = list.items.at(-1);
    if (overlapDays > 0 && isMap(last)) last.set("retireAfter", quoted(day(now, overlapDays)));
    const next = { generation, endDate: quoted(day(now, days)) };
    list.add(document.createNode(next, { flow: isMap(last) && last.flow === true }));
    told.push(`site "${site.name}": client secret ${generation}, good until ${day(now, days)}`);
  }
  const gone = new Set(
    (due && overlapDays === 0 ? site.clientSecrets : retired).map(({ generation }) => generation),
  );
  list.items = list.items.filter((item) => !(isMap(item) && gone.has(Number(item.get("generation")))));
  return told;
}

/**
 * A new key of the deployer beside the one that hosts take commands from; where one is there already, it stays alone.
 * The two steps are two updates, since what an update deletes still signs in with the old one.
 */
export function rotateDeployerKey(file: StackFile): string[] {
  const { document } = file;
  const generations = environmentOf(file).deployerKeyGenerations;
  const [last = 1] = generations.slice(-1);
  const next = generations.length > 1 ? [last] : [last, last + 1];
  const list = document.createNode(next, { flow: true });
  document.setIn(configPath("deployerKeyGenerations"), list);
  return generations.length > 1
    ? [`the deployer's keys before ${last} are taken from every host`]
    : [
        `deployer key ${last + 1}, beside ${last}; once every host has it, run this again to take ${last} away`,
      ];
}

/**
 * Gives the first client secret of every site an end date that is still to come, where it has none, or one that is past,
 * as a copied example has in time. Entra's own is two years on, which tenants with a policy refuse, and nobody is warned
 * of it. Sites that have been rotated are left alone.
 */
export function firstEndDates({ document, ...file }: StackFile, now: Date, days: number): string[] {
  const endDate = day(now, days);
  return environmentOf({ document, ...file })
    .sites.filter((site) => site.clientSecrets.length === 1 && activeClientSecret(site).generation === 1)
    .filter((site) => ["no end date", "ended"].includes(standing(site, now, 0)))
    .map(({ name }) => {
      const path = sitePath(name, "clientSecrets");
      if (document.hasIn([...path, 0])) document.setIn([...path, 0, "endDate"], quoted(endDate));
      else document.setIn(path, document.createNode([{ generation: 1, endDate: quoted(endDate) }]));
      return `site "${name}": client secret 1, good until ${endDate}`;
    });
}

/** A day in quotes: the engine's YAML reader would take a bare one for a moment in time. */
function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/**
 * The text of a changed file. The YAML library prints some comments and spaces in its own way, so only what has
 * changed between its two printings is put into the text that people wrote.
 */
export function changedText({ stack, text, document }: StackFile): string {
  const print = (it: Document) => it.toString({ lineWidth: 0, flowCollectionPadding: false });
  const [before, after] = [print(parseStackFile(stack, text).document), print(document)];
  const patch = structuredPatch("", "", before, after, "", "", { context: 3 });
  const patched = applyPatch(text, patch, { fuzzFactor: 3 });
  return patched === false ? after : patched;
}

function day(now: Date, plusDays = 0): string {
  return new Date(now.getTime() + plusDays * 86_400_000).toJSON().slice(0, 10);
}

function main(): void {
  const options = new Command("rotate")
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
    .option("--dry-run", "only show the change")
    .parse()
    .opts<Options>();
  const ways = [options.site, options.all, options.deployerKey, options.first];
  if (ways.filter((it) => it !== undefined).length !== 1) {
    console.error("rotate: give one of --site NAME, --all, --first and --deployer-key");
    process.exitCode = 2;
    return;
  }
  const file = readStackFile(options.stack);
  const told = options.deployerKey
    ? rotateDeployerKey(file)
    : options.first
      ? firstEndDates(file, new Date(), Number(options.days))
      : rotate(file, {
          ...(options.site === undefined ? {} : { sites: options.site }),
          ...(options.due === undefined
            ? {}
            : { dueWithin: options.due === true ? 30 : Number(options.due) }),
          cookie: options.cookie === true,
          days: Number(options.days),
          overlapDays: Number(options.overlap),
          now: new Date(),
        });
  if (told.length === 0) {
    console.log(`${file.source}: nothing to rotate`);
    return;
  }
  const after = changedText(file);
  // What is written is read once more, so that no update meets a file that this command has broken.
  environmentOf(parseStackFile(options.stack, after));
  if (options.dryRun === undefined) writeFileSync(join(stacksFolder, `Pulumi.${options.stack}.yaml`), after);
  console.log(
    createTwoFilesPatch(file.source, file.source, file.text, after, "", "", { context: 2 })
      .split("\n")
      .slice(1)
      .join("\n"),
  );
  console.log(
    [
      ...told,
      options.dryRun === undefined ? `then: pulumi up --stack ${options.stack}` : "(not written)",
    ].join("\n"),
  );
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

if (import.meta.main) await runCommand(main);
