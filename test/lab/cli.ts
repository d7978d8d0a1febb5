/** `npm run local`: brings up the lab and its stack, and says what to do with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { Command } from "commander";

import { columns } from "../../infra/columns.ts";
import { siteDomains } from "./addresses.ts";
import { bringUpPhases } from "./bring-up.ts";
import { readPeople } from "./people.ts";
import { describe, down, enterCommand } from "./lab.ts";
import { lock } from "./lock.ts";
import { runPhases } from "./phases.ts";

interface Options {
  readonly name: string;
  readonly open?: true;
  readonly down?: true;
  readonly fresh?: true;
}

/** The sites, and who of the lab's tenant gets into them. */
const sites = [
  { domain: siteDomains[0], who: "ada, bob" },
  { domain: siteDomains[1], who: "ada" },
] as const;

/** What to type: with the instance's name where it is not the usual one. */
function typed(name: string, ...options: readonly string[]): string {
  const all = [...options, ...(name === "local" ? [] : ["--name", name])];
  return ["npm run local", ...(all.length === 0 ? [] : ["--", ...all])].join(" ");
}

async function main({ name, ...options }: Options): Promise<void> {
  const onWait = (holder: string) => {
    console.log(`waiting for process ${holder}, which works on the lab "${name}"`);
  };
  if (options.down) {
    await down(name, onWait);
    console.log(`The lab "${name}" is gone.`);
    return;
  }
  const held = await lock(name, onWait);
  try {
    await runPhases(bringUpPhases(name, { fresh: options.fresh ?? false }));
  } finally {
    await held.release();
  }
  if (options.open) await open(name);
  await summarize(name);
}

async function open(name: string): Promise<void> {
  const [file = "", ...args] = enterCommand(name, [process.execPath, join(import.meta.dirname, "open.ts")]);
  const [code] = (await once(spawn(file, args, { stdio: "inherit" }), "close")) as [number];
  if (code !== 0) throw new Error("the browser could not show the site");
}

async function summarize(name: string): Promise<void> {
  const lab = await describe(name);
  const hosts = lab.hosts.map((host) => host.name).join(", ");
  const served = columns(
    ["Site", "Served by", "Who may sign in"],
    sites.map(({ domain, who }) => [`https://${domain}/`, hosts, who]),
  );
  const signIns = columns(
    ["User", "Password", ""],
    Object.values(readPeople(lab.state)).map((it) => [it.userPrincipalName, it.password, it.note]),
  );
  const next = columns(
    ["Next", ""],
    [
      [typed(name, "--open"), "a browser; the names above exist only inside the lab"],
      [typed(name), "again, after a change to stacks/Pulumi.local.yaml or to the code"],
      [typed(name, "--down"), "removes all of it"],
      ["npm test", "runs every test, on a lab of its own"],
    ],
  );
  for (const part of [served, signIns, next]) console.log(`\n${part}`);
}

try {
  await new Command("npm run local --")
    .description("Brings up the lab: two hosts and two sites, put there by the real engine.")
    .option("--open", "show a site in a browser that knows the lab's names and trusts its CA")
    .option("--fresh", "start over")
    .option("--down", "remove all of it")
    .option("--name <name>", "which lab; any number of them run side by side", "local")
    .action(main)
    .parseAsync();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
