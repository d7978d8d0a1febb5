/** Hosts over the system's `ssh`: for the operator's commands, and for the program's drift detection. */
import { execa } from "execa";
import type { z } from "zod";

import { environmentOf } from "../components/host/connection.ts";
import { overSsh } from "../components/host/over-ssh.ts";
import type { Host } from "./environment.ts";

/** How to log in to a host. Without a key, the SSH agent of the current user is used. */
export interface Asker {
  readonly user: string;
  /** File of the private key. */
  readonly identity?: string | undefined;
  /** The private key itself, in OpenSSH's format. It is only passed to an SSH agent of its own, never to a file. */
  readonly privateKey?: string | undefined;
  /** The same for the jump host. @default `privateKey` */
  readonly jumpPrivateKey?: string | undefined;
}

/** The result of a command on a host. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host that could not be reached, with the reason in one line. */
export class Unreachable extends Error {
  /** Whether it closed the connection, so that another attempt may be worth it. */
  readonly closed: boolean;

  constructor(reason: string, closed = false) {
    super(reason);
    this.closed = closed;
  }
}

/** Quotes a word of such a command. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Runs a command on a host by the system's `ssh`, so that the user's own configuration and agent work; only the pinned
 * host key is accepted. Commands of the same user with the same key share a connection, also with an update's.
 * @param command one text for the user's shell on the host
 * @param stdin what it reads
 * @throws Unreachable with the reason in one line
 */
export async function runOnHost(host: Host, asker: Asker, command: string, stdin = ""): Promise<Ended> {
  const { user, identity: identityFile, privateKey, jumpPrivateKey = privateKey } = asker;
  const login = { host, user, identityFile, privateKey, jumpPrivateKey: host.jumpHost && jumpPrivateKey };
  const [file = "", ...args] = overSsh;
  const { stdout, stderr, exitCode, timedOut } = await execa(file, [...args, command], {
    env: environmentOf(login),
    input: stdin,
    reject: false,
    timeout: 120_000,
  });
  if (timedOut) throw new Unreachable("no answer within 120 s");
  if (exitCode === undefined) throw new Error(`ssh could not be run: ${reasonIn(stderr)}`);
  if (exitCode === 255) throw unreachable(stderr);
  return { exitCode, stdout, stderr };
}

/**
 * What the push program of a host has answered in JSON.
 * @param begin where the answer begins: a shell's startup file may print something first
 * @throws Error with the reason in one line if there is no answer, or it is not as the schema says
 */
export function answerIn<T>({ stdout, stderr }: Ended, begin: RegExp, schema: z.ZodType<T>): T {
  const start = stdout.search(begin);
  if (start < 0) throw new Error(reasonIn(stderr));
  const parsed = schema.safeParse(JSON.parse(stdout.slice(start)));
  if (!parsed.success)
    throw new Error("its push program has a different version, which this command does not support");
  return parsed.data;
}

/** The error of `ssh`, with what its message leaves out. */
function unreachable(stderr: string): Unreachable {
  const reason = reasonIn(stderr);
  const came = /fingerprint for the \S+ key sent by the remote host is\s+(SHA256:[\w+/=]+)/.exec(stderr)?.[1];
  if (reason.startsWith("Host key verification failed"))
    return new Unreachable(
      `${reason} Its key${came === undefined ? "" : ` (${came})`} does not match hostKey; \`npm run host-key\` shows it`,
    );
  if (reason.includes("the connection ended before")) return new Unreachable(reason, true);
  const closed = /kex_exchange_identification|Connection (?:closed|reset) by|Not allowed at this time/.test(
    stderr,
  );
  if (!closed) return new Unreachable(reason);
  return new Unreachable(
    `${reason} before authentication: too many connections at once, or this address is blocked for a while after failed logins (PerSourcePenalties, docs/operations.md)`,
    true,
  );
}

/** The error of `ssh`, or of a program on a host, in one line. */
export function reasonIn(stderr: string): string {
  const said = stderr.split("\n").filter((line) => line !== "" && !/^[@ ]/.test(line));
  const telling = /verification failed|denied|refused|timed out|is required|not/i;
  return said.find((line) => telling.test(line)) ?? said.at(-1) ?? "no output";
}
