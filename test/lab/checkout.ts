/** The project as an administrator has it, to run the commands of the engine and of package.json in. */
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

import { execa } from "execa";

import type { Engine } from "./engine.ts";

/** A copy of the project with stacks of its own; the npm packages are this checkout's. */
export interface Checkout {
  readonly directory: string;
  /** Runs a command in it. @returns its exit code, and all that it said */
  readonly run: (file: string, ...args: readonly string[]) => Promise<{ exitCode: number; all: string }>;
}

const root = join(import.meta.dirname, "..", "..");

/**
 * @param directory an empty folder
 * @param stacks the stacks' files by their names, `Pulumi.prod.yaml`
 * @param environment what the engine and the providers need beside the test's own
 */
export async function checkOut(
  directory: string,
  stacks: Readonly<Record<string, string>>,
  engine: Engine,
  environment: Readonly<Record<string, string>>,
): Promise<Checkout> {
  for (const name of ["Pulumi.yaml", "package.json", "components", "infra"])
    await cp(join(root, name), join(directory, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  await mkdir(join(directory, "stacks"));
  for (const [name, text] of Object.entries(stacks)) await writeFile(join(directory, "stacks", name), text);
  const env = {
    ...engine.environment,
    PATH: [join(engine.root, "bin"), process.env["PATH"]].join(delimiter),
    // It would keep what this folder has for good.
    NODE_DISABLE_COMPILE_CACHE: "1",
    NO_COLOR: "1",
    FORCE_COLOR: undefined,
    ...environment,
  };
  return {
    directory,
    run: async (file, ...args) => {
      const options = { cwd: directory, env, all: true, reject: false, stdin: "ignore" } as const;
      const { exitCode = -1, all } = await execa(file, args, options);
      return { exitCode, all };
    },
  };
}
