/** A site whose sessions lie in a Redis: what people meet where that is away, full, or lets oauth2-proxy do too little. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { type LabRedis, startRedis } from "../lab/redis.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { everywhere, shellOn } from "./on-hosts.ts";
import { cookieHeader, openAs } from "./people.ts";

const code = "https://code.lab.test";
const cookie = "__Host-_oauth2_proxy_code_lab_test";
/** What docs/sessions.md says that the user needs, and nothing else. */
const rights = "+get +set +del +eval +evalsha +msetnx +pexpire +mget +getrange +ping";
const [first] = lab.hosts;
let stack: Stack;
let redis: LabRedis;
let browser: Browser;

beforeAll(async () => {
  redis = await startRedis(lab);
  await allow(rights);
  browser = await openBrowser({ ca: lab.ca });
  stack = await openStack(lab.name);
  await stack.setConfig("protected-sites:redisPassword", { value: redis.password, secret: true });
  const settings = {
    sessionStore: "redis",
    cookieRefresh: "2s",
    "redis.host": redis.host,
    "redis.port": String(redis.port),
    "redis.username": "sites",
  };
  await setAll(stack, settings, "sites.code.");
  await stack.up();
});

afterAll(async () => {
  await close(browser);
  try {
    stack = await openStack(lab.name);
    await stack.up();
  } finally {
    await close(redis);
  }
});

/** Gives the user that oauth2-proxy comes as just these rights. */
const allow = (commands: string) =>
  redis.ask(
    "ACL",
    "SETUSER",
    "sites",
    "reset",
    "on",
    `>${redis.password}`,
    `~${cookie}-*`,
    ...commands.split(" "),
  );

const shell = (script: string) => shellOn(first?.name ?? "", script);

/** What a push of the live generation says whose files have to be taken live anew. */
async function push(): Promise<string> {
  const at = "/etc/protected-sites/sites/code.lab.test/current";
  return shell(`sed 's/"probePath"/"probePath" /' ${at}/bundle >/run/bundle
    protected-sites push </run/bundle 2>&1 || true; rm /run/bundle`);
}

test("with the documented permissions, people can sign in, and their sessions are renewed", async () => {
  const page = await openAs(browser, people.ada, `${code}/`);
  const keys = await redis.ask("KEYS", `${cookie}-*`);
  expect(keys).toHaveLength(1);
  console.log(
    `a session takes ${(await redis.ask("MEMORY", "USAGE", keys[0] ?? "")).join("")} bytes of the Redis`,
  );
  // oauth2-proxy rounds the time of day down to seconds before it compares: a session of 2.9 s may count as 1.9 s old.
  await page.waitForTimeout(3200);
  const answer = await page.reload();
  expect(answer?.status()).toBe(200);
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
  const journal = await shell(
    "journalctl --sync; journalctl -u oauth2-proxy_code.lab.test --since -1min --output=cat",
  );
  expect(journal).toContain("Refreshing session - User");
  expect(journal).not.toMatch(/NOPERM|Unable to refresh/);
});

test("while the Redis is down, people get an error page and stay signed in, and nobody is sent to a sign-in that would fail", async () => {
  const page = await openAs(browser, people.ada, `${code}/`);
  const session = await cookieHeader(page.context(), code);
  expect(session).toContain(cookie);
  await redis.setAway(true);
  try {
    const met = await page.reload();
    expect(met?.status()).toBe(500);
    expect(await page.getByRole("heading").textContent()).toBe("code.lab.test is currently unavailable");
    expect(await cookieHeader(page.context(), code)).toBe(session);
    const stranger = await browser.newPage();
    expect((await stranger.goto(`${code}/`))?.status()).toBe(500);
    expect(new URL(stranger.url()).host).toBe("code.lab.test");
    await stranger.close();
    expect(await shell("protected-sites metrics")).toContain(
      'protected_sites_session_store_up{site="code.lab.test"} 0',
    );
  } finally {
    await redis.setAway(false);
  }
  await expect.poll(async () => (await page.reload())?.status(), { timeout: 30_000 }).toBe(200);
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
  expect(await shell("protected-sites metrics")).toContain(
    'protected_sites_session_store_up{site="code.lab.test"} 1',
  );
});

test("a session that has ended in the Redis leads to the sign-in", async () => {
  const page = await openAs(browser, people.ada, `${code}/`);
  for (const key of await redis.ask("KEYS", `${cookie}-*`)) await redis.ask("DEL", key);
  await page.reload();
  await page.waitForURL(`${code}/`);
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
});

test("a push detects a user with too few permissions, and names the command that fixes it", async () => {
  await allow(rights.replace(" +evalsha +msetnx", ""));
  expect(await push()).toMatch(
    /session store.*\n.*user sites lacks permission for EVALSHA, MSETNX on .*run `ACL SETUSER sites \+evalsha \+msetnx`/,
  );
  await allow(rights);
});

test("a full Redis is reported to Prometheus, and detected by the push", async () => {
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  try {
    expect(await shell("protected-sites metrics")).toContain(
      'protected_sites_session_store_up{site="code.lab.test"} 0',
    );
    expect(await push()).toMatch(/OOM command not allowed/);
  } finally {
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
  }
  await everywhere("protected-sites metrics >/dev/null");
});
