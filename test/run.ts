/**
 * `npm test`: the checks, then every test there is. Unit and contract tests run as they are, end-to-end tests inside a
 * lab of their own, which is removed at the end, however that comes. The last line says how many passed.
 *
 * `--lab <name>` runs the end-to-end tests alone, in a lab that stays: from the second time on they begin in seconds.
 * Further arguments are parts of the names of the test files that are wanted; with `--update` their golden files are
 * written anew.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { bringUpPhases, enginePhase } from "./lab/bring-up.ts";
import { enterCommand, remove } from "./lab/lab.ts";
import { lock } from "./lab/lock.ts";
import { pebblePhase } from "./lab/pebble.ts";
import { runPhases } from "./lab/phases.ts";

const ownInstance = "test";
const root = join(import.meta.dirname, "..");

/** How many tests ended how; a check or a step that fails counts as one. */
const total = { passed: 0, failed: 0, skipped: 0 };

let running: ChildProcess | undefined;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      "without-lab": { type: "string" },
      lab: { type: "string" },
      update: { type: "boolean", short: "u" },
      project: { type: "string", default: "e2e" },
    },
    allowPositionals: true,
  });
  const filters = [...(values.update === true ? ["--update=all"] : []), ...positionals];
  const without = values["without-lab"];
  const { lab, project } = values;
  const interrupted = interruption();
  const reports = await mkdtemp(join(tmpdir(), "protected-sites-test-"));
  try {
    if (lab === undefined)
      await Promise.race([outside(reports, filters, without === undefined), interrupted]);
    if (without === undefined) await onLab(reports, filters, interrupted, project, lab);
    else console.log(`\nLeft out: contract and end-to-end tests. What this machine lacks: ${without}.`);
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

async function outside(reports: string, filters: readonly string[], engine: boolean): Promise<void> {
  await step("check", check);
  await step("unit", () => vitest("unit", reports, filters));
  if (!engine) return;
  await step("engine", () => runPhases([enginePhase]));
  await step("contract", () => vitest("contract", reports, filters));
}

async function onLab(
  reports: string,
  filters: readonly string[],
  interrupted: Promise<never>,
  project: string,
  lab: string | undefined,
): Promise<void> {
  const instance = lab ?? ownInstance;
  // A machine is bare only once.
  const bare = project === "bare";
  const fresh = lab === undefined || bare;
  const held = await lock(instance, (holder) => {
    console.log(`waiting for process ${holder}, which works on the lab "${instance}"`);
  });
  const work = async () => {
    await step("lab", () => runPhases([pebblePhase, ...bringUpPhases(instance, { fresh, bare })]));
    await step(project, () =>
      vitest(project, reports, filters, (command) => enterCommand(instance, command)),
    );
  };
  try {
    await Promise.race([work(), interrupted]);
  } finally {
    if (fresh) await remove(instance);
    await held.release();
  }
}

async function step(title: string, run: () => Promise<void>): Promise<void> {
  const begin = Date.now();
  console.log(`\n== ${title}`);
  await run();
  console.log(`== ${title}: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
}

async function check(): Promise<void> {
  if ((await run(["npm", "run", "--silent", "check"])) !== 0) total.failed += 1;
}

/** Runs the tests of one project of vitest.config.ts. @param enter makes the command run elsewhere */
async function vitest(
  project: string,
  reports: string,
  filters: readonly string[],
  enter: (command: string[]) => string[] = (command) => command,
): Promise<void> {
  const report = join(reports, `${project}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const program = join(root, "node_modules", "vitest", "vitest.mjs");
  const options = filters.length === 0 ? [] : ["--passWithNoTests", ...filters];
  const code = await run(
    enter([process.execPath, program, "run", `--project=${project}`, ...reporters, ...options]),
  );
  await count(report, code);
}

/** The parts of vitest's JSON report that are read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

async function count(file: string, code: number): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  let failed = 0;
  if (text !== undefined) {
    const report = JSON.parse(text) as Report;
    total.passed += report.numPassedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    failed = report.numFailedTests;
  }
  // A file that cannot be loaded has no tests that could fail.
  total.failed += code !== 0 && failed === 0 ? 1 : failed;
}

async function run([file = "", ...args]: readonly string[]): Promise<number> {
  // No colours in a log, whatever the machine's own variables make programs believe.
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined };
  running = spawn(file, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(running, "exit")) as [number | null];
  running = undefined;
  return code ?? 1;
}

/** Rejects when somebody ends the run. */
function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => {
        running?.kill(signal);
        process.exitCode = 128 + constants.signals[signal];
        reject(new Error(`ended by ${signal}`));
      });
  });
}

try {
  await main();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  total.failed += 1;
}
if (total.passed + total.failed === 0) {
  console.error("\nno test has run");
  process.exitCode ??= 1;
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(process.exitCode ?? (total.failed > 0 ? 1 : 0));
