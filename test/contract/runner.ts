/** A runner of workflows: runs what a step says, with stand-ins for the programs that a real runner has. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { execa } from "execa";
import type { TestContext } from "vitest";

/** One runner, which ends with the test. */
export interface Runner {
  /** Its folder, and the home of whoever runs the steps. */
  readonly work: string;
  /** A program that says how it was called, and does what `does` says. */
  standIn(name: string, does?: string): Promise<void>;
  /** Runs a script in bash, which ends at the first command that fails, as all three services do. */
  run(script: string, env: Readonly<Record<string, string>>, cwd?: string): Promise<Ran>;
}

/** How a script went. */
export interface Ran {
  readonly exitCode: number | undefined;
  /** All that it printed. */
  readonly all: string;
  /** The stand-ins that were called so far in this test, with their arguments. */
  readonly calls: readonly string[];
}

/** Makes a runner. */
export async function openRunner(onTestFinished: TestContext["onTestFinished"]): Promise<Runner> {
  const work = await mkdtemp(join(tmpdir(), "workflows-"));
  onTestFinished(() => rm(work, { recursive: true, force: true }));
  await mkdir(join(work, "bin"));
  return {
    work,
    standIn: async (name, does = "") => {
      const text = `#!/bin/sh\nprintf '%s\\n' "${name} $*" >> "$CALLS"\n${does}\n`;
      await writeFile(join(work, "bin", name), text);
      await chmod(join(work, "bin", name), 0o755);
    },
    run: async (script, env, cwd = work) => {
      const file = join(work, "script.sh");
      await writeFile(file, script);
      const { exitCode, all } = await execa("bash", ["--noprofile", "--norc", "-eo", "pipefail", file], {
        cwd,
        all: true,
        reject: false,
        env: {
          PATH: [join(work, "bin"), process.env["PATH"]].join(delimiter),
          CALLS: join(work, "calls"),
          HOME: work,
          ...env,
        },
      });
      const calls = await readFile(join(work, "calls"), "utf8").catch(() => "");
      return { exitCode, all, calls: calls.trimEnd().split("\n") };
    },
  };
}
