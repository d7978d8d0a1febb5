/** The commands that run the engine in this project: `preview` and `up`. */
import { dirname, delimiter } from "node:path";

import type { Command } from "commander";
import { execa } from "execa";

import { compileCache } from "../compile-cache.ts";
import { engineVariables } from "../engine-variables.ts";
import { type Deployment, isFormer } from "../exported-state.ts";
import { projectFolder } from "../project.ts";
import { readStackFile } from "../stack-file.ts";
import { action, exitCodes, named } from "./command.ts";
import { stackOption } from "./options.ts";

/** Why the engine was not started. */
class NoEngine extends Error {}

/** A command that shows every changed line, and takes the engine's own options after `--`. */
export function engineCommand(name: "preview" | "up"): Command {
  const command = named(name)
    .argument("[options...]", `after --: options of \`pulumi ${name}\`, such as --refresh`)
    .addOption(stackOption())
    .addHelpText(
      "after",
      "\nExit code 1: the engine failed; 2: it is not installed, or the stack has no file.",
    );
  if (name === "up") command.option("--yes", "update without asking");
  return command.action(
    action((further: string[], options: Options) => run(name, further, options), NoEngine),
  );
}

interface Options {
  readonly stack: string;
  readonly yes?: true;
}

async function run(name: string, further: readonly string[], { stack, yes }: Options): Promise<void> {
  readStackFile(stack);
  const args = [name, "--stack", stack, "--diff", ...(yes ? ["--yes"] : []), ...further];
  const { exitCode, code } = await execa("pulumi", args, {
    cwd: projectFolder,
    stdio: "inherit",
    reject: false,
    env: {
      // The engine takes the first Node on the PATH; an old one cannot run the program.
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
      ...engineVariables(process.env),
      // From the engine's SDK on, which is most of what the program loads.
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] || compileCache,
    },
  });
  if (code === "ENOENT")
    throw new NoEngine("pulumi is not installed: https://www.pulumi.com/docs/iac/download-install/");
  if (exitCode === 0) return;
  process.exitCode = exitCodes.found;
  if (await isFromBefore(stack))
    console.error(
      `\nThe state of ${stack} is from before 0.1.0, and nothing was changed. Upgrade it once, then try again (docs/upgrading.md):

    pulumi stack export --stack ${stack} > before.json
    protected-sites upgrade-state < before.json | pulumi stack import --stack ${stack}`,
    );
}

/** Whether that may be why the engine failed: the provider's own message names only a field. */
async function isFromBefore(stack: string): Promise<boolean> {
  const exported = ["stack", "export", "--stack", stack];
  const { failed, stdout } = await execa("pulumi", exported, { cwd: projectFolder, reject: false });
  const { deployment } = failed ? {} : (JSON.parse(stdout) as Partial<Deployment>);
  return deployment?.resources?.some(({ urn }) => isFormer(urn)) ?? false;
}
