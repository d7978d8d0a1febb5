/** The one place that runs something on a host. */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import { environmentTo, type Login } from "./connection.ts";
import type { CommandInput } from "./kept-text.ts";
import { interpreter, keepScript } from "./over-ssh.ts";

/** The type of every command on a host. */
export const hostCommandType = "command:local:Command";

/** Its type before 0.1.0, when each command made a connection of its own. */
export const formerHostCommandType = "command:remote:Command";

/** What to run, and what it reads. */
export interface HostCommandArgs extends CommandInput {
  readonly login: Login;
  /**
   * Runs when the resource is created, and whenever it or `stdin` changes. Errors print it, so it contains no secret. Left
   * out: the host hears of the resource only when it goes.
   */
  readonly create?: pulumi.Input<string>;
  /** Runs on an update instead of `create`. Empty: `create` does. Left out: what the state says, whatever that is. */
  readonly update?: string | undefined;
  /** Runs when the resource is deleted. */
  readonly delete?: string;
  /** Whether what the command prints is kept from the state and the display. */
  readonly secret?: boolean;
  /** Whether the display shows what the command says on standard error, also where it goes well. */
  readonly warns?: boolean;
}

/**
 * A command on a host, always an update in place: a trigger's change would be a replacement, which runs the old
 * `delete` after the new `create`. Its name must contain the host's, since a changed address runs `create` on the new
 * host and leaves the old one as it is.
 */
export function hostCommand(
  name: string,
  { login, create, update, delete: remove, stdin, isKept, secret = false, warns = false }: HostCommandArgs,
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  // A preview runs nothing.
  if (!pulumi.runtime.isDryRun()) keepScript();
  return new command.local.Command(
    name,
    {
      // Where the host is, and how it is reached, are the same in every command: a preview hides them.
      interpreter: pulumi.secret(interpreter),
      environment: environmentTo(
        login,
        isKept ? { READS_KEPT: "yes", ...(remove === undefined ? {} : { DELETE: remove }) } : {},
      ),
      ...(create === undefined ? {} : { create }),
      ...(update ? { update } : {}),
      ...(remove === undefined ? {} : { delete: remove }),
      stdin,
      logging: warns ? command.local.Logging.Stderr : command.local.Logging.None,
      addPreviousOutputInEnv: false,
    },
    {
      // Does not take over a state from before 0.1.0: the provider refuses that, and without the alias the engine would run
      // the old `delete` after the new `create`. `protected-sites upgrade-state` makes it one of this type.
      ...pulumi.mergeOptions(opts, { aliases: [{ type: formerHostCommandType }] }),
      ...(secret ? { additionalSecretOutputs: ["stdin", "stdout", "stderr"] } : {}),
      ...(update === undefined ? { ignoreChanges: ["update"] } : {}),
    },
  );
}
