/** An HTTP client that follows nothing, keeps nothing and lets a test choose everything. */
import { once } from "node:events";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP } from "node:net";

import { type ClientOptions, WebSocket } from "ws";

/** What to send, and where. */
export interface RequestArgs {
  /** The whole URL; the path and the query go out as written. */
  readonly url: string;
  /** The host that is asked, whatever the URL's name resolves to. @default the URL's host name */
  readonly address?: string;
  /** @default "GET" */
  readonly method?: string;
  /** A list sends a header several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  /** By lower-case name; a list, since `set-cookie` comes several times. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
}

/**
 * What a browser sends when a person opens a page, but for `sec-fetch-dest`: a site answers a browser that has that by a
 * page whose script goes on to the sign-in, and the rest by the redirect.
 */
export const navigation = {
  accept: "text/html,application/xhtml+xml,*/*;q=0.8",
  "sec-fetch-mode": "navigate",
  "sec-fetch-site": "none",
};

/**
 * One request on a connection of its own.
 * @throws the socket's error, for example where the host closes the connection without an answer
 */
export async function request({ url, body, ...args }: RequestArgs): Promise<Answer> {
  const options = optionsOf({ url, ...args });
  const sent = url.startsWith("https:") ? tlsRequest(options) : plainRequest(options);
  // A host that refuses a body answers before all of it is there, and then closes.
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  sent.end(body);
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const headers: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(response.headersDistinct)) headers[name] = values ?? [];
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString() };
}

/**
 * Opens a WebSocket, sends one message and waits for one.
 * @returns the message, or the HTTP status of a host that refuses the upgrade
 */
export async function echoOverWebSocket(
  { url, ...args }: Omit<RequestArgs, "body" | "method">,
  message: string,
): Promise<string | number> {
  const { hostname, servername, headers } = optionsOf({ url, ...args });
  const at = new URL(url);
  at.hostname = hostname;
  // The package hands all of it on to tls.connect(); its types leave servername out.
  const options: ClientOptions & { servername: string } = { servername, headers };
  const socket = new WebSocket(at, options);
  socket.on("error", () => {
    // Told by "unexpected-response" or "close".
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.on("open", () => {
        socket.send(message);
      });
      socket.on("message", (data: Buffer) => {
        resolve(data.toString());
      });
      socket.on("unexpected-response", (_request, response) => {
        resolve(response.statusCode ?? 0);
      });
      socket.on("close", (code) => {
        reject(new Error(`${url}: the WebSocket was closed with code ${code} before it answered`));
      });
    });
  } finally {
    socket.terminate();
  }
}

function optionsOf({ url, address, method = "GET", headers = {} }: Omit<RequestArgs, "body">) {
  const { hostname, host, port } = new URL(url);
  return {
    hostname: address ?? hostname,
    ...(port === "" ? {} : { port }),
    // TLS knows no addresses as names.
    servername: isIP(hostname) === 0 ? hostname : "",
    // Not the parsed URL's path, which has been tidied up.
    path: url.slice(url.indexOf("/", url.indexOf("//") + 2)),
    method,
    headers: { host, ...headers } as Record<string, string>,
    // As much as Chromium takes.
    maxHeaderSize: 256 * 1024,
    agent: false,
  } as const;
}
