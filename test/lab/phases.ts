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

/**
 * Runs the steps of each lane one after the other, the lanes side by side, and shows them. The first that fails is its
 * lane's last; it is for the caller to tell.
 */
export async function runPhases(...lanes: readonly (readonly Phase[])[]): Promise<void> {
  if (process.stdout.isTTY) await onTerminal(lanes);
  else await asText(lanes);
}

async function onTerminal(lanes: readonly (readonly Phase[])[]): Promise<void> {
  const width = widthOf(lanes.flat());
  const taskOf = ({ title, run }: Phase) => ({
    title: title.padEnd(width),
    task: async (_context: unknown, task: { title: string; output: string }) => {
      const begin = Date.now();
      const result = await run((line) => {
        task.output = line;
      });
      task.title = `${title.padEnd(width)}  ${seconds(begin)}  ${result ?? ""}`.trimEnd();
    },
  });
  // Errors are told in full at the end, once.
  const rendererOptions = { showErrorMessage: false, collapseErrors: false, formatOutput: "wrap" } as const;
  const [only, ...others] = lanes;
  if (only !== undefined && others.length === 0) await new Listr(only.map(taskOf), { rendererOptions }).run();
  else
    await new Listr(
      lanes.map((lane) => ({ task: (_context, task) => task.newListr(lane.map(taskOf)) })),
      { concurrent: true, rendererOptions },
    ).run();
}

/** For logs: no colours, nothing that is written over. */
async function asText(lanes: readonly (readonly Phase[])[]): Promise<void> {
  const width = widthOf(lanes.flat());
  const runLane = async (lane: readonly Phase[]) => {
    for (const { title, run } of lane) {
      const begin = Date.now();
      const result = await run((line) => {
        console.log(`${title.padEnd(width)}  ${" ".repeat(7)}  ${line}`);
      });
      console.log(`${title.padEnd(width)}  ${seconds(begin)}  ${result ?? ""}`.trimEnd());
    }
  };
  await Promise.all(lanes.map(runLane));
}

function widthOf(phases: readonly Phase[]): number {
  return Math.max(...phases.map(({ title }) => title.length));
}

/** The time since `begin`, always as wide. */
function seconds(begin: number): string {
  return `${((Date.now() - begin) / 1000).toFixed(1).padStart(5)} s`;
}
