/**
 * What hosts' logs say, asked over SSH by `npm run who` and `npm run history`. `npm run bench:who` measures how long
 * that takes.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { History } from "../../infra/history.ts";
import type { Who } from "../../infra/who.ts";
import { openBrowser } from "../lab/browser.ts";
import { request } from "../lab/http.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";
import { cookieHeader, openAs } from "./people.ts";

const code = "https://code.lab.test";
const [first = { name: "", address: "" }, second = { name: "", address: "" }] = lab.hosts;
const log = "/var/log/nginx/code.lab.test.log";

let browser: Browser;
const cookie = { ada: "", bob: "" };

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
  for (const name of ["ada", "bob"] as const)
    cookie[name] = await cookieHeader((await openAs(browser, people[name], `${code}/`)).context(), code);
});
afterAll(() => close(browser));

async function run(command: string, ...more: string[]) {
  const args = [
    "--stack",
    "local",
    "--folder",
    join(lab.state, "stack"),
    "--identity",
    lab.adminKey,
    ...more,
  ];
  const file = join(import.meta.dirname, "../../infra/commands/main.js");
  const { exitCode, stdout, all } = await execa(process.execPath, [file, command, ...args], {
    reject: false,
    all: true,
  });
  return { exitCode, stdout, all };
}

async function who(since: string, ...more: string[]): Promise<Who & { readonly version: number }> {
  const { exitCode, stdout, all } = await run("who", "--json", "--since", since, ...more);
  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  return JSON.parse(stdout) as Who & { readonly version: number };
}

/** A time from which on nothing has happened yet, as hosts write it: in whole seconds. */
async function fromNow(): Promise<string> {
  await sleep(1000 - (Date.now() % 1000));
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

const ask = (name: "ada" | "bob" | undefined, { address }: { readonly address: string }, path = "/") =>
  request({
    url: `${code}${path}`,
    address,
    headers: { accept: "application/json", ...(name === undefined ? {} : { cookie: cookie[name] }) },
  });

test("who was there is one row for each person and address, whichever host they were sent to", async () => {
  const since = await fromNow();
  for (const [name, host] of [
    ["ada", first],
    ["ada", second],
    ["bob", first],
  ] as const)
    expect((await ask(name, host)).status).toBe(200);
  for (const host of [first, second]) expect((await ask(undefined, host)).status).toBe(401);

  const { version, uses, unnamed, gaps } = await who(since, "--site", "code");
  const row = (user: string, hosts: readonly string[], requests: number) =>
    expect.objectContaining({
      user,
      site: "code",
      hosts,
      requests,
      refused: 0,
      refusedByBackend: 0,
    }) as object;
  expect({ version, gaps }).toEqual({ version: 1, gaps: [] });
  expect(uses).toHaveLength(2);
  expect(uses).toContainEqual(row("ada@lab.test", [first.name, second.name], 2));
  expect(uses).toContainEqual(row("bob@lab.test", [first.name], 1));
  for (const use of uses) {
    expect(use.client).toMatch(/^[\d.]+$/);
    expect(use.last >= since).toBe(true);
  }
  expect(unnamed).toEqual([
    { site: "code", domain: "code.lab.test", requests: 2, refused: 2, refusedByBackend: 0 },
  ]);
  const { all } = await run("who", "--since", since);
  expect(all).toMatch(/^bob@lab\.test +code +[\d.]+ +\S+Z +\S+Z +1 +0 +0$/m);
  expect(all).toContain("code: 2 requests without a name, 2 of them refused");
});

test("rotated logs are read where the time reaches them; nothing is left behind", async () => {
  const since = await fromNow();
  await ask("ada", first);
  await shellOn(
    first.name,
    `rm -f ${log}.*; cp -p ${log} ${log}.1; mv ${log} ${log}.2; nginx -s reopen; sleep 1; gzip ${log}.2; rm ${log}.1`,
  );
  await ask("ada", first);
  await shellOn(first.name, "touch /run/before-who");
  const { uses } = await who(since, "--site", "code");
  expect(uses).toMatchObject([{ user: "ada@lab.test", hosts: [first.name], requests: 2 }]);
  const changed =
    "find /etc /usr /tmp /var/tmp /var/lib/protected-sites /var/log/nginx -newer /run/before-who";
  expect(await shellOn(first.name, changed)).toBe("");
});

test("a host that cannot be asked is named, and the others are reported", async () => {
  await shellOn(second.name, "mv /usr/local/sbin/protected-sites /run/kept");
  try {
    const { exitCode, all } = await run("who", "--since", "1h");
    expect(exitCode).toBe(2);
    expect(all).toMatch(new RegExp(`^${second.name}: could not be reached: .*not found`, "m"));
    expect(all).toMatch(/^ada@lab\.test /m);
  } finally {
    await shellOn(second.name, "mv /run/kept /usr/local/sbin/protected-sites");
  }
});

test("what was done is one line on each host, in the order of time, with who and why; also what failed", async () => {
  const folder = join(lab.state, "history");
  await mkdir(folder, { recursive: true });
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), join(folder, "Pulumi.local.yaml"));
  const change = (command: string, user: string, ...more: string[]) =>
    run(command, user, "--folder", folder, ...more);
  const since = await fromNow();
  try {
    expect(await change("block", "bob@lab.test", "--why", "Left last week.")).toMatchObject({
      exitCode: 0,
    });
    expect((await ask("bob", first)).status).toBe(403);
    await shellOn(first.name, "echo 'no_such_directive on;' > /etc/nginx/conf.d/broken.conf");
    expect((await change("block", "mallory@lab.test", "--why", "Left.")).exitCode).toBe(1);
  } finally {
    await shellOn(first.name, "rm -f /etc/nginx/conf.d/broken.conf");
    for (const user of ["mallory", "bob"])
      expect((await change("unblock", `${user}@lab.test`)).exitCode).toBe(0);
  }
  expect((await who(since, "--site", "code")).uses).toMatchObject([
    { user: "bob@lab.test", requests: 1, refused: 1, refusedByBackend: 0 },
  ]);
  const current = "/etc/protected-sites/sites/code.lab.test/current";
  const elsewhere = "s#-> /etc/nginx/.*#-> /etc/motd#";
  await shellOn(second.name, `! sed '${elsewhere}' ${current}/bundle | protected-sites push 2>/dev/null`);
  await shellOn(second.name, `protected-sites push < ${current}/bundle`);

  const { stdout } = await run("history", "--json", "--since", since);
  const { version, entries, gaps } = JSON.parse(stdout) as History & { readonly version: number };
  expect({ version, gaps }).toEqual({ version: 1, gaps: [] });
  expect(entries.map(({ when }) => when)).toEqual(entries.map(({ when }) => when).sort());
  const mallory = { user: "mallory@lab.test", why: "Left." };
  const bob = { user: "bob@lab.test", why: "Left last week." };
  const of = (host: string) => entries.filter((it) => it.host === host);
  expect(of(first.name)).toMatchObject([
    { action: "block", ...bob, ok: true, who: expect.stringContaining("@") as string, stack: "local" },
    { action: "block", ...mallory, ok: false },
    { action: "unblock", ...bob, ok: true },
  ]);
  expect(of(second.name)).toMatchObject([
    { action: "block", ...bob, ok: true },
    { action: "block", ...mallory, ok: true },
    { action: "unblock", ...mallory, ok: true },
    { action: "unblock", ...bob, ok: true },
    { action: "push", site: "code.lab.test", ok: false, step: "places" },
    { action: "push", site: "code.lab.test", ok: true },
  ]);
  const { all } = await run("history", "--since", since, "--site", "wiki");
  expect(all).toMatch(/^\S+Z +\S+ +block +mallory@lab\.test +\S.* +FAILED +Left\. .*no_such_directive/m);
  expect(all).not.toContain("push");
});
