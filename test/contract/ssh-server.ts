/** An SSH server on loopback that notes what it is asked to run. */
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import type { AddressInfo } from "node:net";

import ssh2 from "ssh2";
import type { TestContext } from "vitest";

import { generateSshKey } from "../lab/ssh-key.ts";

/** One command that a client ran. */
export interface Ran {
  readonly user: string;
  readonly command: string;
  readonly stdin: string;
}

/** What a command answers. */
export interface Answer {
  readonly stdout?: string;
  readonly stderr?: string;
  /** @default 0 */
  readonly exit?: number;
}

/** The server. */
export interface SshServer {
  readonly port: number;
  /** As in authorized_keys. */
  readonly hostKey: string;
  /** A private key that may sign in as anybody, in OpenSSH's format. */
  readonly clientKey: string;
  readonly ran: Ran[];
  /** TCP connections so far. */
  connections: number;
  /** Those of them that nobody has ended. */
  open: number;
  /** Decides what a command answers. */
  answer: (ran: Ran) => Answer;
}

/** An SSH server that goes away at the end of the test. */
export async function openSshServer(onTestFinished: TestContext["onTestFinished"]): Promise<SshServer> {
  const [host, client] = [await generateSshKey(), await generateSshKey()];
  const accepted = ssh2.utils.parseKey(client.publicKey);
  if (accepted instanceof Error) throw accepted;
  const state: SshServer = {
    port: 0,
    hostKey: host.publicKey,
    clientKey: client.privateKey,
    ran: [],
    connections: 0,
    open: 0,
    answer: () => ({}),
  };
  const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (connection) => {
    state.connections++;
    state.open++;
    connection.on("close", () => {
      state.open--;
    });
    let user = "";
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => {
      user = context.username;
      const known =
        context.method === "publickey" &&
        context.key.data.equals(accepted.getPublicSSH()) &&
        (context.signature === undefined ||
          accepted.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo));
      if (known) context.accept();
      else context.reject(["publickey"]);
    });
    connection.on("tcpip", (accept, _reject, { destIP, destPort }) => {
      const channel = accept();
      const onward = connectSocket(destPort, destIP);
      onward.on("error", () => {
        channel.close();
      });
      channel.pipe(onward).pipe(channel);
    });
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        const chunks: Buffer[] = [];
        channel.on("data", (chunk: Buffer) => chunks.push(chunk));
        channel.on("end", () => {
          const ran = { user, command, stdin: Buffer.concat(chunks).toString() };
          state.ran.push(ran);
          const { stdout = "", stderr = "", exit = 0 } = state.answer(ran);
          channel.stderr.write(stderr);
          channel.write(stdout);
          channel.exit(exit);
          channel.end();
        });
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return Object.assign(state, { port: (server.address() as AddressInfo).port });
}
