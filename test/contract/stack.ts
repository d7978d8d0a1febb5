/** A Pulumi stack of a test's own: a real engine, the provider plug-ins in use, state in a temporary folder. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import type { Deployment, EngineEvent, OpMap, PulumiFn } from "@pulumi/pulumi/automation/index.js";
import type { TestContext } from "vitest";

import { ensureEngine } from "../lab/engine.ts";

/** What a run did. */
export interface Run {
  /** Number of resources by what was done to them, without those of the stack itself, for example `{ create: 1 }`. */
  readonly changes: OpMap;
  /** All that the run printed. */
  readonly text: string;
  readonly outputs: Readonly<Record<string, { readonly value: unknown; readonly secret: boolean }>>;
}

/** One stack. */
export interface TestStack {
  preview: (program: PulumiFn) => Promise<Run>;
  /** @param parallel how many resources at once. @default the engine's own, four for each processor */
  up: (program: PulumiFn, parallel?: number) => Promise<Run>;
  /** The run's error. */
  upFails: (program: PulumiFn) => Promise<string>;
  refresh: () => Promise<Run>;
  destroy: () => Promise<void>;
  /** The state file, as it lies on disk. */
  state: () => Promise<string>;
  /** `pulumi cancel` */
  cancel: () => Promise<void>;
  /** `pulumi stack export`, and `import` of what that gave. */
  exported: () => Promise<Deployment>;
  imported: (state: Deployment) => Promise<void>;
  /** What the engine and the providers get beside the test's own environment, for the next run. */
  readonly environment: Record<string, string>;
  /** The folder of the state. */
  readonly directory: string;
}

/**
 * Makes a stack that is removed with its state at the end of the test; its resources are the test's own business.
 *
 * @param environment - What the providers need beside the test's own environment.
 */
export async function openStack(
  onTestFinished: TestContext["onTestFinished"],
  environment: Readonly<Record<string, string>> = {},
): Promise<TestStack> {
  const engine = await ensureEngine();
  const directory = await mkdtemp(join(tmpdir(), "contract-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const stack = await LocalWorkspace.createOrSelectStack(
    { projectName: "contract", stackName: "test", program: () => Promise.resolve() },
    {
      pulumiCommand: await PulumiCommand.get({ root: engine.root }),
      workDir: directory,
      envVars: {
        ...engine.environment,
        PULUMI_BACKEND_URL: `file://${directory}`,
        PULUMI_CONFIG_PASSPHRASE: "contract",
        // A developer's agent must not sign in where a test means to be refused.
        SSH_AUTH_SOCK: "",
        ...environment,
      },
    },
  );
  const up = async (program: PulumiFn, parallel?: number): Promise<Run> => {
    const result = await stack.up({
      program,
      color: "never",
      ...(parallel === undefined ? {} : { parallel }),
    });
    const changes = { ...(result.summary.resourceChanges ?? {}) };
    return { changes: withoutStack(changes), text: result.stdout + result.stderr, outputs: result.outputs };
  };
  return {
    preview: async (program) => {
      const events: EngineEvent[] = [];
      const result = await stack.preview({
        program,
        color: "never",
        diff: true,
        onEvent: (event) => events.push(event),
      });
      const changes = events.find((event) => event.summaryEvent)?.summaryEvent?.resourceChanges ?? {};
      return { changes: withoutStack(changes), text: result.stdout + result.stderr, outputs: {} };
    },
    up,
    upFails: async (program) => {
      try {
        await up(program);
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      throw new Error("the run was expected to fail, and did not");
    },
    refresh: async () => {
      const result = await stack.refresh({ color: "never" });
      return {
        changes: withoutStack({ ...(result.summary.resourceChanges ?? {}) }),
        text: result.stdout + result.stderr,
        outputs: {},
      };
    },
    destroy: async () => {
      await stack.destroy({ color: "never" });
    },
    state: () => readFile(join(directory, ".pulumi/stacks/contract/test.json"), "utf8"),
    cancel: () => stack.cancel(),
    exported: () => stack.exportStack(),
    imported: (state) => stack.importStack(state),
    environment: stack.workspace.envVars,
    directory,
  };
}

/** The stack is a resource too, created at the first run and the same ever after. */
function withoutStack(changes: OpMap): OpMap {
  return Object.fromEntries(
    Object.entries(changes)
      .map(([operation, count]): [string, number] => [
        operation,
        operation === "create" && changes.same === undefined
          ? count - 1
          : operation === "same"
            ? count - 1
            : count,
      ])
      .filter(([, count]) => count > 0),
  );
}
