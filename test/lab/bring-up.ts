/** From nothing to a stack that is up to date: the steps of `npm run local`, and of the tests before they begin. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";

import { ensureEngine } from "./engine.ts";
import { enterCommand, labPhases, type LabOptions } from "./lab.ts";
import { stateDirectory } from "./paths.ts";
import type { Phase } from "./phases.ts";
import { cgroupOf, end, makeCgroup, tail } from "./processes.ts";
import type { UpdateMessage } from "./update.ts";

/** The engine alone, for those who need no lab. */
export const enginePhase: Phase = {
  title: "engine",
  run: async (say) => (await ensureEngine(say)).line.replace(/^engine: /, ""),
};

/** All steps; whoever runs them holds the instance's lock. */
export function bringUpPhases(name: string, options: LabOptions = {}): readonly Phase[] {
  return [enginePhase, ...labPhases(name, options), { title: "stack", run: (say) => updateStack(name, say) }];
}

/** @returns how much changed, in words */
async function updateStack(name: string, say: (line: string) => void): Promise<string> {
  // An update that a killed run has left behind would go on by itself.
  const cgroup = cgroupOf(name, "stack");
  await end(cgroup);
  await makeCgroup(cgroup);

  const log = join(stateDirectory(name), "logs", "stack.log");
  const output = openSync(log, "w", 0o600);
  const command = [process.execPath, join(import.meta.dirname, "update.ts")];
  const [file = "", ...args] = enterCommand(name, command, "stack");
  const child = spawn(file, args, { stdio: ["ignore", output, output, "ipc"] });
  let last: UpdateMessage | undefined;
  child.on("message", (message: UpdateMessage) => {
    if ("line" in message) say(message.line);
    else last = message;
  });
  await once(child, "close");
  if (last !== undefined && "changes" in last) return last.changes;
  throw new Error(
    last !== undefined && "error" in last ? last.error : `the update ended early; ${await tail(log)}`,
  );
}
