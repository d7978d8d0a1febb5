/** The emulator: one https server under two names, and its control API. */
import { once } from "node:events";
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";

import { controlHandler } from "./control-server.ts";
import type { Outage } from "./model.ts";
import { answerGraph } from "./graph/graph.ts";
import { makeLogin } from "./oidc.ts";
import { noted, RequestLog } from "./request-log.ts";
import { SignInLog } from "./sign-in-log.ts";
import { State } from "./state.ts";

/** How to start it. */
export interface EmulatorArgs {
  /** Folder of entra.json, users.json and deployer.json; made where it is missing. */
  readonly state: string;
  readonly listen: string;
  /** 0 takes a free one. @default 443 */
  readonly port?: number;
  /** Of the control API. 0 takes a free one. @default 8400 */
  readonly controlPort?: number;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** An emulator that runs. */
export interface Emulator {
  readonly port: number;
  /** Of the control API. */
  readonly controlUrl: string;
  close(): Promise<void>;
}

/** Starts it; returns once it listens. */
export async function startEmulator(args: EmulatorArgs): Promise<Emulator> {
  const { listen, port = 443, controlPort = 8400, certificate: cert, key } = args;
  const state = await State.open(args.state);
  const requests = new RequestLog();
  const signIns = new SignInLog();
  const login = makeLogin(state, signIns);

  const server = createTlsServer({ cert, key }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(`${new Date().toISOString()} entra: ${String(error)}`);
      response.destroy();
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const host = request.headers.host?.startsWith("graph.microsoft.com") === true ? "graph" : "login";
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const client = request.socket.remoteAddress ?? "";
    response.on("close", () => {
      const status = response.writableFinished ? response.statusCode : 0;
      requests.add({
        time: new Date().toISOString(),
        host,
        method: request.method ?? "",
        path,
        client,
        status,
        ...noted(request),
      });
    });
    if (outage(state.tenant.behaviour.outage[host], response)) return;
    if (host === "graph") await answerGraph(state, request, response);
    else await login(request, response);
  };
  await listenOn(server, listen, port);
  const bound = portOf(server);

  /** Nobody listens where both halves refuse connections; one half alone can only hang up. */
  const refreshListening = async (): Promise<void> => {
    const { login: one, graph: other } = state.tenant.behaviour.outage;
    // Connections that are kept open would not notice.
    server.closeIdleConnections();
    if (one === "refuse" && other === "refuse") {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    } else if (!server.listening) await listenOn(server, listen, bound);
  };
  const control = createPlainServer(
    controlHandler({ state, requests, signIns, behaviourChanged: refreshListening }),
  );
  await listenOn(control, listen, controlPort);
  await refreshListening();

  return {
    port: bound,
    controlUrl: `http://${listen}:${String(portOf(control))}`,
    close: async () => {
      await Promise.all([server, control].map(end));
      await state.save();
    },
  };
}

/** @returns whether the request gets no answer of its own */
function outage(kind: Outage, response: ServerResponse): boolean {
  switch (kind) {
    case "none":
      return false;
    case "refuse":
      response.destroy();
      return true;
    case "error":
      response.writeHead(503, { "Content-Type": "text/html", Connection: "close" });
      response.end("<h1>Our services aren't available right now</h1>");
      return true;
    case "hang":
      return true;
  }
}

async function listenOn(server: Server, address: string, port: number): Promise<void> {
  server.listen(port, address);
  await once(server, "listening");
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
  return address.port;
}

async function end(server: Server): Promise<void> {
  server.closeAllConnections();
  if (!server.listening) return;
  server.close();
  await once(server, "close");
}
