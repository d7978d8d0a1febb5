/** Shows new files line by line in a preview. The engine prints such a text as a single quoted string. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { unbundle } from "../components/host/bundle.ts";
import { hostCommandType } from "../components/host/host-command.ts";

/**
 * From here on, a preview shows all files of every new push and setup line by line. Only `--diff` shows it: the engine's
 * other views omit ephemeral messages.
 */
export function showNewTexts(): void {
  // The engine calls the hook outside of the program's run, where its log would not be the engine's.
  const inThisRun = AsyncLocalStorage.snapshot();
  const show = async (name: string, stdin: unknown) => {
    if (!pulumi.runtime.isDryRun() || typeof stdin !== "string" || unbundle(stdin).length === 0) return;
    const text = stdin.replaceAll(/^(?=.)/gm, "    ");
    await pulumi.log.info(`${name} sends:\n${text}`, undefined, undefined, true);
  };
  const hook = new pulumi.ResourceHook(
    "new-text",
    // A secret is not a string here.
    ({ name, newInputs }) => inThisRun(() => show(name, newInputs?.["stdin"])),
    { onDryRun: true },
  );
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type === hostCommandType
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [hook] } }) }
      : undefined,
  );
}
