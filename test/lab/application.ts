/**
 * The applications behind the lab's sites. They know nothing of signing in and show what reached them:
 * `node test/lab/application.ts 192.0.2.3:8001 code 192.0.2.3:8002 wiki`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setInterval } from "node:timers";

import { WebSocketServer } from "ws";

/** Where an application listens, and what it calls itself. */
export interface ApplicationArgs {
  /** `address:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly name: string;
}

/** An application that runs. */
export interface Application {
  readonly name: string;
  readonly url: string;
  /** Ends it with all its connections. */
  close(): Promise<void>;
}

/** What an application tells an API client about the request that reached it. */
export interface Echo {
  readonly site: string;
  readonly method: string;
  readonly url: string;
  /** By lower-case name; a list, since a header may come more than once. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Bytes of the request's body. */
  readonly bodyLength: number;
}

/** Starts one application; returns once it listens. */
export async function startApplication({ listen, name }: ApplicationArgs): Promise<Application> {
  // Tokens of somebody in many groups are longer than the 16 kB that Node takes otherwise.
  const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
    answer(name, request, response).catch(() => response.destroy());
  });
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on("connection", (socket) => {
    socket.on("error", () => {
      socket.terminate();
    });
    socket.on("message", (message, binary) => {
      socket.send(message, { binary });
    });
  });
  server.on("upgrade", (request, socket, head) => {
    if (pathOf(request) !== "/ws") {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      sockets.emit("connection", webSocket, request),
    );
  });

  const { hostname, port } = new URL(`http://${listen}`);
  server.listen(Number(port), hostname);
  await once(server, "listening");
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : Number(port);
  return {
    name,
    url: `http://${hostname}:${bound}`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(site: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request);
  if (path === "/events") {
    events(site, response);
    return;
  }
  if (path === "/worker.js") {
    response.writeHead(200, { "Content-Type": "text/javascript", "Cache-Control": "no-store" });
    response.end(worker);
    return;
  }
  let bodyLength = 0;
  for await (const chunk of request) bodyLength += (chunk as Buffer).length;
  const echo: Echo = {
    site,
    method: request.method ?? "",
    url: request.url ?? "",
    headers: headersOf(request),
    bodyLength,
  };
  const json = path.startsWith("/api/") || (request.headers.accept ?? "").includes("application/json");
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Content-Type", `${json ? "application/json" : "text/html"}; charset=utf-8`);
  response.end(json ? `${JSON.stringify(echo, null, 2)}\n` : page(echo));
}

/**
 * A service worker that answers every page with a shell of its own, as offline applications do, and a shell that asks
 * for its data and begins a sign-in by itself: docs/configuration.md, "Frames and service workers".
 */
const worker = `self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.mode !== "navigate" || pathname.startsWith("/oauth2/")) return;
  event.respondWith(new Response(\`<!doctype html><title>shell</title><p id="user"></p><script>
    fetch("/api/me").then(async (answer) => {
      if (answer.status === 401) location.assign("/oauth2/start");
      else document.getElementById("user").textContent = (await answer.json()).headers["x-auth-request-user"];
    });
  </script>\`, { headers: { "Content-Type": "text/html" } }));
});
`;

/** A stream of server-sent events, one at once and then one a second. */
function events(site: string, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let count = 0;
  const send = () => response.write(`id: ${++count}\ndata: ${site} ${count}\n\n`);
  send();
  const timer = setInterval(send, 1000);
  response.on("close", () => {
    clearInterval(timer);
  });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function headersOf({ rawHeaders }: IncomingMessage): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    (headers[rawHeaders[index]?.toLowerCase() ?? ""] ??= []).push(rawHeaders[index + 1] ?? "");
  }
  return headers;
}

/** Headers that tell the application who is there; the page shows them first. */
const identityHeader = /^(?:x-auth-request-.*|authorization)$/;

function page({ site, method, url, headers, bodyLength }: Echo): string {
  const all = Object.entries(headers);
  const identity = all.filter(([name]) => identityHeader.test(name));
  const others = all.filter(([name]) => !identityHeader.test(name));
  const user = headers["x-auth-request-user"]?.join(", ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(site)}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid #ddd; }
th { font-weight: normal; color: #555; width: 1%; white-space: nowrap; padding-right: 2rem; }
td, code { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>${text(site)}</h1>
<p>${user === undefined ? "Nobody is signed in." : `Signed in as <strong id="user">${text(user)}</strong>.`}</p>
<p><code>${text(method)} <span id="url">${text(url)}</span></code>, <span id="body">${bodyLength}</span> bytes</p>
<p>WebSocket: <span id="websocket">connecting</span></p>
<h2>Who is there</h2>
${table(identity)}
<h2>The rest of the request</h2>
${table(others)}
<script>
const state = document.getElementById("websocket");
const socket = new WebSocket("/ws");
socket.onopen = () => socket.send("works");
socket.onmessage = ({ data }) => { state.textContent = data; };
socket.onerror = () => { state.textContent = "refused"; };
</script>
</body>
</html>
`;
}

function table(headers: readonly (readonly [name: string, values: readonly string[]])[]): string {
  if (headers.length === 0) return "<p>No such header came.</p>";
  const rows = headers.flatMap(([name, values]) =>
    values.map(
      (value) => `<tr><th>${text(name)}</th><td data-header="${text(name)}">${text(value)}</td></tr>`,
    ),
  );
  return `<table>\n${rows.join("\n")}\n</table>`;
}

function text(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words.length === 0 || words.length % 2 !== 0)
    throw new Error("usage: node test/lab/application.ts <address:port> <name> [<address:port> <name> …]");
  const applications = await Promise.all(
    words.flatMap((listen, index) =>
      index % 2 === 0 ? [startApplication({ listen, name: words[index + 1] ?? "" })] : [],
    ),
  );
  for (const { name, url } of applications) console.log(`${name} listens on ${url}`);
}

if (import.meta.main) await main();
