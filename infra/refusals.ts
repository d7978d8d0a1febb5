/** Entra's refusals (403) of what the deployer may not do, in words that name the permission. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { missingPermission, needsPermission } from "../components/entra/permissions.ts";

/** From here on, a resource that Entra refuses is told with the permission that is missing. Nothing is tried again. */
export function explainRefusals(): void {
  // The engine calls the hook from outside of the program's run, where its log would not be the engine's.
  const inThisRun = AsyncLocalStorage.snapshot();
  const hook = new pulumi.ErrorHook("missing-permission", async ({ type, name, errors }) => {
    const missing = missingPermission(type, errors[0] ?? "");
    if (missing !== undefined) await inThisRun(() => pulumi.log.error(`${name}: ${missing}`));
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    needsPermission(type)
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { onError: [hook] } }) }
      : undefined,
  );
}
