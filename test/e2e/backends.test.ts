/** What an application behind a site can be: each kind is asked through a host's own Nginx, by somebody signed in. */
import { once } from "node:events";
import { request as tlsRequest } from "node:https";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { certify, makeAuthority } from "../lab/certificates.ts";
import { request } from "../lab/http.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { runOn, shellOn } from "./on-hosts.ts";
import { backend, closeBackends, giveBack, here, serve, servedByStack } from "./own-backend.ts";
import { cookieHeader, openAs } from "./people.ts";

const [host = { name: "", address: "" }] = lab.hosts;
const code = "https://code.lab.test";
const ca = "/etc/ssl/certs/backends-of-the-tests.pem";

let browser: Browser;
let cookie: string;
/** What the stack has pushed, and gets back. */
let before: string;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
  cookie = await cookieHeader((await openAs(browser, people.ada, `${code}/`)).context(), code);
  before = await servedByStack();
});

afterEach(closeBackends);

afterAll(async () => {
  await close(browser);
  await giveBack(before);
  await shell(`rm -f ${ca}`);
});

const run = (command: readonly string[], input?: string) => runOn(host.name, command, input);
const shell = (script: string) => shellOn(host.name, script);

const ask = (path = "/", more: { method?: string; body?: Buffer } = {}) =>
  request({ url: `${code}${path}`, address: host.address, headers: { cookie, accept: "*/*" }, ...more });

test("an https backend is used only if its certificate is from the given CA and for the given name", async () => {
  const authority = await makeAuthority("backends");
  const { certificate, key } = await certify(authority, ["backend.internal.test"]);
  const asked: string[] = [];
  const address = await backend(
    ({ headers, socket }, response) => {
      asked.push(`${headers.host ?? ""} ${String(Reflect.get(socket, "servername"))}`);
      response.end("encrypted");
    },
    { cert: certificate, key },
  );
  await run(["sh", "-euc", `cat >${ca}`], authority.certificate);
  const upstream = `https://${address}`;

  await serve({ upstream, upstreamCa: ca, upstreamServerName: "backend.internal.test" });
  expect((await ask()).body).toBe("encrypted");
  await serve({
    upstream,
    upstreamCa: ca,
    upstreamServerName: "backend.internal.test",
    hostHeader: "upstream",
  });
  expect((await ask()).body).toBe("encrypted");
  expect(asked).toEqual(["code.lab.test", address].map((name) => `${name} backend.internal.test`));

  await serve({ upstream, upstreamCa: ca, upstreamServerName: "other.internal.test" });
  expect((await ask()).status).toBe(502);
  await serve({ upstream, upstreamServerName: "backend.internal.test" });
  expect((await ask()).status).toBe(502);
  expect(asked).toHaveLength(2);
});

test("a backup answers if a connection fails; no request is repeated, and a slow page causes no failover", async () => {
  const got: string[] = [];
  let dies = true;
  const first = await backend(({ method, url, socket }, response) => {
    got.push(`first ${method ?? ""} ${url ?? ""}`);
    if (dies) socket.destroy();
    else if (url !== "/slow") response.end("first");
  });
  const backup = await backend(({ method, url }, response) => {
    got.push(`backup ${method ?? ""} ${url ?? ""}`);
    response.end("backup");
  });
  const times = { proxyConnectTimeout: "1s", proxyReadTimeout: "2s" };
  const backupUpstreams = [`http://${backup}`];
  const post = () => ask("/", { method: "POST", body: Buffer.from("x") });
  await serve({ upstream: `http://${first}`, backupUpstreams, ...times });

  // It takes a request and dies of it: what may be half done is not begun again.
  expect((await post()).status).toBe(502);
  expect(got).toEqual(["first POST /"]);
  expect((await ask()).body).toBe("backup");
  dies = false;
  expect((await ask("/slow")).status).toBe(504);
  expect((await ask()).body).toBe("first");
  expect(got.slice(3)).toEqual(["first GET /slow", "first GET /"]);

  // Nobody listens; nobody is there.
  for (const upstream of [`http://${here}:1`, "http://192.0.2.250:80"]) {
    await serve({ upstream, backupUpstreams, ...times });
    expect((await ask()).body).toBe("backup");
    expect((await post()).body).toBe("backup");
  }
});

test("Nginx, not the backend, closes idle connections", async () => {
  let socket: Socket | undefined;
  const upstream = await backend((incoming, response) => {
    ({ socket } = incoming);
    response.end("answer");
  });
  await serve({ upstream: `http://${upstream}` });
  expect((await ask()).body).toBe("answer");
  // Node would end it after five seconds.
  await expect(
    Promise.race([
      once(socket ?? new Socket(), "end").then(() => "Nginx"),
      once(socket ?? new Socket(), "close").then(() => "the application"),
    ]),
  ).resolves.toBe("Nginx");
});

test("a backend with a path in its URL", async () => {
  const upstream = await backend((incoming, response) => {
    const { pathname, searchParams } = new URL(incoming.url ?? "", "http://backend");
    const to = searchParams.get("to");
    if (to !== null) response.writeHead(302, { location: to, "set-cookie": "a=1; Path=/app/part" });
    response.end(`${pathname}${incoming.url?.includes("?") === true ? " and a query" : ""}`);
  });
  const wiki = `http://${upstream}/app/`;
  const open = [{ path: "/open/", match: "prefix", methods: ["GET"], why: "A test." }];
  await serve({ upstream: wiki, hostHeader: "upstream", open });

  expect((await ask("/")).body).toBe("/app/");
  expect((await ask("/a%20b/c%3Fd?x=1")).body).toBe("/app/a%20b/c%3Fd and a query");
  expect((await ask("/app/x")).body).toBe("/app/app/x");
  expect((await ask("/x;v=1//y%2Fz")).body).toBe("/app/x;v=1//y%2Fz");
  expect((await ask("/open/x")).body).toBe("/app/open/x");
  expect((await ask("/open/x", { method: "POST" })).body).toBe("/app/open/x");
  const leads = async (to: string) => (await ask(`/?to=${encodeURIComponent(to)}`)).headers["location"];
  expect(await leads("/app/page?x=1")).toEqual([`${code}/page?x=1`]);
  expect(await leads(`http://${upstream}/app/page`)).toEqual([`${code}/page`]);
  expect(await leads(`${code}/app/page`)).toEqual([`${code}/page`]);
  // As a path alone, this would lead to another site.
  expect(await leads("/app//elsewhere.test/")).toEqual([`${code}//elsewhere.test/`]);
  expect(await leads("https://elsewhere.test/app/")).toEqual(["https://elsewhere.test/app/"]);
  expect((await ask("/?to=/app/")).headers["set-cookie"]?.[0]).toContain("Path=/part");
});

test("a backend on a Unix socket of the host", async () => {
  const program = `
import http.server, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    address_string = lambda self: "nginx"
    def do_GET(self):
        body = self.headers["X-Auth-Request-User"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = socketserver.UnixStreamServer("/run/application.sock", Handler)
os.chmod("/run/application.sock", 0o666)
server.serve_forever()
`;
  await run(["sh", "-euc", "cat >/run/application.py"], program);
  await shell(`systemd-run --quiet --unit=application python3 /run/application.py
    until [ -S /run/application.sock ]; do sleep 0.05; done`);
  try {
    await serve({ upstream: "unix:/run/application.sock" });
    expect((await ask()).body).toBe("ada@lab.test");
  } finally {
    await shell("systemctl stop application; rm /run/application.*");
  }
});

test("a body larger than clientMaxBodySize, and a backend that is silent for longer than proxyReadTimeout", async () => {
  const upstream = await backend((incoming, response) => {
    let length = 0;
    incoming.on("data", (chunk: Buffer) => (length += chunk.length));
    incoming.on("end", () => {
      if (incoming.url !== "/silent") response.end(`${length}`);
    });
  });
  await serve({ upstream: `http://${upstream}`, clientMaxBodySize: "1m", proxyReadTimeout: "1s" });
  const send = (bytes: number) => ask("/", { method: "POST", body: Buffer.alloc(bytes) });

  expect((await send(1 << 20)).body).toBe(`${1 << 20}`);
  expect((await send((1 << 20) + 1)).status).toBe(413);
  expect((await ask("/silent")).status).toBe(504);
});

/** Sends a body in two parts and reads two parts of an answer; what has reached the backend, and come back, between. */
async function dialogue(buffering: boolean): Promise<{ readonly there: string; readonly back: string }> {
  let there = "";
  let finish: () => void = () => undefined;
  const upstream = await backend((incoming, response) => {
    incoming.on("data", (chunk: Buffer) => (there += chunk.toString()));
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    finish = () => response.end("data: 2\n\n");
    incoming.on("end", () => {
      finish();
    });
  });
  await serve({ upstream: `http://${upstream}`, buffering });
  const sent = tlsRequest({
    hostname: host.address,
    servername: "code.lab.test",
    path: "/events",
    method: "POST",
    headers: { host: "code.lab.test", cookie, "content-length": "10" },
    agent: false,
  });
  let back = "";
  sent.on("response", (response) => response.on("data", (chunk: Buffer) => (back += chunk.toString())));
  sent.write("first");
  // Long enough for what is not held back; there is nothing to wait for where it is.
  for (let waited = 0; waited < 2000 && !(there === "first" && back !== ""); waited += 20) await sleep(20);
  const between = { there, back };
  sent.end("later");
  while (back !== "data: 1\n\ndata: 2\n\n") await sleep(20);
  expect(there).toBe("firstlater");
  return between;
}

test("with buffering: false, bodies are streamed in both directions; otherwise they are buffered", async () => {
  expect(await dialogue(false)).toEqual({ there: "first", back: "data: 1\n\n" });
  expect(await dialogue(true)).toEqual({ there: "", back: "" });
});

test("without buffering, 256 MB are uploaded and downloaded, and Nginx buffers nothing on disk", async () => {
  const size = 256 << 20;
  const chunk = Buffer.alloc(1 << 20, "x");
  const upstream = await backend((incoming, response) => {
    let length = 0;
    incoming.on("data", (part: Buffer) => (length += part.length));
    incoming.on("end", () => {
      response.writeHead(200, { "content-length": size, "x-got": `${length}` });
      let left = size;
      const more = () => {
        while (left > 0) {
          left -= chunk.length;
          if (!response.write(chunk)) {
            response.once("drain", more);
            return;
          }
        }
        response.end();
      };
      more();
    });
  });
  await serve({ upstream: `http://${upstream}`, buffering: false, clientMaxBodySize: "300m" });
  const sent = tlsRequest({
    hostname: host.address,
    servername: "code.lab.test",
    path: "/file",
    method: "PUT",
    headers: { host: "code.lab.test", cookie, "content-length": `${size}` },
    agent: false,
  });
  const answered = once(sent, "response");
  for (let left = size; left > 0; left -= chunk.length) if (!sent.write(chunk)) await once(sent, "drain");
  sent.end();
  const [response] = (await answered) as [AsyncIterable<Buffer> & { headers: Record<string, string> }];
  let back = 0;
  let aside = 0;
  for await (const part of response) {
    // Once in a while, and while there is more to come.
    if (back >> 26 !== (back + part.length) >> 26) aside += Number(await spooled());
    back += part.length;
  }
  expect([response.headers["x-got"], back, aside]).toEqual([`${size}`, size, 0]);
});

/** Bytes in files that Nginx has open in its folders for bodies; they have no names. */
const spooled = () =>
  shell(`bytes=0
    for file in $(find $(pgrep -f 'nginx: worker' | sed 's|.*|/proc/&/fd|') -lname '/var/lib/nginx/*' 2>/dev/null); do
      bytes=$((bytes + $(stat -Lc %s $file)))
    done
    echo $bytes`);

test("every response has security headers, unless the backend sends its own", async () => {
  const own: Record<string, string> = {};
  const upstream = `http://${await backend((_, response) => {
    response.writeHead(200, own).end("page");
  })}`;
  const names = [
    "content-security-policy",
    "referrer-policy",
    "x-content-type-options",
    "permissions-policy",
    "x-frame-options",
  ];
  const said = async (path = "/", signedIn = true) => {
    const { headers } = await request({
      url: `${code}${path}`,
      address: host.address,
      headers: { accept: "*/*", ...(signedIn ? { cookie } : {}) },
    });
    expect(headers["strict-transport-security"]).toEqual(["max-age=63072000"]);
    return Object.fromEntries(names.flatMap((name) => (name in headers ? [[name, headers[name]]] : [])));
  };

  await serve({ upstream });
  const usual = {
    "content-security-policy": ["frame-ancestors 'self'"],
    "referrer-policy": ["strict-origin-when-cross-origin"],
    "x-content-type-options": ["nosniff"],
  };
  expect(await said()).toEqual(usual);
  expect(await said("/", false), "a refusal").toEqual(usual);
  expect(await said("/oauth2/callback"), "the sign-in's pages").toEqual(usual);
  expect(await said("/.htaccess"), "what Nginx answers itself").toEqual(usual);

  own["Content-Security-Policy"] = "default-src 'self'";
  own["Referrer-Policy"] = "no-referrer";
  expect(await said()).toEqual({
    ...usual,
    "content-security-policy": ["default-src 'self'", "frame-ancestors 'self'"],
    "referrer-policy": ["no-referrer"],
  });
  own["Content-Security-Policy"] = "default-src 'self'; frame-ancestors https://portal.test";
  expect(await said()).toMatchObject({ "content-security-policy": [own["Content-Security-Policy"]] });
  delete own["Content-Security-Policy"];
  own["X-Frame-Options"] = "DENY";
  expect(await said()).not.toHaveProperty("content-security-policy");

  await serve({
    upstream,
    securityHeaders: {
      frameAncestors: ["https://portal.test"],
      referrerPolicy: "same-origin",
      contentTypeOptions: false,
      permissionsPolicy: "camera=()",
    },
  });
  expect(await said("/", false)).toEqual({
    "content-security-policy": ["frame-ancestors https://portal.test"],
    "referrer-policy": ["same-origin"],
    "permissions-policy": ["camera=()"],
  });
});
