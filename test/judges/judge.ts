/**
 * `npm run judge`: what outside judges say of the sites that this repository makes, docs/judges.md. The golden sites, or
 * with `--stack <name>` an environment's, as its file says; with `--online` as they stand on their hosts.
 * Exit code 1: something is found for which docs/judges.md has no reason.
 */
import { Command } from "commander";
import { execa } from "execa";

import { action, runCommand } from "../../infra/commands/command.ts";
import { folderOption } from "../../infra/commands/options.ts";
import { environmentOf, readStackFile } from "../../infra/stack-file.ts";
import { ensureImage } from "../lab/image.ts";
import { runPhases } from "../lab/phases.ts";
import { type Findings, judges, localFindings, onlineFindings, reasons } from "./findings.ts";
import { goldenSites } from "../golden-sites.ts";
import { sitesOf } from "./judged-sites.ts";
import { judgePrograms, judgesPhase } from "./programs.ts";

interface Options {
  readonly stack?: string;
  readonly folder: string;
  readonly online?: true;
  readonly inside?: true;
}

function command(): Command {
  return new Command("judge")
    .description(
      "Has outside judges look at sites: gixy-next, testssl.sh, h2spec, guidelines for TLS and headers.",
    )
    .option("--stack <name>", "an environment (else this repository's golden sites)")
    .addOption(folderOption())
    .option("--online", "ask the environment's hosts (else a host on loopback with the same files)")
    .option("--inside", "for itself, in namespaces of its own")
    .action(action(run));
}

async function run(options: Options, command: Command): Promise<void> {
  if (options.online && options.stack === undefined) command.error("--online needs --stack");
  if (options.inside) await judge(options);
  else {
    await runPhases([judgesPhase, { title: "image", run: async (say) => (await ensureImage(say)).line }]);
    const namespaces = ["--mount", ...(options.online ? [] : ["--net"])];
    const again = [process.execPath, import.meta.filename, ...process.argv.slice(2), "--inside"];
    const { exitCode } = await execa("unshare", [...namespaces, ...again], {
      stdio: "inherit",
      reject: false,
    });
    process.exitCode = exitCode ?? 1;
  }
}

async function judge({ stack, folder, online }: Options): Promise<void> {
  const environment = stack === undefined ? undefined : environmentOf(readStackFile(stack, folder));
  const sites = environment === undefined ? goldenSites() : sitesOf(environment);
  const programs = await judgePrograms();
  let found: Findings;
  if (online && environment !== undefined) {
    await execa("mount", ["-t", "tmpfs", "none", "/mnt"]);
    found = await onlineFindings(
      programs,
      sites,
      environment.hosts.map(({ address }) => address),
    );
  } else found = await localFindings(programs, sites, true);
  process.exitCode = tell(found) === 0 ? 0 : 1;
}

/** @returns how many have no reason */
function tell(found: Findings): number {
  const known = reasons();
  let without = 0;
  for (const judge of judges) {
    const findings = found[judge];
    if (findings === undefined) continue;
    console.log(`\n${judge}: ${findings.length} findings`);
    for (const it of findings) {
      const reason = known(judge).get(it);
      if (reason === undefined) without += 1;
      console.log(reason === undefined ? `  ! ${it}` : `    ${it}\n        ${reason}`);
    }
  }
  console.log(`\n${without} findings without a reason in docs/judges.md`);
  return without;
}

await runCommand(command());
