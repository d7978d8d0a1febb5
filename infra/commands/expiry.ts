/**
 * `npm run expiry`: when each client secret expires, in all environments. Exit code 1 if one has expired or will soon, or
 * if, with `--entra`, Entra and the stack's state differ.
 */
import { join } from "node:path";

import Table from "cli-table3";
import { Command } from "commander";
import { execa } from "execa";

import { activeClientSecret } from "../../components/site/client-secrets.ts";
import { daysLeft, expiryStatus } from "../client-secret-expiry.ts";
import { EngineFailure, fromEngine } from "../engine-failure.ts";
import { type Finding, findings, registeredSites, unknownRegistrations } from "../entra-secrets.ts";
import { GraphFailure, signInToGraph } from "../graph.ts";
import { environmentOf, readStackFile, stacks } from "../stack-file.ts";
import { runCommand } from "./command.ts";

/**
 * What is in Entra and not in the stack's state, or the other way round.
 * @throws EngineFailure if `pulumi stack export` fails
 */
async function askEntra(stack: string): Promise<Finding[]> {
  const options = { cwd: join(import.meta.dirname, "../..") };
  const { stdout } = await fromEngine(execa("pulumi", ["stack", "export", "--stack", stack], options));
  const graph = await signInToGraph();
  const registered = await registeredSites(JSON.parse(stdout), graph);
  const { sites } = environmentOf(readStackFile(stack));
  return [...findings(registered), ...(await unknownRegistrations(sites, registered, graph))];
}

async function main(): Promise<void> {
  const options = new Command("expiry")
    .description("Lists when each client secret expires, in all environments.")
    .option("--stack <name...>", "only these environments")
    .option("--days <number>", "how many days before its end a secret counts as expiring soon", "30")
    .option("--entra", "also compare Entra's client secrets and registrations with the stack's state")
    .option("--json", "print JSON")
    .parse()
    .opts<{ stack?: string[]; days: string; entra?: true; json?: true }>();
  const now = new Date();
  const rows = (options.stack ?? stacks())
    .flatMap((stack) => environmentOf(readStackFile(stack)).sites.map((site) => ({ stack, site })))
    .map(({ stack, site }) => ({
      stack,
      site: site.name,
      domain: site.domain,
      generation: activeClientSecret(site).generation,
      endDate: activeClientSecret(site).endDate ?? null,
      days: daysLeft(site, now) ?? null,
      status: expiryStatus(site, now, Number(options.days)),
    }))
    .sort((one, other) => (one.days ?? Number.MAX_SAFE_INTEGER) - (other.days ?? Number.MAX_SAFE_INTEGER));
  const inEntra: (Finding & { readonly stack: string })[] = [];
  for (const stack of options.entra ? (options.stack ?? stacks()) : [])
    inEntra.push(...(await askEntra(stack)).map((finding) => ({ stack, ...finding })));
  if (options.json)
    console.log(JSON.stringify(options.entra ? { secrets: rows, entra: inEntra } : rows, null, 2));
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
    for (const { stack, site, what, remedy } of inEntra)
      console.log(`${stack}, site "${site}": ${what}\n  ${remedy}`);
  }
  if (inEntra.length > 0) process.exitCode = 1;
  if (rows.some((row) => row.status === "expired" || row.status === "expires soon")) process.exitCode = 1;
}

if (import.meta.main) await runCommand(main, GraphFailure, EngineFailure);
