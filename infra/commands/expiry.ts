/**
 * `npm run expiry`: when each client secret expires, and what ends by itself, in all environments. Exit code 1 if one has expired or will soon, or
 * if, with `--entra`, Entra and the stack's state differ.
 */
import Table from "cli-table3";
import type { Command } from "commander";
import { execa } from "execa";

import { activeClientSecret } from "../../components/site/client-secrets.ts";
import { daysLeft, type ExpiryStatus, expiryStatus } from "../client-secret-expiry.ts";
import { columns } from "../columns.ts";
import { type Ending, endings } from "../ends.ts";
import { EngineFailure, fromEngine } from "../engine-failure.ts";
import { type Finding, findings, registeredSites, unknownRegistrations } from "../entra-secrets.ts";
import { GraphFailure, signInToGraph } from "../graph.ts";
import { projectFolder } from "../project.ts";
import { environmentOf, readStackFile, stacks } from "../stack-file.ts";
import { action, exitCodes, named, printJson, wholeNumber } from "./command.ts";
import { jsonOption } from "./options.ts";

/**
 * What is in Entra and not in the stack's state, or the other way round.
 * @throws EngineFailure if `pulumi stack export` fails
 */
async function askEntra(stack: string): Promise<Finding[]> {
  const options = { cwd: projectFolder };
  const { stdout } = await fromEngine(execa("pulumi", ["stack", "export", "--stack", stack], options));
  const graph = await signInToGraph();
  const registered = await registeredSites(JSON.parse(stdout), graph);
  const { sites } = environmentOf(readStackFile(stack));
  return [...findings(registered), ...(await unknownRegistrations(sites, registered, graph))];
}

/** When client secrets expire, the first first, and what else ends. */
export interface Expiry {
  readonly secrets: readonly {
    readonly stack: string;
    readonly site: string;
    readonly domain: string;
    readonly generation: number;
    /** Such as `2027-05-28`; null if the file has none. */
    readonly endDate: string | null;
    /** Until then. */
    readonly days: number | null;
    readonly status: ExpiryStatus;
  }[];
  /** What ends by itself. */
  readonly ends: readonly (Ending & { readonly stack: string })[];
  /** With `--entra`: what is in Entra and not in the state, or the other way round. */
  readonly entra?: readonly (Finding & { readonly stack: string })[];
}

interface Options {
  readonly stack?: string[];
  readonly days: number;
  readonly entra?: true;
  readonly json?: true;
}

export function command(): Command {
  return named("expiry")
    .option("--stack <name...>", "only these environments")
    .option(
      "--days <number>",
      "how many days before its end a secret counts as expiring soon",
      wholeNumber,
      30,
    )
    .option("--entra", "also compare Entra's client secrets and registrations with the stack's state")
    .addOption(jsonOption())
    .addHelpText("after", "\nExit code 1: one has expired or will soon, or Entra and the state differ.")
    .action(action(expiry, GraphFailure, EngineFailure));
}

async function expiry(options: Options): Promise<void> {
  const now = new Date();
  const environments = (options.stack ?? stacks()).map(
    (stack) => [stack, environmentOf(readStackFile(stack))] as const,
  );
  const ends = environments.flatMap(([stack, it]) => endings(it, now).map((end) => ({ stack, ...end })));
  const rows = environments
    .flatMap(([stack, { sites }]) => sites.map((site) => ({ stack, site })))
    .map(({ stack, site }) => ({
      stack,
      site: site.name,
      domain: site.domain,
      generation: activeClientSecret(site).generation,
      endDate: activeClientSecret(site).endDate ?? null,
      days: daysLeft(site, now) ?? null,
      status: expiryStatus(site, now, options.days),
    }))
    .sort((one, other) => (one.days ?? Number.MAX_SAFE_INTEGER) - (other.days ?? Number.MAX_SAFE_INTEGER));
  const inEntra: (Finding & { readonly stack: string })[] = [];
  for (const stack of options.entra ? (options.stack ?? stacks()) : [])
    inEntra.push(...(await askEntra(stack)).map((finding) => ({ stack, ...finding })));
  if (options.json)
    printJson("expiry", { secrets: rows, ends, ...(options.entra ? { entra: inEntra } : {}) });
  else {
    const table = new Table({
      head: ["environment", "site", "domain", "secret", "expires", "days", ""],
      style: { head: [], border: [], compact: true },
    });
    for (const row of rows) {
      table.push([
        row.stack,
        row.site,
        row.domain,
        row.generation,
        row.endDate ?? "?",
        row.days ?? "?",
        row.status,
      ]);
    }
    console.log(table.toString());
    if (ends.length > 0)
      console.log(
        `\n${columns(
          ["environment", "site", "what", "last day", "days", ""],
          ends.map(({ stack, site, what, until, days, status }) => [
            ...[stack, site ?? "every site", what, until, String(days)],
            status === "has ended" ? "has ended; delete its lines" : "",
          ]),
        )}`,
      );
    for (const { stack, site, what, remedy } of inEntra)
      console.log(`${stack}, site "${site}": ${what}\n  ${remedy}`);
  }
  if (inEntra.length > 0) process.exitCode = exitCodes.found;
  if (rows.some((row) => row.status === "expired" || row.status === "expires soon"))
    process.exitCode = exitCodes.found;
}
