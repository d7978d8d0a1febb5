/** What `npm run block` and `npm run unblock` have in common: they write the changed file, and send the list to the hosts. */
import { sendBlocks } from "../blocked.ts";
import { environmentOf, type StackFile } from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { exitCodes } from "./command.ts";

/** Options of both commands. */
export interface BlockOptions {
  readonly stack: string;
  readonly folder: string;
  readonly identity?: string;
  readonly dryRun?: true;
}

/**
 * Writes the file before it contacts a host, so that what hosts have is always in a file. Not in force at every host and
 * site is exit code 1.
 * @param file with its document changed
 * @throws ConfigError where the change has made the file wrong; then nothing is written, and no host is contacted
 */
export async function applyBlocks(file: StackFile, options: BlockOptions): Promise<void> {
  console.log(writeChange(file, { dryRun: options.dryRun === true, folder: options.folder }));
  if (options.dryRun) {
    console.log("(not written)");
    return;
  }
  const results = await sendBlocks(environmentOf(file), options.stack, options.identity);
  for (const { host, message, failed } of results)
    (failed ? console.error : console.log)(message.startsWith(host) ? message : `${host}: ${message}`);
  const missing = results.filter(({ failed }) => failed).map(({ host }) => host);
  if (missing.length > 0) {
    process.exitCode = exitCodes.found;
    console.error(
      `NOT in force everywhere: see ${missing.join(", ")}. Run this again, or \`pulumi up\`; \`npm run status -- --stack ${options.stack}\` shows where it is missing.`,
    );
  }
  console.log(`Commit ${file.source}; the next \`pulumi up\` sends the same list.`);
}
