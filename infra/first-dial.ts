/** Dials a host once before an update does anything there, so that a problem is reported once, and correctly. */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import * as pulumi from "@pulumi/pulumi";

import type { Environment, Host } from "./environment.ts";
import { type Asker, runOnHost, Unreachable } from "./ssh.ts";

/** The part of a command's connection that is read here. */
interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey?: string;
  readonly proxy?: { readonly privateKey?: string };
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
    const connection = await plain(newInputs?.["connection"] as pulumi.Input<Connection>);
    const host = hosts.find((it) => it.address === connection.host && it.port === connection.port);
    if (host === undefined) return;
    const who = `${connection.user}@${host.name}`;
    const dialled = dials.get(who) ?? inThisRun(() => dial(host, connection));
    dials.set(who, dialled);
    await dialled;
  });
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
    type === "command:remote:Command"
      ? { props, opts: pulumi.mergeOptions(opts, { hooks: { beforeCreate: [hook], beforeUpdate: [hook] } }) }
      : undefined,
  );
}

/** The connection with its secrets, which reach a hook as outputs. */
function plain(connection: pulumi.Input<Connection>): Promise<Connection> {
  return new Promise((resolve) => void pulumi.output(connection).apply(resolve));
}

/** @throws Error with the reason in one line */
async function dial(host: Host, { user, privateKey, proxy }: Connection): Promise<void> {
  const asker: Asker = { user, privateKey, jumpPrivateKey: proxy?.privateKey };
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
