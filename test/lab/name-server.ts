/** A name server for the lab's hosts, which otherwise know no names but those in /etc/hosts: Debian's dnsmasq. */
import { spawn } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import { addresses } from "./addresses.ts";

/** A name server that runs; it knows of one domain all that there is. */
export interface NameServer {
  readonly address: string;
  /** Names of the domain, each with its addresses; all others of it do not exist. */
  set(names: Readonly<Record<string, readonly string[]>>): Promise<void>;
  close(): Promise<void>;
}

/** Starts one; to be called inside the instance. */
export async function startNameServer(domain: string): Promise<NameServer> {
  const address = addresses.applications;
  const directory = await mkdtemp(join(tmpdir(), "name-server-"));
  const hosts = join(directory, "hosts");
  await writeFile(hosts, "");
  const server = spawn(
    "dnsmasq",
    [
      ...["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", "--user=root", "--no-resolv"],
      ...["--no-hosts", `--addn-hosts=${hosts}`, `--local=/${domain}/`, `--listen-address=${address}`],
      // Plain names beside the domain do not exist, either; other names are refused.
      ...["--bind-interfaces", "--domain-needed"],
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const ended = once(server, "exit");
  const listens = async () => (await execa("ss", ["-Hlnu", `src ${address}:53`])).stdout !== "";
  while (!(await listens())) {
    if (server.exitCode !== null) throw new Error(`dnsmasq ended with code ${server.exitCode} at its start`);
    await sleep(20);
  }
  const resolver = new Resolver();
  resolver.setServers([address]);
  let marks = 0;
  return {
    address,
    set: async (names) => {
      const lines = Object.entries(names).flatMap(([name, its]) =>
        its.map((it) => `${it} ${name}.${domain}\n`),
      );
      const mark = `set-${(marks += 1)}.${domain}`;
      await writeFile(hosts, [...lines, `192.0.2.99 ${mark}\n`].join(""));
      server.kill("SIGHUP");
      while ((await resolver.resolve4(mark).catch(() => [])).length === 0) await sleep(20);
    },
    close: async () => {
      server.kill();
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}
