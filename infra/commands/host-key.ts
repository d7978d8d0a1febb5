/**
 * `npm run host-key -- ADDRESS`: a host's public key, for `hostKey` in an environment's file. A man in the middle could
 * offer another one, so its fingerprint has to be verified out of band.
 */
import type { Command } from "commander";
import { execa } from "execa";

import { reasonIn } from "../ssh.ts";
import { action, named, printJson, wholeNumber } from "./command.ts";
import { jsonOption } from "./options.ts";

/** The host offered no usable key. */
export class NoKey extends Error {}

/** A host's public key, as `hostKey` in an environment's file. */
export interface HostKey {
  /** For example `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** For example `SHA256:…`. */
  readonly fingerprint: string;
  /** Where the host has it, to compare. */
  readonly file: string;
}

/** @throws NoKey if the host cannot be reached or offers no Ed25519 or ECDSA key */
export async function offeredKey(address: string, port: number): Promise<HostKey> {
  const args = ["-T", "15", "-p", String(port), "-t", "ed25519,ecdsa", "--", address];
  const scan = await execa("ssh-keyscan", args, { reject: false });
  const lines = scan.stdout.split("\n").filter((line) => /^\S+ (?:ssh-ed25519|ecdsa-sha2-)/.test(line));
  const line = lines.find((it) => it.includes(" ssh-ed25519 ")) ?? lines[0];
  if (line === undefined)
    throw new NoKey(`${address}:${port} offers no Ed25519 or ECDSA key: ${reasonIn(scan.stderr)}`);
  const [, type = "", key = ""] = line.split(" ");
  const { stdout } = await execa("ssh-keygen", ["-l", "-f", "-"], { input: `${type} ${key}\n` });
  return {
    hostKey: `${type} ${key}`,
    fingerprint: stdout.split(" ")[1] ?? "",
    file: `/etc/ssh/ssh_host_${type === "ssh-ed25519" ? "ed25519" : "ecdsa"}_key.pub`,
  };
}

export function command(): Command {
  return named("host-key")
    .argument("<address>", "IP address or host name")
    .option("--port <number>", "SSH port", wholeNumber, 22)
    .addOption(jsonOption())
    .action(action(hostKey, NoKey));
}

async function hostKey(
  address: string,
  { port, json }: { readonly port: number; readonly json?: true },
): Promise<void> {
  const key = await offeredKey(address, port);
  if (json) {
    printJson("host-key", key);
    return;
  }
  console.log(`hostKey: ${key.hostKey}

Fingerprint: ${key.fingerprint}
Before you use it, compare it with the host's console, or with what your provider shows:
  ssh-keygen -l -f ${key.file}`);
}
