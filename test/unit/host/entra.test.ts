/** How a host asks Entra whether a client secret works: what it trusts, what it understands, and its way there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createProxy, type Server as Proxy } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { certify, makeAuthority } from "../../lab/certificates.ts";

/** Proves the secret "s3cr3t" without waiting, and prints how that ends. */
const run = `
import sys
from protected_sites import entra
entra.PATIENCE = 0
entra.outbound_proxy = lambda: sys.argv[2] or None
try:
    entra.prove(sys.argv[1], "client", "s3cr3t", 1)
    print("works")
except entra.Failure as failure:
    print(failure.what)
`;

const folder = mkdtempSync(join(tmpdir(), "protected-sites-entra-"));
const place = (name: string) => join(folder, name);
const port = (server: Server | Proxy) => (server.address() as AddressInfo).port;

/** What the server answers, and what it was asked. */
let answer: (form: string) => { readonly status: number; readonly chunks: readonly string[] };
let asked: string[] = [];
let server: Server;
/** What the proxy was asked for, and whether it does that. */
let throughProxy: string[] = [];
let open = true;
let proxy: Proxy;

beforeAll(async () => {
  const authority = await makeAuthority("entra");
  const { certificate, key } = await certify(authority, ["localhost"]);
  for (const name of ["named", "empty"]) mkdirSync(place(name));
  writeFileSync(place("ca.pem"), authority.certificate);
  writeFileSync(place("none.pem"), "");
  const { stdout: hash } = await execa("openssl", ["x509", "-noout", "-hash", "-in", place("ca.pem")]);
  writeFileSync(place(`named/${hash}.0`), authority.certificate);
  server = createServer({ cert: certificate, key }, (request, response) => {
    let form = "";
    request.on("data", (text: Buffer) => (form += text.toString()));
    request.on("end", () => {
      asked.push(`${request.method ?? ""} ${request.url ?? ""} ${form}`);
      const { status, chunks } = answer(form);
      response.writeHead(status, { "Content-Type": "application/json" });
      for (const chunk of chunks) response.write(chunk);
      response.end();
    });
  });
  proxy = createProxy().on("connect", (request, below) => {
    throughProxy.push(request.url ?? "");
    if (!open) {
      below.end("HTTP/1.1 403 Filtered\r\n\r\n");
      return;
    }
    const above = connect(port(server), "127.0.0.1");
    below.write("HTTP/1.1 200 Connection established\r\n\r\n");
    above.pipe(below).pipe(above);
  });
  for (const each of [server, proxy]) await new Promise<void>((done) => each.listen(0, "127.0.0.1", done));
});

afterAll(() => {
  for (const each of [server, proxy]) each.close();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  answer = () => ({ status: 200, chunks: ["{}"] });
  [asked, throughProxy, open] = [[], [], true];
});

/** What comes of it on a host with these CAs: a folder where each has the name that OpenSSL looks for, and a file. */
async function proved({ named = "named", file = "none.pem", proxied = false }): Promise<string> {
  const env = {
    PYTHONPATH: join(import.meta.dirname, "../../../components/host"),
    SSL_CERT_DIR: place(named),
    SSL_CERT_FILE: place(file),
  };
  const url = `https://localhost:${port(server)}/tenant/token`;
  const through = proxied ? `http://127.0.0.1:${port(proxy)}` : "";
  return (await execa("python3", ["-B", "-c", run, url, through], { env })).stdout;
}

test.each([
  ["in the folder", { named: "named", file: "none.pem" }],
  ["only in the file", { named: "empty", file: "ca.pem" }],
])("Entra is asked if its CA is %s", async (_, trusted) => {
  expect(await proved(trusted)).toBe("works");
  expect(asked).toEqual([
    "POST /tenant/token grant_type=client_credentials&client_id=client&client_secret=s3cr3t&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
  ]);
});

test("Entra is not asked if its CA is in neither", async () => {
  expect(await proved({ named: "empty", file: "none.pem" })).toMatch(/certificate verify failed/);
  expect(asked).toEqual([]);
});

test("what Entra says is understood in whatever pieces it comes, and never shows the secret", async () => {
  const said = JSON.stringify({ error_codes: [7_000_000], error_description: "s3cr3t is é.\r\nTrace: 1" });
  answer = () => ({ status: 401, chunks: [said.slice(0, 30), said.slice(30)] });
  expect(await proved({})).toBe("[secret] is é.");
});

test("where Entra says nothing, its status is reported; an error of its own may pass", async () => {
  answer = () => ({ status: 503, chunks: ["<html>"] });
  expect(await proved({})).toBe("HTTP 503 (tried for 0 s)");
  answer = () => ({ status: 302, chunks: [] });
  expect(await proved({})).toBe("HTTP 302");
});

test("a forward proxy is asked for Entra by its name, and its refusal is reported", async () => {
  const name = `localhost:${port(server)}`;
  expect(await proved({ proxied: true })).toBe("works");
  expect(throughProxy).toEqual([name]);
  open = false;
  expect(await proved({ proxied: true })).toBe(
    `${name}: the outbound proxy refuses to connect to ${name}: 403 (tried for 0 s)`,
  );
});
