/**
 * Updates the stack of the instance that this process runs in, and tells its parent (IPC) what happens:
 * `node test/lab/update.ts`. A process of its own, since it must run inside the instance.
 */
import type { EngineEvent, OpMap } from "@pulumi/pulumi/automation/index.js";

import { forgetKilledUpdates } from "./killed-updates.ts";
import { thisLab } from "./lab.ts";
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
  const stack = await openStack(lab.name);
  const refresh = await forgetKilledUpdates(lab, stack);
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
