/**
 * Somebody is blocked at every site: `npm run block` before the instance's hosts, over SSH, while people work.
 * `npm run bench:block` measures how long that takes.
 */
import { once } from "node:events";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";

import { openBrowser } from "../lab/browser.ts";
import { request } from "../lab/http.ts";
import { readCredentials } from "../lab/entra/directory.ts";
import { leastPermissions } from "../lab/entra/permissions.ts";
import { type LabRedis, startRedis } from "../lab/redis.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { deployerEnvironment, entra } from "./client-secrets.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { everywhere, shellOn } from "./on-hosts.ts";
import { keepAsking, openSocket } from "./people-at-work.ts";
import { cookieHeader, echoOf, openAs } from "./people.ts";

/** Answers of oauth2-proxy are cached at the one, sessions renewed and in a Redis at the other. */
const [code, wiki] = ["https://code.lab.test", "https://wiki.lab.test"] as const;
const [first = { name: "", address: "" }, second = { name: "", address: "" }] = lab.hosts;
const hosts = [first, second];
const { deployer: robot } = readCredentials(lab.state);
const folder = join(lab.state, "blocked");
const file = join(folder, "Pulumi.local.yaml");
const main = join(import.meta.dirname, "../../infra/commands/main.js");
/** Longer than anything that a test bounds by it. */
const bound = 10_000;

let stack: Stack;
let redis: LabRedis;
let browser: Browser;
const session = { ada: { [code]: "", [wiki]: "" }, bob: { [code]: "" } };
/** In place of a session: the ID token that the application gets, with its "Bearer". */
const token = { ada: "", bob: "" };

beforeAll(async () => {
  redis = await startRedis(lab);
  const rights = "+get +set +del +eval +evalsha +msetnx +pexpire +mget +getrange +ping".split(" ");
  const user = ["reset", "on", `>${redis.password}`, "~__Host-_oauth2_proxy_wiki_lab_test-*", ...rights];
  await redis.ask("ACL", "SETUSER", "sites", ...user);
  stack = await openStack(lab.name);
  await stack.setConfig("protected-sites:redisPassword", { value: redis.password, secret: true });
  const settings = {
    "code.authCache": "60s",
    // A person's own ID token is let in where programs are.
    "code.roles[0].value": "member",
    "code.roles[0].users[0]": people.ada.userPrincipalName,
    "code.roles[0].users[1]": people.bob.userPrincipalName,
    "code.roles[0].applications[0]": robot.objectId,
    "code.identityHeaders[0]": "user",
    "code.identityHeaders[1]": "idToken",
    "wiki.sessionStore": "redis",
    "wiki.cookieRefresh": "2s",
    "wiki.redis.host": redis.host,
    "wiki.redis.port": String(redis.port),
    "wiki.redis.username": "sites",
  };
  await setAll(stack, settings, "sites.");
  await entra.setPermissions([...leastPermissions, "User.Read.All"]);
  await stack.up();
  await mkdir(folder, { recursive: true });
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), file);
  browser = await openBrowser({ ca: lab.ca });
  for (const site of [code, wiki])
    session.ada[site] = await cookieHeader((await openAs(browser, people.ada, `${site}/`)).context(), site);
  session.bob[code] = await cookieHeader((await openAs(browser, people.bob, `${code}/`)).context(), code);
  for (const name of ["ada", "bob"] as const) {
    const answer = await ask(code, first.address, session[name][code]);
    token[name] = echoOf(answer).headers["authorization"]?.[0] ?? "";
    expect((await askByToken(first.address, token[name])).status).toBe(200);
  }
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

/** One of the operator's commands on the copy of the stack's file. */
async function run(command: string, ...more: string[]) {
  const args = ["--stack", "local", "--folder", folder, "--identity", lab.adminKey];
  const options = { reject: false, all: true, env: deployerEnvironment() } as const;
  const { exitCode, all } = await execa(process.execPath, [main, command, ...more, ...args], options);
  return { exitCode, all };
}
const block = () => run("block", "Ada@lab.test", "--why", "Her laptop was stolen.");
const unblock = () => run("unblock", "ada@lab.test");

const ask = (site: string, address: string, cookie: string) =>
  request({ url: `${site}/`, address, headers: { accept: "application/json", cookie } });

const askByToken = (address: string, authorization: string) =>
  request({ url: `${code}/`, address, headers: { accept: "application/json", authorization } });

/** Asks every host for every site of a session. */
const keepAskingWith = (sessions: Readonly<Record<string, string>>) =>
  keepAsking(
    Object.entries(sessions).flatMap(([site, cookie]) =>
      hosts.map(({ address }) => ({ site, cookie, address })),
    ),
    ({ site, cookie, address }) => ask(site, address, cookie),
    20,
  );

const openSocketWith = (cookie: string) => openSocket(first.address, "code.lab.test", cookie);

/** Blocks ada while she and bob are at work. @returns milliseconds until her last request that passed, and her socket's end */
async function blocked() {
  const socket = await openSocketWith(session.ada[code]);
  const ended = once(socket, "close").then(() => Date.now());
  const [adas, bobs] = [keepAskingWith(session.ada), keepAskingWith(session.bob)];
  await sleep(300);
  const start = Date.now();
  const { exitCode, all } = await block();
  const done = Date.now();
  const socketEnd = await ended;
  await sleep(2500);
  const [ada, bob] = [await adas(), await bobs()];
  const passed = ada.filter(({ status }) => status === 200).map(({ when }) => when);
  return {
    exitCode,
    all,
    lastPassed: Math.max(...passed) - start,
    socketEnded: socketEnd - start,
    commandEnded: done - start,
    adas: ada.filter(({ when }) => when > done).map(({ status }) => status),
    bobs: bob.map(({ status }) => status),
  };
}

test("they are out within seconds, at every site and host, with the sessions and WebSockets they have; others are not", async () => {
  const { exitCode, all, lastPassed, socketEnded, adas, bobs } = await blocked();

  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  for (const { name } of hosts) expect(all).toContain(`${name}: 1 blocked, in force`);
  expect(lastPassed).toBeLessThan(bound);
  expect(socketEnded).toBeLessThan(bound);
  expect(new Set(adas)).toEqual(new Set([403]));
  expect(new Set(bobs)).toEqual(new Set([200]));
  expect(await readFile(file, "utf8")).toContain("user: Ada@lab.test");
  expect((await run("status")).exitCode).toBe(0);
});

test("their own ID token, which is let in where programs are, does not let them in; somebody else's does", async () => {
  for (const { address } of hosts) {
    expect((await askByToken(address, token.ada)).status).toBe(403);
    expect((await askByToken(address, token.bob)).status).toBe(200);
  }
});

test("a new sign-in of theirs ends at a page that says so, and a new WebSocket is refused", async () => {
  const page = await openAs(browser, people.ada, `${code}/`);
  expect(await page.locator("h1").textContent()).toBe("Your access to code.lab.test has been withdrawn");
  await expect(openSocketWith(session.ada[code])).rejects.toThrow("403");
});

test("the next update sends the same list, for which Nginx is not reloaded", async () => {
  const workers = () => everywhere("pgrep -f 'nginx: worker process$' | sort");
  const before = await workers();
  await stack.setConfig("protected-sites:blocked[0].user", { value: "Ada@lab.test" }, true);
  await stack.setConfig("protected-sites:blocked[0].why", { value: "Her laptop was stolen." }, true);
  const { summary } = await stack.up();
  expect(summary.resourceChanges?.update).toBe(hosts.length);
  expect(await workers()).toEqual(before);
  expect((await stack.up()).summary.resourceChanges?.update).toBeUndefined();
  expect((await ask(code, first.address, session.ada[code])).status).toBe(403);
});

test("without the list Nginx takes no other configuration, and still refuses them; status says so, and the command repairs it", async () => {
  await shellOn(first.name, "rm /etc/protected-sites/blocked.conf; nginx -s reload 2>&1 || true; sleep 1");
  expect((await ask(code, first.address, session.ada[code])).status).toBe(403);
  const { exitCode, all } = await run("status");
  expect(exitCode).toBe(1);
  expect(all).toContain("/etc/protected-sites/blocked.conf");
  expect(await shellOn(first.name, "nginx -t 2>&1 || true")).toMatch(/\[emerg\].*blocked\.conf/);
  expect((await block()).exitCode).toBe(0);
  expect((await run("status")).exitCode).toBe(0);
  expect((await ask(code, first.address, session.ada[code])).status).toBe(403);
});

test("unblocked, they get in with the session they have, and no connection of others ends", async () => {
  const socket = await openSocketWith(session.bob[code]);
  expect(await unblock()).toMatchObject({ exitCode: 0 });
  expect((await ask(code, first.address, session.ada[code])).status).toBe(200);
  expect((await ask(wiki, second.address, session.ada[wiki])).status).toBe(200);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.terminate();
  expect(await readFile(file, "utf8")).not.toContain("blocked");
  expect(await unblock()).toMatchObject({
    exitCode: 2,
    all: expect.stringContaining("does not list") as string,
  });
});

test("somebody whom another checkout has blocked stays blocked, and is named, until an update or their own unblock", async () => {
  const text = await readFile(file, "utf8");
  expect((await block()).exitCode).toBe(0);
  await writeFile(file, text);
  const { exitCode, all } = await run("block", "eve@elsewhere.test", "--why", "Left.");
  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  for (const { name } of hosts) {
    expect(all).toContain(`${name}: 2 blocked, in force`);
    expect(all).toContain(`ada@lab.test on ${name}: stays blocked (Her laptop was stolen.)`);
  }
  expect((await ask(code, first.address, session.ada[code])).status).toBe(403);
  expect((await run("status")).all).toContain("other people are blocked");
  expect((await block()).exitCode).toBe(0);
  expect((await run("status")).exitCode).toBe(0);
  expect((await unblock()).exitCode).toBe(0);
  expect((await ask(code, first.address, session.ada[code])).status).toBe(200);
  expect((await run("unblock", "eve@elsewhere.test")).exitCode).toBe(0);
});

test("while a host does not answer, the others block them, and it is named until it has caught up", async () => {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(second.address, "192.0.2.99"));
  const { exitCode, all } = await block();
  expect(exitCode).toBe(1);
  expect(all).toMatch(new RegExp(`${second.name}: could not be reached: .*192\\.0\\.2\\.99`));
  expect(all).toContain(`NOT in force everywhere: see ${second.name}.`);
  expect((await ask(code, first.address, session.ada[code])).status).toBe(403);

  await writeFile(file, (await readFile(file, "utf8")).replace("192.0.2.99", second.address));
  const status = await run("status");
  expect(status.exitCode).toBe(1);
  expect(status.all).toMatch(new RegExp(`${second.name} .*blocked\\.conf differs`));
  expect((await ask(code, second.address, session.ada[code])).status).toBe(200);
  expect((await block()).exitCode).toBe(0);
  expect((await ask(code, second.address, session.ada[code])).status).toBe(403);
  expect((await run("status")).exitCode).toBe(0);
  expect((await unblock()).exitCode).toBe(0);
});

test("whoever Entra disables is out once the job has run, and, enabled again, only when they are unblocked", async () => {
  const job = (...more: string[]) => run("block-disabled", "--state", join(folder, "people.json"), ...more);
  const adas = () => Promise.all(hosts.map(({ address }) => ask(code, address, session.ada[code])));
  const statuses = async () => (await adas()).map(({ status }) => status);
  try {
    await entra.setPermissions(["User.Read.All"]);
    expect(await job("--baseline")).toMatchObject({ exitCode: 0 });
    await entra.setEnabled("ada", false);
    // Her session lives until it is renewed.
    expect(await statuses()).toEqual([200, 200]);
    const { exitCode, all } = await job();
    expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
    expect(await statuses()).toEqual([403, 403]);
    expect((await ask(code, first.address, session.bob[code])).status).toBe(200);
    expect((await run("status")).exitCode).toBe(0);

    await entra.setEnabled("ada", true);
    expect((await job()).all).toContain("npm run unblock -- --stack local ada@lab.test");
    expect(await statuses()).toEqual([403, 403]);
    expect((await unblock()).exitCode).toBe(0);
    expect(await statuses()).toEqual([200, 200]);
  } finally {
    await entra.reset();
  }
});
