/**
 * `npm run block`: keeps somebody out of every site of an environment, whatever their session says. Writes that into the
 * environment's file, and then to all hosts in parallel.
 */
import type { Command } from "commander";

import { addBlock } from "../blocked.ts";
import { readStackFile } from "../stack-file.ts";
import { applyBlocks, type BlockOptions } from "./apply-blocks.ts";
import { action, named } from "./command.ts";
import { folderOption, identityOption, jsonOption, stackOption } from "./options.ts";

interface Options extends BlockOptions {
  readonly why: string;
  readonly until?: string;
}

export function command(): Command {
  return named("block")
    .argument("<upn>", "for example ada@example.com")
    .addOption(stackOption())
    .requiredOption("--why <sentence>", "why, for the review and for whoever reads the file later")
    .option("--until <date>", "the last day, in UTC, such as 2027-01-31 (default: until unblocked)")
    .option("--dry-run", "only show the change")
    .addOption(jsonOption())
    .addOption(folderOption())
    .addOption(identityOption())
    .addHelpText("after", "\nExit code 1: not in force at every host and site.")
    .action(action(block));
}

async function block(user: string, options: Options): Promise<void> {
  const file = readStackFile(options.stack, options.folder);
  addBlock(file, { user, why: options.why, until: options.until });
  await applyBlocks("block", file, [`${user} is blocked at every site`], options);
}
