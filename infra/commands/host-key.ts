/**
 * `npm run host-key -- ADDRESS`: the public key that a host shows, for `hostKey` in an environment's file. Whoever is on
 * the way could show another one: the fingerprint is to be compared with what the host says of itself by another way.
 */
import { Command } from "commander";
import { execa } from "execa";

import { reasonIn } from "../ssh.ts";
import { runCommand } from "./command.ts";

/** No key could be had. */
class NoKey extends Error {}

interface Options {
  readonly port: string;
}

async function main(): Promise<void> {
  const command = new Command("host-key")
    .description("Shows a host's public SSH key and its fingerprint.")
    .argument("<address>", "IP address or host name")
    .option("--port <number>", "of SSH", "22")
    .parse();
  const [address = ""] = command.args;
  const { port } = command.opts<Options>();
  const scan = await execa("ssh-keyscan", ["-T", "15", "-p", port, "-t", "ed25519,ecdsa", "--", address], {
    reject: false,
  });
  const lines = scan.stdout.split("\n").filter((line) => /^\S+ (?:ssh-ed25519|ecdsa-sha2-)/.test(line));
  const line = lines.find((it) => it.includes(" ssh-ed25519 ")) ?? lines[0];
  if (line === undefined)
    throw new NoKey(`${address}:${port} shows no Ed25519 or ECDSA key: ${reasonIn(scan.stderr)}`);
  const [, type = "", key = ""] = line.split(" ");
  const { stdout: fingerprint } = await execa("ssh-keygen", ["-l", "-f", "-"], { input: `${type} ${key}\n` });
  const file = type === "ssh-ed25519" ? "ed25519" : "ecdsa";
  console.log(`hostKey: ${type} ${key}`);
  console.log(`
Fingerprint: ${fingerprint.split(" ")[1] ?? ""}
Before you use it, compare that on the host's console, or wherever your provider shows it:
  ssh-keygen -l -f /etc/ssh/ssh_host_${file}_key.pub`);
}

if (import.meta.main) await runCommand(main, NoKey);
