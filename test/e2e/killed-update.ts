/** Updates of the lab's stack whose engine is killed. */
import { setTimeout as sleep } from "node:timers/promises";

import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";

/** When to kill: so many milliseconds after the engine has told of the n-th beginning or end of a step, from 1. */
export interface Moment {
  readonly event: number;
  readonly milliseconds: number;
}

/**
 * Updates the stack, and kills engine and providers at once (SIGKILL), as a machine does that goes away.
 * @returns the last step that the engine told of, for example "update wiki-edge-1-credentials begins"; undefined where
 *   the update ended before the moment came
 */
export async function killedUp(stack: Stack, moment: Moment): Promise<string | undefined> {
  const told: string[] = [];
  let killing: Promise<void> | undefined;
  const onEvent = (event: EngineEvent) => {
    const step = stepOf(event);
    if (step === undefined) return;
    told.push(step);
    if (told.length === moment.event) killing = sleep(moment.milliseconds).then(() => killEngine());
  };
  const [result] = await Promise.allSettled([stack.up({ onEvent })]);
  await killing;
  if (result.status === "fulfilled") return undefined;
  if (killing === undefined) throw result.reason;
  // Only the lock of the update that is gone is there.
  await stack.cancel();
  return told.at(-1);
}

function stepOf({ resourcePreEvent, resOutputsEvent }: EngineEvent): string | undefined {
  const metadata = (resourcePreEvent ?? resOutputsEvent)?.metadata;
  if (metadata === undefined || metadata.op === "same" || metadata.op === "read") return undefined;
  if (metadata.type.startsWith("pulumi:") || metadata.type.startsWith("protected-sites:")) return undefined;
  const name = metadata.urn.split("::").at(-1) ?? "";
  return `${metadata.op} ${name} ${resourcePreEvent === undefined ? "ends" : "begins"}`;
}

async function killEngine(): Promise<void> {
  const { stdout } = await execa("ps", ["-eo", "pid=,ppid=,args="]);
  const processes = stdout.split("\n").map((line) => {
    const [pid = "", parent = "", ...command] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), command: command.join(" ") };
  });
  const below = (parent: number): number[] =>
    processes.filter((it) => it.parent === parent).flatMap(({ pid }) => [pid, ...below(pid)]);
  const engines = processes.filter(
    ({ parent, command }) => parent === process.pid && /\/pulumi up /.test(command),
  );
  for (const pid of engines.flatMap(({ pid }) => [pid, ...below(pid)])) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
