/** `npm run who`: who has used which site from where, as the hosts' access logs know it. Changes nothing. */
import type { Command } from "commander";

import { askHosts } from "../ask-hosts.ts";
import { columns, printable } from "../columns.ts";
import { environmentOf, readStackFile, siteCalled } from "../stack-file.ts";
import { summarySchema, type Who, whoIn } from "../who.ts";
import { action, exitCodes, named, printJson, runCommand } from "./command.ts";
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

export function command(): Command {
  return named("who")
    .addOption(stackOption())
    .addOption(logSiteOption())
    .addOption(sinceOption("24h"))
    .addOption(folderOption())
    .addOption(identityOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExit code 2: a host could not be reached; the others are still reported.")
    .action(action(show));
}

async function show({ since, ...options }: Options): Promise<void> {
  const file = readStackFile(options.stack, options.folder);
  const environment = environmentOf(file);
  const site = options.site && siteCalled(options.site, environment.sites, file).domain;
  const answers = await askHosts(environment, options.identity, "who", { since, site }, summarySchema);
  const who = whoIn(environment, answers);
  if (options.json) printJson("who", { since: since.toISOString(), ...who });
  else console.log(asText(who));
  if (answers.some((it) => "problem" in it)) process.exitCode = exitCodes.refused;
}

/** What no log of a request knows. */
const unknowable = [
  "A request is in the log once it has ended: somebody who only has a WebSocket open, or a session but asks for nothing, is not above.",
  "Open paths, sign-ins, and requests refused before anybody is named have no name. An address may be that of a load balancer or a NAT. Times are the hosts'.",
];

function asText({ uses, unnamed, gaps }: Who): string {
  const rows = uses.map((it) => [
    ...[it.user, it.site, it.client === "" ? "(further addresses)" : it.client, it.first, it.last],
    ...[it.requests, it.refused, it.refusedByBackend].map(String),
  ]);
  const head = ["user", "site", "from", "since", "last", "requests", "refused", "by the backend"];
  return [
    rows.length === 0 ? "Nobody." : columns(head, rows),
    "",
    ...unnamed
      .filter(({ requests }) => requests > 0)
      .map(
        ({ site, requests, refused, refusedByBackend }) =>
          `${printable(site)}: ${requests} requests without a name, ${refused + refusedByBackend} of them refused`,
      ),
    ...gaps.map(printable),
    ...unknowable,
  ].join("\n");
}

if (import.meta.main) await runCommand(command());
