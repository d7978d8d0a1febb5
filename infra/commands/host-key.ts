/**
 * `npm run host-key -- ADDRESS`: a host's public key, for `hostKey` in an environment's file. A man in the middle could
 * offer another one, so its fingerprint has to be verified out of band.
 */
import { Command } from "commander";
import { execa } from "execa";

import { reasonIn } from "../ssh.ts";
import { runCommand } from "./command.ts";

/** The host offered no usable key. */
class NoKey extends Error {}

interface Options {
  readonly port: string;
}

async function main(): Promise<void> {
  const command = new Command("host-key")
    .description("Shows a host's public SSH key and its fingerprint.")
    .argument("<address>", "IP address or host name")
    .option("--port <number>", "SSH port", "22")
    .parse();
  const [address = ""] = command.args;
  const { port } = command.opts<Options>();
  const scan = await execa("ssh-keyscan", ["-T", "15", "-p", port, "-t", "ed25519,ecdsa", "--", address], {
    reject: false,
  });
  const lines = scan.stdout.split("\n").filter((line) => /^\S+ (?:ssh-ed25519|ecdsa-sha2-)/.test(line));
  const line = lines.find((it) => it.includes(" ssh-ed25519 ")) ?? lines[0];
  if (line === undefined)
    throw new NoKey(`${address}:${port} offers no Ed25519 or ECDSA key: ${reasonIn(scan.stderr)}`);
  const [, type = "", key = ""] = line.split(" ");
  const { stdout: fingerprint } = await execa("ssh-keygen", ["-l", "-f", "-"], { input: `${type} ${key}\n` });
  const file = type === "ssh-ed25519" ? "ed25519" : "ecdsa";
  console.log(`hostKey: ${type} ${key}`);
  console.log(`
Fingerprint: ${fingerprint.split(" ")[1] ?? ""}
Before you use it, compare it with the host's console, or with what your provider shows:
  ssh-keygen -l -f /etc/ssh/ssh_host_${file}_key.pub`);
}

if (import.meta.main) await runCommand(main, NoKey);
