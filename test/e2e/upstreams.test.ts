/** Parts of a site that other applications answer (`upstreams`): each by its own way, on a host's own Nginx. */
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { SiteSettings } from "../../components/site/settings.ts";
import { addresses } from "../lab/addresses.ts";
import { startApplication } from "../lab/application.ts";
import { openBrowser } from "../lab/browser.ts";
import { certify, makeAuthority } from "../lab/certificates.ts";
import { echoOverWebSocket, request } from "../lab/http.ts";
import { type NameServer, startNameServer } from "../lab/name-server.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { runOn, shellOn } from "./on-hosts.ts";
import { backend, closeBackends, giveBack, here, serve, servedByStack } from "./own-backend.ts";
import { cookieHeader, openAs } from "./people.ts";

const [host = { name: "", address: "" }] = lab.hosts;
const code = "https://code.lab.test";
const ca = "/etc/ssl/certs/upstreams-of-the-tests.pem";
const program = "/usr/local/sbin/protected-sites";
const group = "7e57ab1e-0000-4000-8000-000000000001";
const shell = (script: string) => shellOn(host.name, script);
const servers: Server[] = [];

let authority: Awaited<ReturnType<typeof makeAuthority>>;
let browser: Browser;
let cookie: string;
let before: string;
let names: NameServer;
/** Where `api.internal.test` answers, at either of its addresses. */
let port: number;
/** The site's own backend, named by its address. */
let secure: Partial<SiteSettings>;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
  cookie = await cookieHeader((await openAs(browser, people.ada, `${code}/`)).context(), code);
  before = await servedByStack();
  authority = await makeAuthority("upstreams");
  await runOn(host.name, ["sh", "-euc", `cat >${ca}`], authority.certificate);
  names = await startNameServer("internal.test");
  await shell(`echo 'nameserver ${names.address}' >/etc/resolv.conf`);
  const main = await encrypted("main.internal.test", addresses.applications, 0, (_, response) =>
    response.end("main"),
  );
  const api =
    (says: string): RequestListener =>
    ({ url = "", headers }, response) => {
      const size = Number(new URL(url, code).searchParams.get("size") ?? 0);
      for (let count = 0; count < size / 1000; count += 1) response.appendHeader("X-Large", "x".repeat(1000));
      response.end(
        `${says} ${url.split("?", 1)[0] ?? ""} ${headers.host ?? ""} ${String(headers["x-auth-request-user"])}`,
      );
    };
  port = await encrypted("api.internal.test", addresses.applications, 0, api("first"));
  await encrypted("api.internal.test", addresses.bridge, port, api("second"));
  secure = {
    upstream: `https://${addresses.applications}:${main}`,
    upstreamCa: ca,
    upstreamServerName: "main.internal.test",
  };
});

afterAll(async () => {
  await close(browser);
  try {
    await giveBack(before);
    await shell(`rm -f ${ca}; echo '# names are in /etc/hosts' >/etc/resolv.conf`);
  } finally {
    closeBackends();
    await close(names, ...servers);
  }
});

/** An https application. @returns its port */
async function encrypted(
  name: string,
  address: string,
  at: number,
  answer: RequestListener,
): Promise<number> {
  const { certificate: cert, key } = await certify(authority, [name]);
  // Whoever asks must name it in TLS.
  const server = createServer({ cert, key }, (incoming, response) => {
    if (Reflect.get(incoming.socket, "servername") === name) answer(incoming, response);
    else response.writeHead(421).end();
  });
  servers.push(server.listen(at, address));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function ask(
  path: string,
  more: { readonly headers?: Record<string, string>; readonly method?: string } = {},
) {
  const { status, body } = await request({
    url: `${code}${path}`,
    address: host.address,
    headers: { cookie, accept: "*/*" },
    ...more,
  });
  return status === 200
    ? body
    : `${status}${body.includes("code.lab.test is currently unavailable") ? ", our page" : ""}`;
}

async function until(path: string, wanted: string): Promise<void> {
  while ((await ask(path)) !== wanted) await sleep(200);
}

test("each https backend is verified by its own name, and one with a wrong certificate takes down only its own path", async () => {
  await names.set({ api: [addresses.applications], other: [addresses.applications] });
  const upstreams = [
    { path: "/api", upstream: `https://api.internal.test:${port}` },
    { path: "/api/other", upstream: `https://other.internal.test:${port}` },
  ];
  await serve({ ...secure, upstreams });
  const api = (path: string) => `first ${path} code.lab.test ada@lab.test`;
  for (let times = 0; times < 2; times += 1) {
    expect(await ask("/")).toBe("main");
    expect(await ask("/apis")).toBe("main");
    expect(await ask("/api/a%2Fb")).toBe(api("/api/a%2Fb"));
    expect(await ask("/api/other/x")).toBe("502, our page");
  }
  expect(await ask("/api?size=25000")).toBe(api("/api"));
  expect(await ask("/api?size=40000")).toBe("502, our page");
  expect(await ask("/api")).toBe(api("/api"));
});

test(
  "a name's new address is followed; a name that is gone takes down its own path only, and pushes go on",
  { timeout: 120_000 },
  async () => {
    await names.set({ api: [addresses.applications] });
    const upstreams = [{ path: "/api", upstream: `https://api.internal.test:${port}` }];
    await serve({ ...secure, upstreams });
    const api = (says: string) => `${says} /api code.lab.test ada@lab.test`;
    expect(await ask("/api")).toBe(api("first"));
    await names.set({ api: [addresses.bridge] });
    await until("/api", api("second"));

    await names.set({});
    await until("/api", "502, our page");
    expect(await ask("/")).toBe("main");
    await serve({ ...secure, upstreams, proxyReadTimeout: "61s" });
    await shell("systemctl restart nginx");
    expect(await ask("/")).toBe("main");
    expect(await ask("/api")).toBe("502, our page");
    const wiki = await shell("cat /etc/protected-sites/sites/wiki.lab.test/current/bundle");
    expect(await runOn(host.name, [program, "push"], `${wiki}\n`)).toContain("wiki.lab.test");

    await names.set({ api: [addresses.applications] });
    await until("/api", api("first"));
  },
);

test("a signed-in user's WebSocket reaches the backend of its path", async () => {
  const application = await startApplication({ listen: `${here}:0`, name: "sockets" });
  try {
    const upstream = `http://${await backend((_, response) => response.end("main"))}`;
    await serve({ upstream, upstreams: [{ path: "/ws", upstream: application.url }] });
    const open = (headers: Record<string, string>) =>
      echoOverWebSocket({ url: "wss://code.lab.test/ws", address: host.address, headers }, "works");
    expect(await open({ cookie })).toBe("works");
    expect(await open({})).toBe(401);
    expect(await ask("/")).toBe("main");
  } finally {
    await application.close();
  }
});

test("rules and open paths apply below another backend's path as they do elsewhere", async () => {
  const says =
    (name: string): RequestListener =>
    ({ headers }, response) => {
      const told = Object.entries(headers).filter(([header]) =>
        /^x-auth-request-|^authorization|^cookie$/.test(header),
      );
      response.end(`${name} ${told.map(([, value]) => String(value)).join()}`);
    };
  await serve({
    upstream: `http://${await backend(says("main"))}`,
    upstreams: [{ path: "/api", upstream: `http://${await backend(says("api"))}` }],
    paths: [
      { path: "/api/admin", allowedGroups: [group] },
      { path: "/wide", allowedGroups: [group] },
    ],
    open: [
      { path: "/api/health", why: "A test." },
      { path: "/api/admin/hook", methods: ["POST"], why: "A test." },
    ],
    identityHeaders: ["user"],
  });
  const made = { "x-auth-request-user": "somebody", authorization: "Bearer x" };
  const stranger = (path: string, method = "GET") =>
    ask(path, { method, headers: { accept: "*/*", ...made } });
  expect(await ask("/api")).toBe("api ada@lab.test");
  expect(await ask("/")).toBe("main ada@lab.test");
  for (const path of ["/api/admin", "/api/admin/x", "/wide"]) expect(await ask(path), path).toBe("403");
  for (const path of ["/", "/api", "/api/admin", "/api/health/x", "/api/healthy", "/api/admin/hook"])
    expect(await stranger(path), path).toBe("401");
  expect(await stranger("/api/health")).toBe("api ");
  expect(await ask("/api/health", { headers: { cookie, ...made } })).toBe("api ");
  expect(await stranger("/api/health", "POST")).toBe("401");
  expect(await stranger("/api/admin/hook", "POST")).toBe("api ");
  for (const path of ["/api/..%2fadmin", "/x/..;/api/admin"]) expect(await ask(path), path).toBe("400");
});
