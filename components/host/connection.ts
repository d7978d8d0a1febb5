/** A host, who speaks to it, and how a command gets there: over OpenSSH, on a connection that commands share. */
import { createHash } from "node:crypto";

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

/** Variables by which over-ssh.sh logs in, and which it passes on to nobody. */
export const keyVariables: ReadonlySet<string> = new Set(["PRIVATE_KEY", "JUMP_PRIVATE_KEY"]);

/** A login whose keys are at hand. */
export interface PlainLogin {
  readonly host: HostSettings;
  readonly user: string;
  readonly privateKey?: string | undefined;
  readonly jumpPrivateKey?: string | undefined;
  /** File of the private key. */
  readonly identityFile?: string | undefined;
}

/** The environment of over-ssh.sh. */
export function environmentOf(login: PlainLogin): Record<string, string> {
  const { privateKey, jumpPrivateKey, identityFile } = login;
  return {
    ...places(login),
    CONNECTION: connectionId(login),
    ...(identityFile === undefined ? {} : { IDENTITY_FILE: identityFile }),
    ...(privateKey === undefined ? {} : { PRIVATE_KEY: privateKey }),
    ...(jumpPrivateKey === undefined ? {} : { JUMP_PRIVATE_KEY: jumpPrivateKey }),
  };
}

/**
 * The same for a resource. Secret.
 * @param more further variables of over-ssh.sh
 */
export function environmentTo(
  { host, user, ...keys }: Login,
  more: Readonly<Record<string, string>> = {},
): pulumi.Output<Record<string, string>> {
  const jumpPrivateKey = host.jumpHost === undefined ? undefined : keys.jumpPrivateKey;
  return pulumi.secret(
    pulumi.all([keys.privateKey, jumpPrivateKey]).apply(([privateKey, jump]) => ({
      ...environmentOf({ host, user, privateKey, jumpPrivateKey: jump }),
      ...more,
    })),
  );
}

/** Where the host is. */
function places({ host, user }: Pick<PlainLogin, "host" | "user">): Record<string, string> {
  const { jumpHost } = host;
  return {
    HOST_NAME: host.name,
    HOST_ADDRESS: host.address,
    HOST_PORT: String(host.port ?? 22),
    HOST_USER: user,
    HOST_KEY: pinned(host),
    ...(jumpHost === undefined
      ? {}
      : {
          JUMP_ADDRESS: jumpHost.address,
          JUMP_PORT: String(jumpHost.port ?? 22),
          JUMP_USER: jumpHost.user,
          JUMP_KEY: pinned(jumpHost),
        }),
  };
}

/** Type and key, without the comment. */
function pinned({ hostKey }: { readonly hostKey: string }): string {
  return hostKey.split(" ").slice(0, 2).join(" ");
}

/** Another key, user, port or address is another connection. Says nothing of the keys. */
function connectionId(login: PlainLogin): string {
  const { privateKey, jumpPrivateKey, identityFile } = login;
  const all = [places(login), privateKey, jumpPrivateKey, identityFile];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 16);
}
