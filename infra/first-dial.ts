/** Dials a host once before an update does anything there, so that a problem is reported once, and correctly. */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import * as pulumi from "@pulumi/pulumi";

import { hostCommandType } from "../components/host/host-command.ts";
import type { Environment, Host } from "./environment.ts";
import { type Asker, runOnHost, Unreachable } from "./ssh.ts";

/** The part of a command's environment that is read here. */
interface Variables {
  readonly HOST_NAME: string;
  readonly HOST_USER: string;
  readonly PRIVATE_KEY?: string;
  readonly JUMP_PRIVATE_KEY?: string;
}

/**
 * From here on, the first command on a host waits for a dial, as the same user with the same key; if that fails, none of
 * the commands is tried. The command provider dials for each of them, several times, and reports what the host says last:
 * since OpenSSH 9.8 a host closes connections without a reason once an address has failed a few times.
 * docs/decisions/ssh-connection-limits.md
 */
export function dialFirst({ hosts }: Pick<Environment, "hosts">): void {
  // The engine calls the hook outside of the program's run.
  const inThisRun = AsyncLocalStorage.snapshot();
  const dials = new Map<string, Promise<void>>();
  const hook = new pulumi.ResourceHook("first-dial", async ({ newInputs }) => {
    const variables = await plain(newInputs?.["environment"] as pulumi.Input<Variables>);
    const host = hosts.find(({ name }) => name === variables.HOST_NAME);
    if (host === undefined) return;
    const who = `${variables.HOST_USER}@${host.name}`;
    const dialled = dials.get(who) ?? inThisRun(() => dial(host, variables));
    dials.set(who, dialled);
    await dialled;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type === hostCommandType
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [hook], beforeUpdate: [hook] } }) }
      : undefined,
  );
}

/** The variables with their secrets, which reach a hook as outputs. */
function plain(variables: pulumi.Input<Variables>): Promise<Variables> {
  return new Promise((resolve) => void pulumi.output(variables).apply(resolve));
}

/** @throws Error with the reason in one line */
async function dial(host: Host, variables: Variables): Promise<void> {
  const { HOST_USER: user, PRIVATE_KEY: privateKey, JUMP_PRIVATE_KEY: jumpPrivateKey } = variables;
  const asker: Asker = { user, privateKey, jumpPrivateKey };
  for (let attempt = 1; ; attempt++)
    try {
      await runOnHost(host, asker, "true");
      return;
    } catch (error) {
      // Without the system's ssh, the provider's own dials have to report it.
      if (!(error instanceof Unreachable)) return;
      // A busy host closes some connections; one that rejects a key will do so again.
      if (!error.closed || attempt === 3)
        throw new Error(`${host.name} could not be reached as ${user}: ${error.message}. Nothing was sent`);
      await sleep(1000 * attempt);
    }
}
