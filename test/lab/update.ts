/**
 * Updates the stack of the instance that this process runs in, and tells its parent (IPC) what happens:
 * `node test/lab/update.ts`. A process of its own, since it must run inside the instance.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import type { EngineEvent, OpMap, Stack } from "@pulumi/pulumi/automation/index.js";

import { type Lab, thisLab } from "./lab.ts";
import { openStack } from "./stack.ts";

/** What the parent gets: lines while it goes on, and at last one of the others. */
export type UpdateMessage =
  { readonly line: string } | { readonly changes: string } | { readonly error: string };

const doneWords: Readonly<Record<string, string>> = {
  create: "created",
  "create-replacement": "created anew",
  update: "updated",
  delete: "deleted",
  "delete-replaced": "deleted the old",
};

async function update(tell: (message: UpdateMessage) => void): Promise<void> {
  const lab = await thisLab();
  await removeLocksOfTheDead(lab);
  const stack = await openStack(lab.name);
  const refresh = await forgetPendingOperations(lab, stack);
  const errors: string[] = [];
  const onEvent = (event: EngineEvent) => {
    const line = lineOf(event);
    if (line !== undefined) tell({ line });
    const { diagnosticEvent } = event;
    if (diagnosticEvent?.severity === "error") errors.push(plain(diagnosticEvent.message));
  };
  try {
    const { summary } = await stack.up({ color: "never", onEvent, refresh });
    tell({ changes: inWords(summary.resourceChanges ?? {}) });
  } catch (error) {
    // What the engine prints says all of it twice.
    if (errors.length === 0) throw error;
    tell({ error: errors.join("\n") });
  }
}

/** One line for each resource that is done. */
function lineOf({ resOutputsEvent, resOpFailedEvent, diagnosticEvent }: EngineEvent): string | undefined {
  if (diagnosticEvent?.severity === "warning") return plain(diagnosticEvent.message);
  const metadata = (resOutputsEvent ?? resOpFailedEvent)?.metadata;
  if (metadata === undefined) return undefined;
  // The stack, components and providers are there for the engine's own bookkeeping.
  if (metadata.type.startsWith("pulumi:") || metadata.type.startsWith("protected-sites:")) return undefined;
  const name = metadata.urn.split("::").at(-1) ?? "";
  const type = metadata.type.replace(/:.*:/, " ");
  const done = resOpFailedEvent === undefined ? doneWords[metadata.op] : `failed to ${metadata.op}`;
  return done === undefined ? undefined : `${done} ${name} (${type})`;
}

/** For example "3 created, 1 updated, 20 unchanged". */
function inWords(changes: OpMap): string {
  const { same = 0, ...others } = changes as Record<string, number>;
  const parts = Object.entries(others).map(([op, count]) => `${count} ${doneWords[op] ?? op}`);
  return [...(parts.length === 0 ? ["0 changes"] : parts), `${same} unchanged`].join(", ");
}

/** Without the engine's marks for colours. */
function plain(message: string): string {
  return message.replaceAll(/<\{%.*?%\}>/g, "").trim();
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

const tell = (message: UpdateMessage) => {
  process.send?.(message);
};
try {
  await update(tell);
} catch (error) {
  tell({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
process.disconnect();
