/**
 * `npm run promote`: brings how sites behave in one environment to another, as one small change of its file. Changes
 * that file only; the review, the preview and `pulumi up` do the rest.
 */
import { writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";

import { Command } from "commander";
import { createTwoFilesPatch } from "diff";
import { isMap } from "yaml";

import { ConfigError } from "../components/site/errors.ts";
import type { SiteArgs } from "../components/site/site.ts";
import { runCommand } from "./command.ts";
import { changedText } from "./rotate.ts";
import {
  configPath,
  environmentOf,
  parseStackFile,
  readStackFile,
  sitePath,
  type StackFile,
  stacksFolder,
} from "./stack-file.ts";

/** What every environment says for itself: where a site is, who it is for, its secrets. The rest is how it behaves. */
export const ownOfEachEnvironment: readonly (keyof SiteArgs)[] = [
  "domain",
  "port",
  "metricsPort",
  "upstream",
  "backupUpstreams",
  "upstreamCa",
  "upstreamServerName",
  "certificates",
  "redis",
  "emailDomains",
  "guests",
  "allowedGroups",
  "roles",
  "conditionalAccess",
  "accessTokenScope",
  "clientSecrets",
  "cookieSecretGeneration",
  "maintenance",
];

/** What happened to the document of the environment that is promoted to. */
export interface Promotion {
  /** A sentence for each setting that changed. */
  readonly changed: readonly string[];
  /** What a person has to do by hand. */
  readonly left: readonly string[];
}

/**
 * Changes the document of `to` in place, keeping its comments and its order.
 * @param names the sites; all that both environments have where it is left out
 * @throws ConfigError where a site is in none of the two, or a file is wrong already
 */
export function promote(from: StackFile, to: StackFile, names?: readonly string[]): Promotion {
  const [source, target] = [from, to].map((it) => environmentOf(it).sites.map(({ name }) => name));
  const all = [...new Set([...(source ?? []), ...(target ?? [])])];
  const unknown = (names ?? []).find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(from.source, [
      { where: `site "${unknown}"`, what: `there is no such site; there are ${all.join(", ")}` },
    ]);
  const changed: string[] = [];
  const left: string[] = [];
  for (const name of names ?? all) {
    if (target?.includes(name) !== true)
      left.push(`site "${name}" is not in ${to.source}: copy its lines, and give what is its own there`);
    else if (source?.includes(name) !== true) left.push(`site "${name}" is only in ${to.source}`);
    else promoteSite(from, to, name, { changed, left });
  }
  return { changed, left };
}

function promoteSite(
  from: StackFile,
  to: StackFile,
  name: string,
  { changed, left }: { readonly changed: string[]; readonly left: string[] },
): void {
  const [wanted, present] = [settingsOf(from, name), settingsOf(to, name)];
  const keys = new Set([...Object.keys(wanted), ...Object.keys(present)]);
  for (const key of keys) {
    if (ownOfEachEnvironment.some((own) => own === key) || isDeepStrictEqual(wanted[key], present[key]))
      continue;
    const where = `site "${name}": ${key}`;
    if (namesGroups(wanted[key]) || namesGroups(present[key])) {
      left.push(`${where} names groups, which are each environment's own; change it by hand`);
    } else if (wanted[key] !== undefined) {
      to.document.setIn(sitePath(name, key), to.document.createNode(wanted[key]));
      changed.push(`${where} as in ${from.stack}`);
    } else if (to.document.hasIn(sitePath(name, key))) {
      to.document.deleteIn(sitePath(name, key));
      changed.push(`${where} is left to its default, as in ${from.stack}`);
    } else {
      left.push(`${where} comes from siteDefaults, which all sites of ${to.stack} share; change it by hand`);
    }
  }
}

/** What counts for a site: its own settings over those that all sites of the environment share, as they are written. */
function settingsOf({ document }: StackFile, name: string): Record<string, unknown> {
  const written = (path: (string | number)[]) => {
    const node = document.getIn(path);
    return isMap(node) ? (node.toJS(document) as Record<string, unknown>) : {};
  };
  return { ...written(configPath("siteDefaults")), ...written(sitePath(name)) };
}

function namesGroups(value: unknown): boolean {
  return JSON.stringify(value ?? null).includes('"allowedGroups"');
}

interface Options {
  readonly from: string;
  readonly to: string;
  readonly site?: string[];
  readonly dryRun?: true;
}

function main(): void {
  const { from, to, site, dryRun } = new Command("promote")
    .description("Brings how sites behave in one environment to another: into its file, and no further.")
    .requiredOption("--from <name>", "the environment where it has been tried")
    .requiredOption("--to <name>", "the environment whose file changes")
    .option("--site <name...>", "these sites; otherwise all that both have")
    .option("--dry-run", "only show the change")
    .addHelpText("after", `\nEvery environment keeps its own ${ownOfEachEnvironment.join(", ")}.`)
    .parse()
    .opts<Options>();
  const target = readStackFile(to);
  const { changed, left } = promote(readStackFile(from), target, site);
  if (changed.length === 0) console.log(`${target.source}: nothing to promote`);
  else {
    const after = changedText(target);
    // What is written is read once more, so that no update meets a file that this command has broken.
    environmentOf(parseStackFile(to, after));
    if (dryRun === undefined) writeFileSync(join(stacksFolder, `Pulumi.${to}.yaml`), after);
    const patch = createTwoFilesPatch(target.source, target.source, target.text, after, "", "", {
      context: 2,
    });
    console.log(patch.split("\n").slice(1).join("\n"));
  }
  const then = `then: npm run review -- --base HEAD --stack ${to}`;
  const last = changed.length === 0 ? [] : [dryRun === undefined ? then : "(not written)"];
  console.log([...changed, ...left.map((it) => `left: ${it}`), ...last].join("\n"));
}

if (import.meta.main) await runCommand(main);
