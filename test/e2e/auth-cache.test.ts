/** A site whose Nginx remembers for some seconds what oauth2-proxy has answered: who gets whose answer, and for how long. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openBrowser, signIn } from "../lab/browser.ts";
import { request } from "../lab/http.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { passing } from "./bypass.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";
import { cookieHeader, echo, newPage, openAs } from "./people.ts";

const code = "https://code.lab.test";
const wiki = "https://wiki.lab.test";
const [first] = lab.hosts;
const address = first?.address ?? "";
const api = { accept: "application/json" };
const folder = "/run/protected-sites-auth_code.lab.test";

let stack: Stack;
let browser: Browser;
let ada: string;
let bob: string;
/** What must be in no log: codes of sign-ins, and what a query may hold. */
const secrets = ["q-3f1c7a55d0"];

beforeAll(async () => {
  stack = await openStack(lab.name);
  const settings = {
    "code.authCache": "3s",
    "code.paths[0].path": "/admin",
    "code.paths[0].allowedGroups[0]": "7e57ab1e-0000-4000-8000-000000000001",
    "wiki.authCache": "3s",
    "wiki.cookieRefresh": "2s",
    "wiki.cookieExpire": "9s",
  };
  await setAll(stack, settings, "sites.");
  await stack.up();
  browser = await openBrowser({ ca: lab.ca });
  bob = await cookieHeader((await openAs(browser, people.bob, `${code}/`)).context(), code);
  const page = await newPage(browser);
  page.on("request", (sent) => {
    const { pathname, searchParams } = new URL(sent.url());
    if (pathname === "/oauth2/callback")
      secrets.push(searchParams.get("code") ?? "", searchParams.get("state") ?? "");
  });
  await page.goto(`${code}/?secret=${secrets[0] ?? ""}`);
  await signIn(page, people.ada);
  ada = await cookieHeader(page.context(), code);
});

afterAll(async () => {
  await close(browser);
  stack = await openStack(lab.name);
  await stack.up();
  expect(await shell(`ls -d ${folder} 2>&1 || true`), "without a cache, nothing of it stays").toMatch(
    /No such/,
  );
});

const shell = (script: string) => shellOn(first?.name ?? "", script);

interface Logged {
  readonly request_id: string;
  readonly user: string;
  readonly auth: string;
  readonly auth_cache: string;
  readonly status: string;
}

/** The lines of the site's access log by request ID. */
async function logged(domain: string): Promise<Map<string, Logged>> {
  const lines = (await shell(`cat /var/log/nginx/${domain}.log`)).split("\n").filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line) as Logged).map((it) => [it.request_id, it]));
}

const ask = (cookie: string, path = "/", headers: Record<string, string> = {}) =>
  request({ url: `${code}${path}`, address, headers: { ...api, ...headers, cookie } });

test("a cached answer gives the backend and the log the same as a new one", async () => {
  const echoes = [];
  for (let count = 0; count < 10; count++)
    echoes.push(await echo({ url: `${code}/`, address, headers: { cookie: ada } }));
  const log = await logged("code.lab.test");
  const lines = echoes.map(({ headers }) => log.get(headers["x-request-id"]?.[0] ?? ""));

  expect(lines.map((line) => line?.auth_cache)).toContain("HIT");
  for (const line of lines) expect(line).toMatchObject({ user: "ada@lab.test", auth: "202", status: "200" });
  for (const { headers } of echoes)
    expect(headers).toMatchObject({
      "x-auth-request-user": ["ada@lab.test"],
      "x-auth-request-email": ["ada@lab.test"],
      "x-auth-request-groups": ["7e57ab1e-0000-4000-8000-000000000001"],
    });
});

test("600 concurrent requests of two people: each has the right identity", async () => {
  const seen: string[][] = [];
  const walk = async (cookie: string, name: string) => {
    for (let count = 0; count < 100; count++) {
      const { headers } = await echo({ url: `${code}/${count}`, address, headers: { cookie } });
      seen.push([name, headers["x-auth-request-user"]?.join() ?? "nobody"]);
    }
  };
  await Promise.all([0, 1, 2].flatMap(() => [walk(ada, "ada@lab.test"), walk(bob, "bob@lab.test")]));
  expect(seen).toHaveLength(600);
  expect(seen.filter(([is, told]) => is !== told)).toEqual([]);
  const hits = [...(await logged("code.lab.test")).values()].filter((it) => it.auth_cache === "HIT");
  expect(new Set(hits.map(({ user }) => user))).toEqual(new Set(["ada@lab.test", "bob@lab.test"]));
});

test("no cached answer is used for a request without a session, or with other credentials", async () => {
  await ask(ada);
  expect((await ask("")).status).toBe(401);
  expect((await ask("a=b")).status).toBe(401);
  expect((await ask("_oauth2_proxy_site=")).status).toBe(401);
  expect((await ask("", "/", { authorization: "Bearer x" })).status).toBe(401);

  const { headers } = await echo({
    url: `${code}/`,
    address,
    headers: { cookie: ada, authorization: "Bearer x" },
  });
  const line = (await logged("code.lab.test")).get(headers["x-request-id"]?.[0] ?? "");
  expect(line).toMatchObject({ user: "ada@lab.test", auth_cache: "BYPASS" });
});

/** The session's cookie and its parts, under names that Nginx takes for the same and oauth2-proxy does not. */
const inCapitals = ["", "_0", "_1", "_2", "_3", "_4"].map((part) => `_OAUTH2_PROXY_SITE${part}=planted`);

test.each([
  ["the session's name", "_oauth2_proxy_site=planted"],
  ["a part's name", "_oauth2_proxy_site_0=planted"],
  ["the session's and all parts' names in capitals", inCapitals.join("; ")],
])("who plants a cookie in ada's browser does not enter with it: %s", async (_, planted) => {
  for (const cookie of [`${planted}; ${ada}`, `${ada}; ${planted}`])
    for (let count = 0; count < 2; count++) await ask(cookie);
  for (const cookie of [planted, `${planted}; _oauth2_proxy_site=x`])
    expect((await ask(cookie)).status).toBe(401);
});

test("a cached answer for the site does not apply to a part that requires more", async () => {
  for (let count = 0; count < 2; count++) {
    expect((await ask(ada, "/admin")).status).toBe(200);
    expect((await ask(bob)).status).toBe(200);
    expect((await ask(bob, "/admin")).status).toBe(403);
    expect((await ask(bob, "/admin/x")).status).toBe(403);
  }
});

test("a renewed session still reaches the browser", async () => {
  const reader = (await openAs(browser, people.ada, `${wiki}/`)).context();
  const seen = new Set<string>();
  for (let count = 0; count < 60 && seen.size < 3; count++) {
    const answer = await reader.request.get(`${wiki}/api/x`, { headers: api, maxRedirects: 0 });
    expect(answer.status()).toBe(200);
    seen.add(await cookieHeader(reader, wiki));
    await sleep(300);
  }
  expect(seen.size).toBe(3);
  const log = [...(await logged("wiki.lab.test")).values()];
  expect(log.some((it) => it.auth_cache === "HIT")).toBe(true);
});

test("a session that has ended stays ended, even if it was just cached", async () => {
  const reader = (await openAs(browser, people.ada, `${wiki}/`)).context();
  const cookie = await cookieHeader(reader, wiki);
  const at = () => request({ url: `${wiki}/`, address, headers: { ...api, cookie } });
  expect((await at()).status).toBe(200);
  let status = 200;
  for (let count = 0; count < 200 && status === 200; count++) {
    await sleep(100);
    ({ status } = await at());
  }
  expect(status).toBe(401);
  await sleep(500);
  expect((await at()).status).toBe(401);
});

test("signing out takes effect at once in one's own browser", async () => {
  const page = await openAs(browser, people.bob, `${code}/`);
  await page.goto(`${code}/oauth2/sign_out?rd=%2Foauth2%2Fsigned-out`);
  const answer = await page.context().request.get(`${code}/`, { headers: api, maxRedirects: 0 });
  expect(answer.status()).toBe(401);
});

test("cached answers are in memory, readable only by Nginx", async () => {
  await ask(ada);
  const said = await shell(
    `stat -c '%a %U' ${folder}; findmnt -no FSTYPE -T ${folder}; ls ${folder} | wc -l`,
  );
  const [mode, type, files] = said.split("\n");
  expect([mode, type]).toEqual(["700 www-data", "tmpfs"]);
  expect(Number(files)).toBeGreaterThan(0);
});

test("no log of a host contains a session, an authorization code or a query", async () => {
  await ask(ada, `/x?secret=${secrets[0] ?? ""}`, { referer: `${code}/y?secret=${secrets[0] ?? ""}` });
  const values = ada.split("; ").map((cookie) => cookie.slice(cookie.indexOf("=") + 1));
  const searched = [...secrets, ...values].filter((it) => it.length > 8);
  expect(searched.length).toBeGreaterThan(3);
  const logs = await shell("cat /var/log/nginx/*.log; journalctl --no-pager --output=cat");
  expect(logs).toContain('"path":"/x"');
  expect(searched.filter((it) => logs.includes(it))).toEqual([]);
  // A token, whoever's: two parts of it in base64.
  expect(logs).not.toMatch(/eyJ[\w-]{20,}\.eyJ/);
});

test("no attempt to bypass the sign-in succeeds, while ada and bob work", async () => {
  const done = new AbortController();
  const work = (async () => {
    while (!done.signal.aborted) await Promise.all([ask(ada), ask(bob)]);
  })();
  const [nobody, asBob] = await Promise.all([passing(""), passing(bob, "bob@lab.test")]);
  done.abort();
  await work;
  console.log(
    `${nobody.attempts} attempts twice with the auth cache on, ${asBob.seen} of those with bob's session seen by the application, ${nobody.through.length + asBob.through.length} passed`,
  );
  expect([...nobody.through, ...asBob.through]).toEqual([]);
  expect(asBob.seen).toBeGreaterThan(nobody.attempts / 10);
});
