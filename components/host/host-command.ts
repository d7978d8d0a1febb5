/** The one place that runs something on a host. */
import * as command from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";

import { connectionTo, type Login } from "./connection.ts";

/** What to run, and what it reads. */
export interface HostCommandArgs {
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
  readonly stdin: pulumi.Input<string>;
  /** Whether what the command prints is kept from the state and the display. */
  readonly secret?: boolean;
  /** Whether the display shows what the command says on standard error, also where it goes well. */
  readonly warns?: boolean;
}

/**
 * A command on a host, always an update in place: a trigger's change would be a replacement, which runs the old
 * `delete` after the new `create`. Its name must contain the host's, since a changed connection runs `create` on the new
 * host and leaves the old one as it is.
 */
export function hostCommand(
  name: string,
  { login, create, update, delete: remove, stdin, secret = false, warns = false }: HostCommandArgs,
  opts: pulumi.CustomResourceOptions,
): command.remote.Command {
  return new command.remote.Command(
    name,
    {
      connection: connectionTo(login),
      ...(create === undefined ? {} : { create }),
      ...(update ? { update } : {}),
      ...(remove === undefined ? {} : { delete: remove }),
      stdin,
      logging: warns ? command.remote.Logging.Stderr : command.remote.Logging.None,
      addPreviousOutputInEnv: false,
    },
    {
      ...opts,
      ...(secret ? { additionalSecretOutputs: ["stdin", "stdout", "stderr"] } : {}),
      ...(update === undefined ? { ignoreChanges: ["update"] } : {}),
    },
  );
}
