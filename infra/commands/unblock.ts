/**
 * `npm run unblock`: removes somebody from the list of people who are blocked at every site of an environment: in its
 * file, and on all hosts in parallel.
 */
import type { Command } from "commander";

import { ConfigError } from "../../components/site/errors.ts";
import { applyBlocks, type BlockOptions } from "../apply-blocks.ts";
import { removeBlock } from "../blocked.ts";
import { readStackFile, stacksFolder } from "../stack-file.ts";
import { action, exitCodes, named, runCommand } from "./command.ts";

export function command(): Command {
  return named("unblock")
    .argument("<upn>", "for example ada@example.com")
    .requiredOption("--stack <name>", "the environment")
    .option("--dry-run", "only show the change")
    .option("--folder <path>", "folder of the environments' files", stacksFolder)
    .option("--identity <file>", "the administrator's private SSH key (default: the SSH agent)")
    .addHelpText("after", "\nExit code 1: not in force at every host.")
    .action(action(unblock));
}

async function unblock(user: string, options: BlockOptions): Promise<void> {
  const file = readStackFile(options.stack, options.folder);
  if (!removeBlock(file, user))
    throw new ConfigError(file.source, [{ where: "", what: `blocked does not list ${user}` }]);
  if (!(await applyBlocks(file, options))) process.exitCode = exitCodes.found;
}

if (import.meta.main) await runCommand(command());
