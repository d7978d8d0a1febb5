/** What `npm run block` and `npm run unblock` have in common: the changed file is written, and hosts are told. */
import { tellHosts } from "./blocked.ts";
import { environmentOf, parseStackFile, type StackFile } from "./stack-file.ts";
import { changedText, writeChange } from "./stack-file-change.ts";

/** Options of both commands. */
export interface BlockOptions {
  readonly stack: string;
  readonly folder: string;
  readonly identity?: string;
  readonly dryRun?: true;
}

/**
 * Writes the file before any host is told, so that what hosts have is always in a file.
 * @returns whether it is in force at every host and site
 * @param file with its document changed
 * @throws ConfigError where the change has made the file wrong; then nothing is written, and no host told
 */
export async function applyBlocks(file: StackFile, options: BlockOptions): Promise<boolean> {
  const after = parseStackFile(file.stack, changedText(file));
  console.log(writeChange(file, { dryRun: options.dryRun === true, folder: options.folder }));
  if (options.dryRun) {
    console.log("(not written)");
    return true;
  }
  const told = await tellHosts(environmentOf(after), options.stack, options.identity);
  for (const { host, said, failed } of told)
    (failed ? console.error : console.log)(said.startsWith(host) ? said : `${host}: ${said}`);
  const missing = told.filter(({ failed }) => failed).map(({ host }) => host);
  if (missing.length > 0) {
    console.error(
      `NOT in force everywhere: see ${missing.join(", ")}. Run this again, or \`pulumi up\`; \`npm run status -- --stack ${options.stack}\` shows where it is missing.`,
    );
  }
  console.log(`Commit ${file.source}; the next \`pulumi up\` tells the hosts the same.`);
  return missing.length === 0;
}
