/** What updates of the stack leave that were killed with their run. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation/index.js";

import type { Lab } from "./lab.ts";

/** Makes way for the next update. @returns whether it has to ask first what there is */
export async function forgetKilledUpdates(lab: Lab, stack: Stack): Promise<boolean> {
  await removeLocksOfTheDead(lab);
  return forgetPendingOperations(lab, stack);
}

/** An update that was killed leaves its lock; `pulumi cancel` would take those of updates that go on, too. */
async function removeLocksOfTheDead({ state }: Lab): Promise<void> {
  const locks = join(state, "stack", "backend", ".pulumi", "locks");
  const entries = await readdir(locks, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const { pid } = JSON.parse(await readFile(file, "utf8")) as { pid: number };
    if (!isAlive(pid)) await rm(file);
  }
}

/**
 * What a killed update was about to create is created again: a push replaces what it finds, and an app registration
 * that nobody knows of does no harm in the lab. Elsewhere a person has to look (`pulumi refresh`).
 *
 * @returns whether there were any: what was about to be deleted may be gone already
 */
async function forgetPendingOperations({ state }: Lab, stack: Stack): Promise<boolean> {
  const file = join(state, "stack", "backend", ".pulumi", "stacks", "protected-sites", `${stack.name}.json`);
  const text = await readFile(file, "utf8").catch(() => "");
  if (!text.includes('"pending_operations"')) return false;
  const exported = await stack.exportStack();
  const { pending_operations: _, ...deployment } = exported.deployment as Record<string, unknown>;
  await stack.importStack({ ...exported, deployment });
  return true;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
