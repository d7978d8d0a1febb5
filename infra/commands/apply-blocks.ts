/** What `npm run block` and `npm run unblock` have in common: they write the changed file, and send the list to the hosts. */
import { sendBlocks } from "../blocked.ts";
import { environmentOf, type StackFile } from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { exitCodes, printJson } from "./command.ts";

/** Options of both commands. */
export interface BlockOptions {
  readonly stack: string;
  readonly folder: string;
  readonly identity?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/**
 * Writes the file before it contacts a host, so that what hosts have is always in a file. Not in force at every host and
 * site is exit code 1.
 * @param file with its document changed
 * @param what has changed, in words
 * @throws ConfigError where the change has made the file wrong; then nothing is written, and no host is contacted
 */
export async function applyBlocks(
  command: "block" | "unblock",
  file: StackFile,
  what: string,
  options: BlockOptions,
): Promise<void> {
  const change = writeChange(file, [what], options);
  if (!options.json) console.log(change.written ? change.patch : `${change.patch}\n(not written)`);
  const hosts = options.dryRun ? [] : await sendBlocks(environmentOf(file), options.stack, options.identity);
  if (options.json) printJson(command, { ...change, hosts });
  else
    for (const { host, message, failed } of hosts)
      (failed ? console.error : console.log)(message.startsWith(host) ? message : `${host}: ${message}`);
  const missing = hosts.filter(({ failed }) => failed).map(({ host }) => host);
  if (missing.length > 0) {
    process.exitCode = exitCodes.found;
    console.error(
      `NOT in force everywhere: see ${missing.join(", ")}. Run this again, or \`pulumi up\`; \`npm run status -- --stack ${options.stack}\` shows where it is missing.`,
    );
  }
  if (!options.json && change.written)
    console.log(`Commit ${file.source}; the next \`pulumi up\` sends the same list.`);
}
