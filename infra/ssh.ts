/** Hosts over the system's `ssh`: for the operator's commands, and for what the program asks before it declares. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";

import type { Host } from "./environment.ts";

/** Who asks a host. Without a key, the SSH agent of whoever runs this is asked. */
export interface Asker {
  readonly user: string;
  /** File of the private key. */
  readonly identity?: string | undefined;
  /** The private key itself, in OpenSSH's format. It is given to an agent of its own, and lies in no file. */
  readonly privateKey?: string | undefined;
}

/** What a command on a host ended with. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host that could not be reached, with the reason in one line. */
class Unreachable extends Error {}

/**
 * Runs a command on a host. The system's `ssh` does it, so that the user's own configuration and agent work; the host's
 * key is the pinned one and no other.
 * @param command one text for the user's shell on the host
 * @throws Unreachable with the reason in one line
 */
export async function runOnHost(host: Host, asker: Asker, command: string): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), "protected-sites-"));
  try {
    const known = join(folder, "known_hosts");
    const { jumpHost } = host;
    const jumpAlias = `${host.name}-jump-host`;
    const pinned = [
      [host.name, host.hostKey],
      ...(jumpHost === undefined ? [] : [[jumpAlias, jumpHost.hostKey]]),
    ];
    await writeFile(
      known,
      pinned.map(([name, key = ""]) => `${name} ${key.split(" ").slice(0, 2).join(" ")}\n`).join(""),
    );
    const { identity, privateKey } = asker;
    const options = (alias: string) =>
      Object.entries({
        BatchMode: "yes",
        ConnectTimeout: "15",
        GlobalKnownHostsFile: "/dev/null",
        HostKeyAlias: alias,
        StrictHostKeyChecking: "yes",
        UserKnownHostsFile: known,
        ...(identity === undefined ? {} : { IdentitiesOnly: "yes", IdentityFile: identity }),
      }).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const jump =
      jumpHost === undefined
        ? []
        : [
            "-o",
            `ProxyCommand=ssh ${options(jumpAlias).join(" ")} -p ${jumpHost.port} -W [%h]:%p ${jumpHost.user}@${jumpHost.address}`,
          ];
    const ssh = [
      ...["ssh", ...options(host.name), ...jump],
      ...["-T", "-p", String(host.port), `${asker.user}@${host.address}`, command],
    ];
    const [file = "", ...args] = privateKey === undefined ? ssh : [...withAgent, ...ssh];
    const { stdout, stderr, exitCode, timedOut } = await execa(file, args, {
      input: privateKey === undefined ? "" : `${privateKey.trimEnd()}\n`,
      reject: false,
      timeout: 120_000,
    });
    if (timedOut) throw new Unreachable("no answer within 120 s");
    // 255 is ssh's own.
    if (exitCode === undefined || exitCode === 255) throw new Unreachable(reasonIn(stderr));
    return { exitCode, stdout, stderr };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** An agent that ends with the command after it, and that has the key on standard input. */
const withAgent = ["ssh-agent", "sh", "-c", 'ssh-add -q - && exec "$@" </dev/null', "sh"];

/** What `ssh`, or a program on a host, said of what is wrong, in one line. */
export function reasonIn(stderr: string): string {
  const said = stderr.split("\n").filter((line) => line !== "" && !/^[@ ]/.test(line));
  const telling = /verification failed|denied|refused|timed out|not/i;
  return said.find((line) => telling.test(line)) ?? said.at(-1) ?? "it said nothing";
}
