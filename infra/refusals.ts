/** Entra's refusals of what the deployer may not do, or what a policy forbids, in words that say what to do. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { needsPermission, remedy } from "../components/entra/permissions.ts";

/** From here on, a resource that Entra refuses is told with what to do. Nothing is tried again. */
export function explainRefusals(): void {
  // The engine calls the hook from outside of the program's run, where its log would not be the engine's.
  const inThisRun = AsyncLocalStorage.snapshot();
  const hook = new pulumi.ErrorHook("missing-permission", async ({ type, name, errors }) => {
    const told = remedy(type, errors[0] ?? "");
    if (told !== undefined) await inThisRun(() => pulumi.log.error(`${name}: ${told}`));
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    needsPermission(type)
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { onError: [hook] } }) }
      : undefined,
  );
}
