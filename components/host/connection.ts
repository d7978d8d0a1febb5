/** A host, and who speaks to it, as a connection of @pulumi/command. */
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

/** A jump host. It only forwards connections. */
export interface JumpHostSettings {
  /** IP address or host name. */
  address: string;
  /** Port of SSH. @default `22` */
  port?: number;
  /** The user to log in as. */
  user: string;
  /** The jump host's own public key. Ed25519 or ECDSA. */
  hostKey: string;
}

/** A proxy host: where it is, and its host key. */
export interface HostSettings {
  /** In resource names and messages, for example `edge-1`. */
  name: string;
  /** IP address or host name, as seen from where `pulumi` runs. */
  address: string;
  /** Port of SSH. @default `22` */
  port?: number;
  /** The line in the host's `/etc/ssh/ssh_host_ed25519_key.pub`. Ed25519 or ECDSA. */
  hostKey: string;
  /**
   * The host through which it is reached. Its user logs in with `adminPrivateKey`, or by the SSH agent, and only needs
   * permission to forward connections. @default none
   */
  jumpHost?: JumpHostSettings;
}

/** How to log in to a host. */
export interface Login {
  readonly host: HostSettings;
  readonly user: string;
  /** In OpenSSH's format. Default: the SSH agent of the user who runs the engine. */
  readonly privateKey?: pulumi.Input<string>;
  /** Of the jump host's user; as `privateKey`. */
  readonly jumpPrivateKey?: pulumi.Input<string> | undefined;
}

/** The user on every host who may run the push program, and nothing else. */
export const deployerUser = "protected-sites";

/**
 * The connection; its host keys are always pinned. The engine runs many commands at once, four for each processor, and a
 * host's OpenSSH lets in only some that have not signed in yet (MaxStartups): hence the attempts, within half a minute.
 * docs/decisions/ssh-connection-limits.md
 */
export function connectionTo(login: Login): command.types.input.remote.ConnectionArgs {
  const { host, user, privateKey, jumpPrivateKey } = login;
  const { jumpHost } = host;
  return {
    ...hop(host, user, privateKey),
    ...(jumpHost === undefined ? {} : { proxy: hop(jumpHost, jumpHost.user, jumpPrivateKey) }),
  };
}

function hop(
  to: HostSettings | JumpHostSettings,
  user: string,
  privateKey: pulumi.Input<string> | undefined,
) {
  return {
    host: to.address,
    port: to.port ?? 22,
    user,
    // One key per line, the comment left out: the pinned key is compared as a whole.
    hostKey: to.hostKey.split(" ").slice(0, 2).join(" "),
    dialErrorLimit: 12,
    perDialTimeout: 15,
    ...(privateKey === undefined ? {} : { privateKey: pulumi.secret(privateKey) }),
  };
}
