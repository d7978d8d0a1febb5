/** How the probe asks Nginx: on one connection, as long as that stays open. */
import type { ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { certify, makeAuthority } from "../../lab/certificates.ts";

/** Asks for each path, and prints status and body. */
const run = `
import sys
from protected_sites import nginx
from protected_sites.sites import Site
connect = nginx.connected_here
nginx.connected_here = lambda port, timeout: connect(int(sys.argv[1]), timeout)
with nginx.Visitor(Site("a.test")) as visitor:
    for path in sys.argv[2:]:
        answer = visitor.ask(path, {})
        print(answer.status, answer.body)
`;

const answers: Record<string, (response: ServerResponse) => void> = {
  "/length": (response) => response.writeHead(401, { "Content-Length": "4" }).end("none"),
  "/chunks": (response) => {
    // Looks like the end, but is not.
    response.writeHead(200).write("one 0\r\n\r\n");
    setTimeout(() => response.end("two"), 50);
  },
  "/nothing": (response) => response.writeHead(204).end(),
  "/last": (response) => response.writeHead(400, { Connection: "close" }).end("last"),
  "/gone": (response) => {
    const { socket } = response;
    response.on("finish", () => socket?.destroy()).writeHead(200, { "Content-Length": "4" });
    response.end("gone");
  },
};

let server: Server;
let connections = 0;

beforeAll(async () => {
  const { certificate, key } = await certify(await makeAuthority("visitor"), ["a.test"]);
  server = createServer({ cert: certificate, key }, (request, response) => {
    answers[request.url ?? ""]?.(response);
  }).on("secureConnection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

beforeEach(() => {
  connections = 0;
});

async function visit(...paths: string[]): Promise<string[]> {
  const port = String((server.address() as AddressInfo).port);
  const env = { PYTHONPATH: join(import.meta.dirname, "../../../components/host") };
  const { stdout } = await execa("python3", ["-B", "-c", run, port, ...paths], { env });
  return stdout.split("\n").map((line) => line.trim());
}

test("answers end where they say, and the next request goes over the same connection", async () => {
  expect(await visit("/length", "/chunks", "/nothing", "/length")).toEqual([
    "401 none",
    "200 one 0",
    "",
    "two",
    "204",
    "401 none",
  ]);
  expect(connections).toBe(1);
});

test("a connection that the server ends with an answer is not used again", async () => {
  expect(await visit("/last", "/length")).toEqual(["400 last", "401 none"]);
  expect(connections).toBe(2);
});

test("a request that finds a kept connection closed is sent again on a new one", async () => {
  expect(await visit("/length", "/gone", "/length")).toEqual(["401 none", "200 gone", "401 none"]);
  expect(connections).toBe(2);
});
