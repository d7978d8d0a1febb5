/**
 * A Redis for the sessions of the lab's sites: TLS, a password, nothing on disk. Tests that need one start it; it ends
 * with them.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import { addresses } from "./addresses.ts";
import { certificateOf, type Lab } from "./lab.ts";

/** A Redis that runs. */
export interface LabRedis {
  /** As hosts reach it. */
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** What a command prints, one reply on each line, as in `ask("KEYS", "*")`; also while hosts cannot reach it. */
  ask(...command: readonly string[]): Promise<string[]>;
  /** Cuts hosts off, and lets them come again; what it holds stays. */
  setAway(away: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Starts one; to be called inside the instance. Returns once it answers. */
export async function startRedis(lab: Lab): Promise<LabRedis> {
  const host = addresses.applications;
  const port = 6380;
  const password = randomBytes(24).toString("hex");
  const socket = join(await mkdtemp(join(tmpdir(), "protected-sites-redis-")), "socket");
  const { certificate, key } = await certificateOf(lab.name, host);
  const settings = [
    ...["port 0", `tls-port ${port}`, `bind ${host}`, "tls-auth-clients no", `tls-ca-cert-file ${lab.ca}`],
    ...[`tls-cert-file ${certificate}`, `tls-key-file ${key}`, `requirepass ${password}`],
    `unixsocket ${socket}`,
    ...['save ""', "appendonly no", `dir ${join(lab.state, "logs")}`],
  ];
  // Debian's redis-server is a second name of this program, in a package that would start a service on the machine.
  const server = spawn("/usr/bin/redis-check-rdb", ["-"], {
    argv0: "redis-server",
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(server, "exit");
  server.stdin.end(`${settings.join("\n")}\n`);
  const ask = async (...command: readonly string[]) => {
    const { stdout } = await execa("redis-cli", ["-s", socket, ...command], {
      env: { REDISCLI_AUTH: password },
    });
    return stdout.split("\n").filter(Boolean);
  };
  while ((await ask("PING").catch(() => [])).length === 0) {
    if (server.exitCode !== null)
      throw new Error(`the lab's Redis ended with code ${server.exitCode} at its start`);
    await sleep(50);
  }
  return {
    host,
    port,
    password,
    ask,
    setAway: async (away) => {
      await ask("CONFIG", "SET", "tls-port", String(away ? 0 : port));
      // Of the connections over TLS; those over the socket have no port.
      if (away) await ask("CLIENT", "KILL", "LADDR", `${host}:${port}`);
    },
    close: async () => {
      server.kill();
      await ended;
      await rm(dirname(socket), { recursive: true });
    },
  };
}
