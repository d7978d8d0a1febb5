/** What a preview shows of texts that hosts have not had yet: their lines. The engine prints such a text as one, quoted. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { unbundle } from "../components/host/bundle.ts";

/**
 * From here on, a preview tells all files of every push and set-up that is still to be made, line by line, and once
 * where several hosts get the same. Only `--diff` shows it: the engine's other views pass over what is ephemeral.
 */
export function showNewTexts(): void {
  // The engine calls the hook from outside of the program's run, where its log would not be the engine's.
  const inThisRun = AsyncLocalStorage.snapshot();
  const firstWith = new Map<string, string>();
  const show = async (name: string, stdin: unknown) => {
    if (!pulumi.runtime.isDryRun() || typeof stdin !== "string" || unbundle(stdin).length === 0) return;
    const first = firstWith.get(stdin);
    firstWith.set(stdin, first ?? name);
    const text = first === undefined ? `\n${stdin.replaceAll(/^(?=.)/gm, "    ")}` : ` as ${first}`;
    await pulumi.log.info(`${name} sends:${text}`, undefined, undefined, true);
  };
  const hook = new pulumi.ResourceHook(
    "new-text",
    // A secret is not a string here.
    ({ name, newInputs }) => inThisRun(() => show(name, newInputs?.["stdin"])),
    { onDryRun: true },
  );
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type === "command:remote:Command"
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [hook] } }) }
      : undefined,
  );
}
