/**
 * `npm run unblock`: removes somebody from the list of people who are blocked at every site of an environment: in its
 * file, and on all hosts in parallel.
 */
import type { Command } from "commander";

import { ConfigError } from "../../components/site/errors.ts";
import { removeBlock } from "../blocked.ts";
import { readStackFile } from "../stack-file.ts";
import { applyBlocks, type BlockOptions } from "./apply-blocks.ts";
import { action, named } from "./command.ts";
import { folderOption, identityOption, jsonOption, stackOption } from "./options.ts";

export function command(): Command {
  return named("unblock")
    .argument("<upn>", "for example ada@example.com")
    .addOption(stackOption())
    .option("--dry-run", "only show the change")
    .addOption(jsonOption())
    .addOption(folderOption())
    .addOption(identityOption())
    .addHelpText("after", "\nExit code 1: not in force at every host.")
    .action(action(unblock));
}

async function unblock(user: string, options: BlockOptions): Promise<void> {
  const file = readStackFile(options.stack, options.folder);
  if (!removeBlock(file, user))
    throw new ConfigError(file.source, [{ where: "", what: `blocked does not list ${user}` }]);
  await applyBlocks("unblock", file, [`${user} is no longer blocked`], options, [user]);
}
