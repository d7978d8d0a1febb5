/** A host, and who speaks to it, as a connection of @pulumi/command. */
import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

/** A proxy host: where it is, and how it proves that it is the one. */
export interface HostArgs {
  /** In resource names and messages, for example `edge-1`. */
  name: string;
  /** IP address or host name, as seen from where `pulumi` runs. */
  address: string;
  /** Port of SSH. @default `22` */
  port?: number;
  /** The line in the host's `/etc/ssh/ssh_host_ed25519_key.pub`. Ed25519 or ECDSA. */
  hostKey: string;
}

/** Who speaks to a host. */
export interface Login {
  readonly host: HostArgs;
  readonly user: string;
  /** In OpenSSH's format. Without it, the SSH agent of whoever runs the engine is asked. */
  readonly privateKey?: pulumi.Input<string>;
}

/** The user on every host who may run the push program, and nothing else. */
export const deployerUser = "protected-sites";

/** The connection; its host key is always pinned, and a dead host is given up after three further attempts. */
export function connectionTo({ host, user, privateKey }: Login): command.types.input.remote.ConnectionArgs {
  return {
    host: host.address,
    port: host.port ?? 22,
    user,
    // One key per line, the comment left out: the pinned key is compared as a whole.
    hostKey: host.hostKey.split(" ").slice(0, 2).join(" "),
    dialErrorLimit: 3,
    perDialTimeout: 15,
    ...(privateKey === undefined ? {} : { privateKey: pulumi.secret(privateKey) }),
  };
}
