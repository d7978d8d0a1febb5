/** What nobody gets past the sign-in with: each refusal on every host. */
import { connect } from "node:net";

import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Echo } from "../lab/application.ts";
import { openBrowser } from "../lab/browser.ts";
import { echoOverWebSocket, navigation, request } from "../lab/http.ts";
import { tenantId } from "../sites.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { cookieHeader, echo, echoOf, openAs } from "./people.ts";

const { hosts } = lab;
const code = "https://code.lab.test";
const api = { accept: "application/json" };

/** Every header by which a backend might be told who is there, as somebody who lies would send it. */
const spoofed = {
  "x-auth-request-user": ["root@lab.test", "root2@lab.test"],
  "X-Auth-Request-Email": "root@lab.test",
  "x-auth-request-preferred-username": "root@lab.test",
  "x-auth-request-groups": "admins",
  "x-auth-request-access-token": "lie",
  "x-auth-request-redirect": "https://a.test/",
  x_auth_request_user: "root@lab.test",
  "x-forwarded-user": "root@lab.test",
  "x-forwarded-email": "root@lab.test",
  "x-forwarded-groups": "admins",
  "x-forwarded-preferred-username": "root@lab.test",
  "x-forwarded-access-token": "lie",
  x_forwarded_user: "root@lab.test",
  "x-remote-user": "root@lab.test",
  "remote-user": "root@lab.test",
  "remote-groups": "admins",
  "x-webauth-user": "root@lab.test",
  "x-forwarded-for": "127.0.0.1",
  "x-forwarded-host": "a.test",
  "x-forwarded-proto": "http",
  "x-forwarded-uri": "/oauth2/sign_in",
  "x-real-ip": "127.0.0.1",
  "x-original-url": "/oauth2/sign_in",
  "x-rewrite-url": "/oauth2/sign_in",
  forwarded: "for=127.0.0.1;host=a.test",
  authorization: "Bearer lie",
};

let browser: Browser;
let context: BrowserContext;
/** What ada's browser sends to code. */
let cookie: string;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
  const page = await openAs(browser, people.ada, `${code}/`);
  context = page.context();
  cookie = await cookieHeader(context, code);
});

afterAll(() => close(browser));

describe.each(hosts)("$name", ({ address }) => {
  const ask = (path: string, headers: Record<string, string | string[]> = {}, more = {}) =>
    request({ url: `${code}${path}`, address, headers, ...more });

  test("accepts a session that was started through any host", async () => {
    const { site, headers } = await echo({ url: `${code}/`, address, headers: { cookie } });
    expect(site).toBe("code");
    expect(headers["x-auth-request-user"]).toEqual(["ada@lab.test"]);
  });

  test.each([
    ["GET", "/"],
    ["GET", "/any/where?x=1"],
    ["POST", "/form", "cross-site"],
  ])("sends a browser that opens a page to the sign-in: %s %s %s", async (method, path, from = "none") => {
    const { status, headers } = await ask(path, { ...navigation, "sec-fetch-site": from }, { method });
    const location = new URL(headers["location"]?.[0] ?? "");

    expect(status).toBe(302);
    expect(location.origin + location.pathname).toBe(
      `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/authorize`,
    );
    expect(location.searchParams.get("redirect_uri")).toBe(`${code}/oauth2/callback`);
    expect(location.searchParams.get("code_challenge_method")).toBe("S256");
  });

  test.each(["same-origin", "same-site", "none", undefined])(
    "tells a browser that sends a form that it was not saved: %s",
    async (from) => {
      const site = from === undefined ? {} : { "sec-fetch-site": from };
      const sent = { ...navigation, ...site, referer: `${code}/edit` };
      const answer = await ask("/form", sent, { method: "POST", body: "x".repeat(900_000) });

      expect(answer.status).toBe(401);
      expect(answer.body).toContain("What you just sent was not saved.");
      expect(answer.body).not.toContain('"site"');
      expect(answer.headers["location"]).toBeUndefined();
      expect(answer.headers["set-cookie"]).toBeUndefined();
      expect((await ask("/.well-known/protected-sites/begin/not-saved.html", sent)).status).toBe(404);
    },
  );

  test.each([
    ["GET", "/"],
    ["POST", "/"],
    ["OPTIONS", "/"],
    ["GET", "/api/x"],
    ["GET", "/events"],
    ["GET", "/oauth2x/callback"],
    ["GET", "//oauth2/../"],
    ["GET", "/oauth2/../"],
    ["GET", "/oauth2/%2e%2e/"],
    ["GET", "/%6fauth2/%2e%2e/"],
    ["GET", "/.well-known/acme-challenge/../../"],
    ["GET", "/.well-known/other"],
  ])("refuses everybody else: %s %s", async (method, path) => {
    const { status, headers, body } = await ask(path, api, { method });

    expect(status).toBe(401);
    expect(headers["location"]).toBeUndefined();
    expect(headers["set-cookie"]).toBeUndefined();
    expect(body).not.toContain('"site"');
  });

  test("refuses a user who only claims an identity", async () => {
    expect((await ask("/", { ...api, ...spoofed })).status).toBe(401);
    expect((await ask("/oauth2/auth", { ...api, ...spoofed })).status).toBe(404);
    expect((await ask("/.well-known/protected-sites/auth", { ...api, ...spoofed })).status).toBe(404);
    expect((await ask("/.well-known/protected-sites/sign-in", { ...navigation, ...spoofed })).status).toBe(
      404,
    );
  });

  test("passes the user's identity to the backend, whatever the client claims", async () => {
    const honest = echoOf(await ask("/", { ...api, cookie }));
    const lying = echoOf(await ask("/", { ...api, cookie, ...spoofed }));

    const comparable = ({ headers }: Echo) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "x-request-id"));
    expect(comparable(lying)).toEqual(comparable(honest));
    expect(honest.headers).toMatchObject({
      host: ["code.lab.test"],
      "x-real-ip": ["192.0.2.1"],
      "x-forwarded-for": ["192.0.2.1"],
      "x-forwarded-proto": ["https"],
      "x-forwarded-host": ["code.lab.test"],
      "x-auth-request-user": ["ada@lab.test"],
    });
  });

  test("removes the session cookies, and no others, from what the backend gets", async () => {
    const { headers } = echoOf(await ask("/", { ...api, cookie: `first=1; ${cookie}; last=2` }));
    expect(headers["cookie"]).toEqual(["first=1; last=2"]);
    expect(echoOf(await ask("/", { ...api, cookie })).headers["cookie"]).toBeUndefined();
  });

  test("refuses code's session at wiki, where it has the same name", async () => {
    const wiki = (stolen: string) =>
      request({ url: "https://wiki.lab.test/", address, headers: { ...api, cookie: stolen } });

    expect(cookie).toContain("_oauth2_proxy_site");
    expect((await wiki(cookie)).status).toBe(401);
  });

  test("refuses a session that has been changed", async () => {
    const broken = cookie.replace(
      /=.{20}/,
      (start) => `${start.slice(0, -1)}${start.endsWith("A") ? "B" : "A"}`,
    );
    expect((await ask("/", { ...api, cookie: broken })).status).toBe(401);
  });

  test("opens a WebSocket only for signed-in users", async () => {
    const socket = (headers: Record<string, string>) =>
      echoOverWebSocket({ url: "wss://code.lab.test/ws", address, headers }, "hello");

    expect(await socket({ cookie })).toBe("hello");
    expect(await socket({})).toBe(401);
    expect(await socket(navigation)).not.toBe("hello");
  });

  test("accepts a body of 10 MB and refuses one of 11", async () => {
    const send = (megabytes: number, headers: Record<string, string>) =>
      ask("/", { ...api, ...headers }, { method: "POST", body: Buffer.alloc(megabytes << 20) });

    expect(echoOf(await send(10, { cookie })).bodyLength).toBe(10 << 20);
    expect((await send(11, { cookie })).status).toBe(413);
    expect((await send(10, {})).status).toBe(401);
  });

  test.each(["/.htaccess", "/.htpasswd", "/a/.ht", "/.ht"])(
    "refuses %s, also to who is signed in",
    async (path) => {
      expect((await ask(path, { ...api, cookie })).status).toBe(404);
      expect((await ask(path, api)).status).toBe(404);
    },
  );

  test("redirects HTTP to HTTPS, with path and query unchanged", async () => {
    const { status, headers } = await request({ url: "http://code.lab.test/p/q?x=1&y=%2F", address });
    expect([status, headers["location"]]).toEqual([301, ["https://code.lab.test/p/q?x=1&y=%2F"]]);
  });

  test("answers ACME challenges by plain HTTP", async () => {
    const challenge = await request({ url: "http://code.lab.test/.well-known/acme-challenge/none", address });
    expect(challenge.status).toBe(404);
  });

  test("enforces HTTPS by HSTS, also in refusals", async () => {
    const always = ["max-age=63072000"];
    expect((await ask("/", { ...api, cookie })).headers["strict-transport-security"]).toEqual(always);
    expect((await ask("/", api)).headers["strict-transport-security"]).toEqual(always);
    expect((await ask("/", navigation)).headers["strict-transport-security"]).toEqual(always);
  });

  test("does not answer to unknown host names", async () => {
    const other = (url: string) => request({ url, address });
    await expect(other("https://other.test/")).rejects.toThrow(/unrecognized name/);
    await expect(other(`https://${address}/`)).rejects.toThrow(/unrecognized name/);
    await expect(other("http://other.test/")).rejects.toThrow(/socket hang up/);
    await expect(other(`http://${address}/`)).rejects.toThrow(/socket hang up/);
    // Nothing but that it is not to be asked here.
    const { status, headers } = await ask("/", { host: "other.test" });
    expect([status, headers["server"]]).toEqual([421, ["nginx"]]);
  });

  test("does not reveal to others which generation of a site it runs", async () => {
    expect((await ask("/.well-known/protected-sites/generation", api)).status).toBe(404);
  });

  test.each([4180, 4181, 14180, 14181])("keeps port %i to itself", async (port) => {
    await expect(connected(address, port)).resolves.toBe(false);
    await expect(connected(address, 443)).resolves.toBe(true);
  });
});

function connected(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => {
      resolve(false);
    });
  });
}
