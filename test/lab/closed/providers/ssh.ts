/** Dials SSH servers and runs commands there, as the remote part of the command provider does. */
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import ssh2 from "ssh2";
import type { Client, ConnectConfig } from "ssh2";
import sshpk from "sshpk";

import type { Call } from "./provider.ts";

/** How to reach one server. */
export interface Hop {
  readonly host: string;
  /** @default 22 */
  readonly port?: number;
  /** @default "root" */
  readonly user?: string;
  readonly password?: string;
  /** OpenSSH or PEM. */
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  /** @default the environment's SSH_AUTH_SOCK */
  readonly agentSocketPath?: string;
  /** The one key that the server may show, as in authorized_keys. Without it, any key will do. */
  readonly hostKey?: string;
  /** Failed attempts that are forgiven, of any kind; -1 forgives all. @default 10 */
  readonly dialErrorLimit?: number;
  /** Seconds until the TCP connection must stand; 0 waits for ever. @default 15 */
  readonly perDialTimeout?: number;
}

/** The server, and the jump host on the way to it if there is one. */
export interface Connection extends Hop {
  readonly proxy?: Hop;
}

/** What a command left behind. */
export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they came. */
  readonly output: string;
  /** What went wrong, in the words of Go's SSH library; undefined after exit status 0. */
  readonly failure?: string;
}

/** Connects and signs in, again and again until `dialErrorLimit` is used up. */
export async function dial(connection: Connection, call: Call): Promise<Client> {
  const config = await signIn(connection);
  const { proxy } = connection;
  if (proxy === undefined)
    return retry("Dial", connection, call, async () => handshake(await tcp(connection), config));
  const proxyConfig = await signIn(proxy);
  try {
    const jump = await retry("Dial proxy", proxy, call, async () => handshake(await tcp(proxy), proxyConfig));
    return await retry("Dial", connection, call, async () => {
      const client = await handshake(await through(jump, connection), config);
      client.once("close", () => jump.end());
      return client;
    });
  } catch (error) {
    throw new Error(`proxy: ${messageOf(error)}`, { cause: error });
  }
}

/** Runs one command. @param environment - Sent as it is; whether the server accepts it is not known. */
export async function run(
  client: Client,
  command: string,
  stdin: string,
  environment: Readonly<Record<string, string>>,
  onLine: (line: string, from: "stdout" | "stderr") => void,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    client.exec(command, { env: { ...environment } }, (error, channel) => {
      if (error !== undefined) {
        reject(error);
        return;
      }
      const chunks: { from: "stdout" | "stderr"; data: Buffer }[] = [];
      const lines = { stdout: "", stderr: "" };
      const take = (from: "stdout" | "stderr") => (data: Buffer) => {
        chunks.push({ from, data });
        const parts = (lines[from] + data.toString()).split("\n");
        lines[from] = parts.pop() ?? "";
        for (const line of parts) onLine(line, from);
      };
      channel.on("data", take("stdout"));
      channel.stderr.on("data", take("stderr"));
      let failure: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("exit", (code: number | null, signal?: string) => {
        failure = code === 0 ? undefined : exitText(code, signal);
      });
      channel.once("close", () => {
        for (const from of ["stdout", "stderr"] as const) if (lines[from] !== "") onLine(lines[from], from);
        const of = (from?: "stdout" | "stderr") =>
          Buffer.concat(
            chunks.filter((chunk) => from === undefined || chunk.from === from).map((c) => c.data),
          );
        resolve({
          stdout: of("stdout").toString(),
          stderr: of("stderr").toString(),
          output: of().toString(),
          ...(failure === undefined ? {} : { failure }),
        });
      });
      // A server that ends early (a refused command) resets what is still on its way to it.
      channel.on("error", () => undefined);
      channel.end(stdin);
    });
  });
}

const signals: Readonly<Record<string, number | undefined>> = { HUP: 1, INT: 2, KILL: 9, TERM: 15 };

function exitText(code: number | null, signal: string | undefined): string {
  if (signal === undefined || code !== null) return `Process exited with status ${code ?? 0}`;
  const name = signal.replace(/^SIG/, "");
  return `Process exited with status ${128 + (signals[name] ?? 0)} from signal ${name}`;
}

/** Delays as in Pulumi's own retry: 0.1 s, then half as long again each time, 5 s at most. */
async function retry<T>(what: string, hop: Hop, call: Call, attempt: () => Promise<T>): Promise<T> {
  const limit = hop.dialErrorLimit ?? 10;
  for (let failed = 0, delay = 100; ; failed++, delay = Math.min(delay * 1.5, 5000)) {
    call.signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (limit >= 0 && failed + 1 > limit)
        throw new Error(`after ${failed} failed attempts: ${messageOf(error)}`, { cause: error });
      call.status(`${what} ${failed + 1}/${limit < 0 ? "inf" : limit} failed: retrying`);
      await sleep(delay, undefined, { signal: call.signal });
    }
  }
}

async function signIn(hop: Hop): Promise<ConnectConfig> {
  const agent = hop.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
  // Also where a private key is given: the real provider, too, stops at a dead agent.
  if (agent !== undefined && agent !== "") await agentAnswers(agent);
  const pinned = hop.hostKey === undefined ? undefined : parseHostKey(hop.hostKey);
  const methods = [
    ...(hop.privateKey === undefined ? [] : (["publickey"] as const)),
    ...(hop.password === undefined ? [] : (["password", "keyboard-interactive"] as const)),
    ...(agent === undefined || agent === "" ? [] : (["agent"] as const)),
  ];
  return {
    username: hop.user ?? "root",
    authHandler: ["none", ...methods],
    tryKeyboard: hop.password !== undefined,
    // A server that says nothing after the TCP connection is waited for, as by the real provider.
    readyTimeout: 0,
    ...(hop.privateKey === undefined ? {} : { privateKey: openssh(hop.privateKey) }),
    ...(hop.privateKeyPassword === undefined ? {} : { passphrase: hop.privateKeyPassword }),
    ...(hop.password === undefined ? {} : { password: hop.password }),
    ...(agent === undefined || agent === "" ? {} : { agent }),
    ...(pinned === undefined
      ? {}
      : {
          hostVerifier: (shown: Buffer) => shown.equals(pinned.key),
          algorithms: { serverHostKey: [pinned.type] },
        }),
  } as ConnectConfig;
}

function parseHostKey(line: string): { type: string; key: Buffer } {
  const [type = "", key = ""] = line.trim().split(/\s+/);
  const parsed = ssh2.utils.parseKey(`${type} ${key}`);
  if (parsed instanceof Error) throw new Error("failed to parse host key: ssh: no key found");
  return { type, key: parsed.getPublicSSH() };
}

/** The SSH library does not read PKCS #8, which Go's does. */
function openssh(privateKey: string): string {
  return privateKey.includes("-----BEGIN PRIVATE KEY-----")
    ? sshpk.parsePrivateKey(privateKey, "pkcs8").toString("ssh-private")
    : privateKey;
}

async function agentAnswers(path: string): Promise<void> {
  const socket = connectSocket(path);
  try {
    await once(socket, "connect");
  } catch (error) {
    throw new Error(`dial unix ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    socket.destroy();
  }
}

async function tcp({ host, port = 22, perDialTimeout = 15 }: Hop): Promise<Duplex> {
  const socket = connectSocket({ host, port });
  try {
    const signal = perDialTimeout === 0 ? {} : { signal: AbortSignal.timeout(perDialTimeout * 1000) };
    await once(socket, "connect", signal);
    return socket;
  } catch (error) {
    socket.destroy();
    const why = (error as Error).name === "AbortError" ? "i/o timeout" : messageOf(error);
    throw new Error(`dial tcp ${host}:${port}: ${why}`, { cause: error });
  }
}

function through(jump: Client, { host, port = 22 }: Hop): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    jump.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(error);
    });
  });
}

function handshake(sock: Duplex, config: ConnectConfig): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.once("ready", () => {
      // From here on a lost connection shows as a command without an exit status.
      client.on("error", () => undefined);
      resolve(client);
    });
    client.once("error", (error) => {
      reject(new Error(`ssh: handshake failed: ${handshakeText(error)}`, { cause: error }));
    });
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) => {
      answer(prompts.map(() => config.password ?? ""));
    });
    client.connect({ ...config, sock: sock });
  });
}

function handshakeText(error: Error & { level?: string }): string {
  if (error.level === "client-authentication")
    return "ssh: unable to authenticate, no supported methods remain";
  if (/^Host denied/.test(error.message)) return "ssh: host key mismatch";
  return error.message;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
