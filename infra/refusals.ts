/** Explains what to do when Entra rejects what the deployer may not do, or what a policy forbids. */
import { AsyncLocalStorage } from "node:async_hooks";

import * as pulumi from "@pulumi/pulumi";

import { needsPermission, remedy } from "../components/entra/permissions.ts";

/** From here on, an error of a resource that Entra rejects says what to do. Nothing is retried. */
export function explainRefusals(): void {
  // The engine calls the hook outside of the program's run, where its log would not be the engine's.
  const inThisRun = AsyncLocalStorage.snapshot();
  const hook = new pulumi.ErrorHook("missing-permission", async ({ type, name, errors }) => {
    const advice = remedy(type, errors[0] ?? "");
    if (advice !== undefined) await inThisRun(() => pulumi.log.error(`${name}: ${advice}`));
    return false;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    needsPermission(type)
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { onError: [hook] } }) }
      : undefined,
  );
}
