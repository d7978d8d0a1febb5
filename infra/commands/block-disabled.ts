/**
 * `npm run block-disabled`: blocks whoever Entra has disabled or deleted since the last run, as `npm run block` does.
 * For a scheduled job. The first run takes a baseline, and blocks nobody.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import type { Command } from "commander";

import { addBlock } from "../blocked.ts";
import { changesBetween, type PeopleState, readPeople, readState, writeState } from "../entra-people.ts";
import { type GraphCall, GraphFailure, signInToGraph } from "../graph.ts";
import { enabledAndBlocked, outcomes, report } from "../leavers.ts";
import { environmentOf, readStackFile, type StackFile } from "../stack-file.ts";
import { applyBlocks, type BlockOptions } from "./apply-blocks.ts";
import { action, exitCodes, named, wholeNumber } from "./command.ts";
import { folderOption, identityOption, stackOption } from "./options.ts";

interface Options extends BlockOptions {
  readonly state: string;
  readonly baseline?: true;
  readonly limit: number;
}

/** Nothing was tried: there is no state to begin from, or somebody has to look first. */
class NothingDone extends Error {}

export function command(): Command {
  return named("block-disabled")
    .addOption(stackOption())
    .requiredOption("--state <file>", "what the last run found: everybody's name, and where Graph goes on")
    .option("--baseline", "the first run: only write that file, and block nobody")
    .option("--limit <people>", "block nobody if it would be more people than this", wholeNumber, 5)
    .option("--dry-run", "only show who would be blocked; contacts no host")
    .addOption(folderOption())
    .addOption(identityOption())
    .addHelpText(
      "after",
      "\nExit code 1: not in force at every host and site, or somebody cannot be blocked; 2: nobody was blocked: more than --limit, no state, or Entra could not be reached.",
    )
    .action(action(blockDisabled, GraphFailure, NothingDone));
}

async function blockDisabled(options: Options): Promise<void> {
  const file = readStackFile(options.stack, options.folder);
  const { tenantId } = environmentOf(file);
  const before = stateIn(options, tenantId);
  const graph = await signInToGraph({ ...process.env, ARM_TENANT_ID: tenantId });
  await blockLeavers(file, before, graph, options);
}

/** @throws NothingDone if the file has no state of this tenant, or with `--baseline` if there is one */
function stateIn({ state, baseline }: Options, tenantId: string): PeopleState | undefined {
  if (!existsSync(state)) {
    if (baseline && existsSync(dirname(state))) return undefined;
    if (baseline) throw new NothingDone(`${dirname(state)}: no such folder`);
    throw new NothingDone(`${state}: no such file. For the first run: --baseline, which blocks nobody`);
  }
  if (baseline)
    throw new NothingDone(
      `${state} exists; another baseline would forget whoever was disabled since. Remove it first`,
    );
  const read = readState(readFileSync(state, "utf8"));
  if (read === undefined) throw new NothingDone(`${state}: expected what an earlier run has written`);
  if (read.tenantId !== tenantId)
    throw new NothingDone(`${state} is of the tenant ${read.tenantId}; expected one of ${tenantId}`);
  return read;
}

/**
 * One run. The state is only written once all that was found is in force: until then the next run finds it again.
 * @param before of the last run; without it this is the baseline
 * @throws NothingDone if more people than the limit would be blocked
 */
async function blockLeavers(
  file: StackFile,
  before: PeopleState | undefined,
  graph: GraphCall,
  options: Options,
  now = new Date(),
): Promise<void> {
  const environment = environmentOf(file);
  const round = await readPeople(graph, environment.tenantId, before, now);
  const { people } = round.state;
  if (before === undefined) {
    const disabled = [...people.values()].filter((it) => !it.enabled).length;
    console.log(
      `${options.stack}: a baseline of ${people.size} people, ${disabled} of them disabled: nobody is blocked. The next run blocks whoever has been disabled or deleted by then.`,
    );
    save(round.state, options);
    return;
  }
  const found = outcomes(changesBetween(before.people, people), environment, now);
  const still = enabledAndBlocked(environment, people, now);
  console.log(report(options.stack, { found, round, before, still, now }));
  const toBlock = found.filter(({ done }) => done === "to block");
  if (toBlock.length > options.limit)
    throw new NothingDone(
      `${toBlock.length} people to block, and --limit is ${options.limit}: nobody was blocked. Check in Entra whether that is meant; then run this again with --limit ${toBlock.length}.`,
    );
  for (const { blocks } of toBlock) for (const block of blocks) addBlock(file, block, now);
  if (found.some(({ done }) => done === "cannot be blocked")) process.exitCode = exitCodes.found;
  // Also for people who are on the list already: the last run may have missed a host.
  const listed = found.some(
    ({ done }) => done === "to block" || (done === "blocked already" && !options.dryRun),
  );
  const changes = toBlock.map(({ names, what }) => `${names.join(" and ")}: ${what} in Entra`);
  if (!listed || (await applyBlocks("block", file, changes, options))) save(round.state, options);
}

function save(state: PeopleState, { state: path, dryRun }: Options): void {
  if (dryRun) {
    console.log("(not written)");
    return;
  }
  // Nobody else may read it, and nobody sees half of it.
  writeFileSync(`${path}.new`, writeState(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
