/** `protected-sites`: all commands as one. */
import { Command } from "commander";

import { ownPackage } from "../own-package.ts";
import { commandNames, load } from "./all.ts";
import { named, runCommand } from "./command.ts";

/** All commands, of which only the wanted one has its options. */
async function allCommands(wanted: string | undefined): Promise<Command> {
  const all = new Command("protected-sites")
    .description("Internal web sites that only signed-in people of one Microsoft Entra tenant can open.")
    .usage("<command> [options]")
    .version(ownPackage().version)
    .addHelpText(
      "after",
      `
Exit codes of all commands:
  0  done, and nothing found
  1  something was found (drift, an invalid file, a request that is denied), or a part failed
  2  wrong use, or something could not be read or reached: nothing was tried
  3  a bug, with its stack trace`,
    );
  for (const name of commandNames) all.addCommand(name === wanted ? await load(name) : named(name));
  return all;
}

/** @param args after the program's name */
export async function main([first, second]: readonly string[]): Promise<void> {
  await runCommand(await allCommands(first === "help" ? second : first));
}
