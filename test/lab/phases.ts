/** Long work, step by step, for somebody who watches: what runs now, how long it took, and what came out. */
import { Listr } from "listr2";

/** A step. */
export interface Phase {
  /** A word or two. */
  readonly title: string;
  /**
   * @param say - Gets a line for each thing that takes long.
   * @returns a line to keep, if there is something to tell
   */
  readonly run: (say: (line: string) => void) => Promise<string | undefined>;
}

/** Runs the steps, one after the other, and shows them. The first that fails is the last; it is for the caller to tell. */
export async function runPhases(phases: readonly Phase[]): Promise<void> {
  if (process.stdout.isTTY) await onTerminal(phases);
  else await asText(phases);
}

async function onTerminal(phases: readonly Phase[]): Promise<void> {
  const width = widthOf(phases);
  const tasks = phases.map(({ title, run }) => ({
    title: title.padEnd(width),
    task: async (_context: unknown, task: { title: string; output: string }) => {
      const begin = Date.now();
      const result = await run((line) => {
        task.output = line;
      });
      task.title = `${title.padEnd(width)}  ${seconds(begin)}  ${result ?? ""}`.trimEnd();
    },
  }));
  await new Listr(tasks, {
    // Errors are told in full at the end, once.
    rendererOptions: { showErrorMessage: false, collapseErrors: false, formatOutput: "wrap" },
  }).run();
}

/** For logs: no colours, nothing that is written over. */
async function asText(phases: readonly Phase[]): Promise<void> {
  const width = widthOf(phases);
  for (const { title, run } of phases) {
    const begin = Date.now();
    const result = await run((line) => {
      console.log(`${title.padEnd(width)}  ${" ".repeat(7)}  ${line}`);
    });
    console.log(`${title.padEnd(width)}  ${seconds(begin)}  ${result ?? ""}`.trimEnd());
  }
}

function widthOf(phases: readonly Phase[]): number {
  return Math.max(...phases.map(({ title }) => title.length));
}

/** The time since `begin`, always as wide. */
function seconds(begin: number): string {
  return `${((Date.now() - begin) / 1000).toFixed(1).padStart(5)} s`;
}
