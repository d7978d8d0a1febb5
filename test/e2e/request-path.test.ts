/** What people meet where a site is closed for work, its backend is down, or somebody begins too many sign-ins. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { echoOverWebSocket, navigation, request } from "../lab/http.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";
import { cookieHeader, openAs } from "./people.ts";

const code = "https://code.lab.test";
const wiki = "https://wiki.lab.test";
const [first] = lab.hosts;
const address = first?.address ?? "";
const api = { accept: "application/json" };

let stack: Stack;
let browser: Browser;
let ada: string;
/** ada's session of wiki, from before its maintenance. */
let reader: string;
/** What ada's browser shows where code's backend is down. */
let shown: { readonly status: number; readonly heading: string; readonly text: string };

beforeAll(async () => {
  stack = await openStack(lab.name);
  browser = await openBrowser({ ca: lab.ca });
  reader = await cookieHeader((await openAs(browser, people.ada, `${wiki}/`)).context(), wiki);
  const settings = {
    "code.upstream": "http://192.0.2.3:8009",
    "code.contact": "the code team <code@lab.test>",
    "code.signInRate": "5r/m",
    "wiki.maintenance": "Back at 14:00 & <b>not</b> before.",
  };
  await setAll(stack, settings, "sites.");
  await stack.up();
  const page = await openAs(browser, people.ada, `${code}/`);
  ada = await cookieHeader(page.context(), code);
  const again = await page.reload();
  shown = {
    status: again?.status() ?? 0,
    heading: (await page.getByRole("heading").textContent()) ?? "",
    text: await page.locator("body").innerText(),
  };
});

afterAll(async () => {
  await close(browser);
  stack = await openStack(lab.name);
  await stack.up();
});

const shell = (script: string) => shellOn(first?.name ?? "", script);

test("if a backend is down, the error page shows a contact and the request ID that is in the log", async () => {
  expect(shown.status).toBe(502);
  expect(shown.heading).toBe("code.lab.test is currently unavailable");
  expect(shown.text).toContain("tell the code team <code@lab.test> and quote the number below");
  const id = /502 · ([0-9a-f]{32}) · 20/.exec(shown.text)?.[1] ?? "none";
  const line = JSON.parse(await shell(`grep ${id} /var/log/nginx/code.lab.test.log`)) as object;
  expect(line).toMatchObject({ request_id: id, user: "ada@lab.test", auth: "202", status: "502" });
});

test("an oauth2-proxy that is down opens nothing, and gets the page too", async () => {
  const units = "oauth2-proxy_code.lab.test.socket oauth2-proxy_code.lab.test.service";
  await shell(`systemctl stop ${units}`);
  try {
    for (const [path, headers, status] of [
      ["/", { ...api, cookie: ada }, 500],
      ["/", navigation, 500],
      ["/oauth2/callback", navigation, 502],
    ] as const) {
      const answer = await request({ url: `${code}${path}`, address, headers });
      expect([answer.status, answer.body.includes("code.lab.test is currently unavailable")]).toEqual([
        status,
        true,
      ]);
    }
  } finally {
    await shell(`systemctl start ${units.split(" ")[0] ?? ""}`);
  }
});

/** Takes the place of code's oauth2-proxy: it closes its first connections as soon as something comes, then says 202. */
const closing = (count: number) => `
import socket
listener = socket.create_server(("127.0.0.1", 4180))
for number in range(100):
    connection, _ = listener.accept()
    connection.recv(65536)
    if number >= ${count}: connection.sendall(b"HTTP/1.1 202 Accepted\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
`;

test.each([
  [0, 502],
  [3, 502],
  [50, 500],
])(
  "Nginx asks again where %i connections to oauth2-proxy end without an answer, and never lets in without one",
  async (closed, status) => {
    const service = "oauth2-proxy_code.lab.test";
    await shell(`systemctl stop ${service}.socket ${service}.service
systemd-run --quiet --unit closing python3 -c '${closing(closed)}'
for try in 1 2 3 4 5 6 7 8 9 10; do ss -Hltn sport = :4180 | grep -q . && break; sleep 0.1; done`);
    try {
      // Past the sign-in, it is the backend that is down.
      expect((await request({ url: `${code}/`, address, headers: api })).status).toBe(status);
    } finally {
      await shell(`systemctl stop closing; systemctl start ${service}.socket`);
    }
  },
);

test("too many sign-ins from an address are limited; requests with a session and of API clients never count", async () => {
  const begin = () => request({ url: `${code}/`, address, headers: navigation });
  const answers = [];
  for (let count = 0; count < 8; count++) answers.push(await begin());
  const statuses = answers.map(({ status }) => status);
  expect(statuses).toContain(429);
  expect(statuses.every((status) => status === 302 || status === 429)).toBe(true);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.body).toContain("Too many sign-ins from your network");
  expect(refused?.headers["strict-transport-security"]).toEqual(["max-age=63072000"]);
  const callback = await request({ url: `${code}/oauth2/callback?code=x`, address, headers: navigation });
  expect(callback.status).toBe(429);

  for (let count = 0; count < 20; count++) {
    expect((await request({ url: `${code}/`, address, headers: { ...api, cookie: ada } })).status).toBe(502);
    expect((await request({ url: `${code}/`, address, headers: api })).status).toBe(401);
    const mine = { url: `${code}/oauth2/userinfo`, address, headers: { ...api, cookie: ada } };
    expect((await request(mine)).status).toBe(200);
    const out = { url: `${code}/oauth2/sign_out`, address, headers: navigation };
    expect((await request(out)).status).toBe(302);
  }
});

test.each(lab.hosts)(
  "a site in maintenance shows its page to everybody and nothing else, $name",
  async (host) => {
    for (const cookie of ["", reader]) {
      for (const [method, path] of [
        ["GET", "/"],
        ["POST", "/form"],
        ["GET", "/oauth2/callback?code=x"],
        ["GET", "/oauth2/sign_in"],
        ["GET", "/oauth2/auth"],
        ["GET", "/.htaccess"],
        ["GET", "/.well-known/other"],
        ["GET", "/.well-known/acme-challenge/../../x"],
      ] as const) {
        const headers = { ...navigation, cookie };
        const answer = await request({ url: `${wiki}${path}`, address: host.address, method, headers });
        expect([path, answer.status]).toEqual([path, 503]);
        expect(answer.body).toContain("Back at 14:00 &amp; &lt;b&gt;not&lt;/b&gt; before.");
      }
      const socket = { url: "wss://wiki.lab.test/ws", address: host.address, headers: { cookie } };
      expect(await echoOverWebSocket(socket, "hello")).toBe(503);
    }
  },
);

test("after maintenance the site is as before, and people are still signed in", async () => {
  await stack.removeConfig("protected-sites:sites.wiki.maintenance", true);
  await stack.up();
  const ask = (cookie: string) => request({ url: `${wiki}/`, address, headers: { ...api, cookie } });
  expect((await ask("")).status).toBe(401);
  expect((await ask(reader)).status).toBe(200);
});
