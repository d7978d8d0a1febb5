/**
 * `npm run import`: the settings of sites from an oauth2-proxy that already runs, with what was not carried over. Reads
 * the given files and contacts nothing.
 */
import { readFileSync } from "node:fs";

import { type Command, Option } from "commander";

import { ConfigError } from "../../components/site/errors.ts";
import { type Import, importSites } from "../import/sites.ts";
import { asYaml, reportOf } from "../import/report.ts";
import { environmentOf, readStackFile, sitePath, type StackFile } from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { action, exitCodes, named } from "./command.ts";
import { folderOption } from "./options.ts";

interface Options {
  readonly domain?: string;
  readonly upstream?: string;
  readonly emailDomain?: string[];
  readonly stack?: string;
  readonly write?: true;
  readonly folder: string;
}

export function command(): Command {
  return named("import")
    .argument("<file...>", "oauth2-proxy's configuration, Nginx's server block or Ingress manifests")
    .option("--domain <domain>", "the site's domain, if the files name none")
    .option("--upstream <url>", "the backend, in place of the one in the files")
    .option("--email-domain <domain...>", "whose people may sign in, if the files do not restrict that")
    .addOption(new Option("--stack <name>", "the environment that gets the sites"))
    .addOption(folderOption())
    .option("--write", "with --stack: write the sites into the environment's file")
    .addHelpText(
      "after",
      "\nExit code 1: something was not carried over; 2: a file cannot be read, or has no site.",
    )
    .action(action(importFiles));
}

function importFiles(names: readonly string[], options: Options): void {
  const { stack, folder, write } = options;
  if (write && stack === undefined)
    throw new ConfigError("import", [{ where: "", what: "--write requires --stack" }]);
  const file = stack === undefined ? undefined : readStackFile(stack, folder);
  const environment = file && environmentOf(file);
  const imported = importSites(
    names.map((name) => ({ name, text: textOf(name) })),
    {
      domain: options.domain,
      upstream: options.upstream,
      emailDomains: options.emailDomain ?? [],
      tenantId: environment?.tenantId,
      taken: {
        names: environment?.sites.map(({ name }) => name) ?? [],
        ports: environment?.sites.flatMap(({ port, metricsPort }) => [port, metricsPort]) ?? [],
      },
    },
  );
  const report = reportOf(imported);
  if (file === undefined)
    console.log([asYaml(imported), ...report.map((it) => `# ${it}`.trimEnd())].join("\n"));
  else console.log([addedTo(file, imported, write === true, folder), ...report].join("\n"));
  if (imported.sites.some(({ findings }) => findings.length > 0)) process.exitCode = exitCodes.found;
}

/** Adds the sites to an environment's file. @returns the change as a patch */
function addedTo(file: StackFile, { sites }: Import, write: boolean, folder: string): string {
  for (const { name, settings } of sites)
    file.document.setIn(sitePath(name), file.document.createNode(settings));
  const changes = sites.map(({ name }) => `site "${name}" is new`);
  return writeChange(file, changes, { dryRun: !write, folder }).patch;
}

/** @throws ConfigError if there is none */
function textOf(name: string): string {
  try {
    return readFileSync(name, "utf8");
  } catch {
    throw new ConfigError(name, [{ where: "", what: "no such file, or it cannot be read" }]);
  }
}
