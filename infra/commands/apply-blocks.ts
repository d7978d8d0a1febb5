/** What `npm run block`, `unblock` and `block-disabled` have in common: they write the changed file, and send the list to the hosts. */
import { sendBlocks } from "../blocked.ts";
import { environmentOf, type StackFile } from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { exitCodes, printJson } from "./command.ts";

/** Options of these commands. */
export interface BlockOptions {
  readonly stack: string;
  readonly folder: string;
  readonly identity?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/**
 * Writes the file before it contacts a host, so that what hosts have is always in a file. A dry run does neither. Not in
 * force at every host and site is exit code 1.
 * @param file with its document changed; unchanged, its list is only sent
 * @param what has changed, in words
 * @param unblocks who may leave the hosts' list
 * @returns whether the list is in force at every host and site
 * @throws ConfigError where the change has made the file wrong; then nothing is written, and no host is contacted
 */
export async function applyBlocks(
  command: "block" | "unblock",
  file: StackFile,
  what: readonly string[],
  options: BlockOptions,
  unblocks: readonly string[] = [],
): Promise<boolean> {
  const change = writeChange(file, what, options);
  if (!options.json && what.length > 0)
    console.log(change.written ? change.patch : `${change.patch}\n(not written)`);
  const hosts = options.dryRun ? [] : await sendBlocks(environmentOf(file), { ...options, unblocks });
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
  return !options.dryRun && missing.length === 0;
}
