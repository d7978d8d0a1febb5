/** Runs vitest and other programs of the tests, and counts how they ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const running = new Set<ChildProcess>();

/** How many tests ended how; a check or a step that fails counts as one. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Titles of the tests that failed, each with the begin of its message: what the end of a long log repeats. */
  readonly failures?: readonly string[];
}

/** What is run. */
export interface VitestArgs {
  /** Of vitest.config.ts. */
  readonly project: string;
  /** Parts of the names of the test files that are wanted, and options of vitest. */
  readonly filters: readonly string[];
  /** Makes the command run elsewhere. @default where this process runs */
  readonly enter?: (command: string[]) => string[];
  /** Gets what the program says. @default this process's own output */
  readonly output?: (text: string) => void;
}

/** Runs the tests of one project. */
export async function vitest({
  project,
  filters,
  enter = (command) => command,
  output,
}: VitestArgs): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), "protected-sites-test-"));
  try {
    const report = join(folder, "report.json");
    const program = join(root, "node_modules", "vitest", "vitest.mjs");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const options = filters.length === 0 ? [] : ["--passWithNoTests", ...filters];
    const command = enter([
      process.execPath,
      program,
      "run",
      `--project=${project}`,
      ...reporters,
      ...options,
    ]);
    return await count(report, await run(command, output));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The parts of vitest's JSON report that are read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

async function count(file: string, code: number): Promise<Count> {
  const text = await readFile(file, "utf8").catch(() => "{}");
  const report = JSON.parse(text) as Partial<Report>;
  const failed = report.numFailedTests ?? 0;
  return {
    passed: report.numPassedTests ?? 0,
    // A file that cannot be loaded has no tests that could fail.
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0),
    failures: failuresOf(report),
  };
}

/** The first lines of a message say what was run or expected; what it printed comes below. */
const linesOfAFailure = 8;

function failuresOf({ testResults = [] }: Partial<Report>): string[] {
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "failed")
    .map(({ fullName, failureMessages: [message = ""] }) => {
      const lines = message.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
      return [fullName, ...lines.slice(0, linesOfAFailure).map((line) => `    ${line.slice(0, 300)}`)].join(
        "\n",
      );
    });
}

/** Runs a program. @returns its exit code, 1 where a signal ended it */
export async function run(
  [file = "", ...args]: readonly string[],
  output?: (text: string) => void,
): Promise<number> {
  // No colours in a log, whatever the machine's own variables make programs believe.
  const colours = process.stdout.isTTY && output === undefined;
  const env = colours ? process.env : { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined };
  const stdio = output === undefined ? "inherit" : "pipe";
  const child = spawn(file, args, { cwd: root, env, stdio: ["ignore", stdio, stdio] });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => output?.(text));
  running.add(child);
  const [code] = (await once(child, "close")) as [number | null];
  running.delete(child);
  return code ?? 1;
}

/** Rejects when somebody ends the run, and ends what it has started. */
export function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => {
        for (const child of running) child.kill(signal);
        process.exitCode = 128 + constants.signals[signal];
        reject(new Error(`ended by ${signal}`));
      });
  });
}
