/** What `npm run who` and `npm run history` have in common: they ask all hosts for a summary of their logs. */
import type { Command } from "commander";
import type { z } from "zod";

import { askHosts, type HostAnswer } from "../ask-hosts.ts";
import type { Environment } from "../environment.ts";
import { environmentOf, readStackFile, siteCalled } from "../stack-file.ts";
import { action, exitCodes, named } from "./command.ts";
import {
  folderOption,
  identityOption,
  jsonOption,
  logSiteOption,
  sinceOption,
  stackOption,
} from "./options.ts";

interface Options {
  readonly stack: string;
  readonly folder: string;
  readonly identity?: string;
  readonly site?: string;
  readonly since: Date;
  readonly json?: true;
}

/** What is asked, and how the answers are reported. */
interface Asking<Answer, Report> {
  readonly name: "who" | "history";
  /** How far back, where it is not said, as in `24h`. */
  readonly since: string;
  readonly schema: z.ZodType<Answer>;
  readonly reportOf: (answers: readonly HostAnswer<Answer>[], environment: Environment) => Report;
  readonly asText: (report: Report) => string;
  readonly asJson: (report: Report & { readonly since: string }) => string;
}

/** A command that asks the hosts. A host that could not be reached is exit code 2; the others are reported. */
export function logCommand<Answer, Report extends object>(asking: Asking<Answer, Report>): Command {
  return named(asking.name)
    .addOption(stackOption())
    .addOption(logSiteOption())
    .addOption(sinceOption(asking.since))
    .addOption(folderOption())
    .addOption(identityOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExit code 2: a host could not be reached; the others are still reported.")
    .action(
      action(async ({ since, ...options }: Options) => {
        const file = readStackFile(options.stack, options.folder);
        const environment = environmentOf(file);
        const site = options.site && siteCalled(options.site, environment.sites, file).domain;
        const question = { since, site };
        const answers = await askHosts(environment, options.identity, asking.name, question, asking.schema);
        const report = asking.reportOf(answers, environment);
        const inJson = () => asking.asJson({ since: since.toISOString(), ...report });
        console.log(options.json ? inJson() : asking.asText(report));
        if (answers.some((it) => "problem" in it)) process.exitCode = exitCodes.refused;
      }),
    );
}
