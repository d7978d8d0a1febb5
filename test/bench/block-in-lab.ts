/** What block.ts runs inside the lab: measures, and prints a table for docs/operations.md. */
import { once } from "node:events";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { execa } from "execa";

import { lab, people } from "../e2e/instance.ts";
import { certify } from "../e2e/on-hosts.ts";
import { keepAsking, openSocket } from "../e2e/people-at-work.ts";
import { Visitor } from "../lab/entra/visitor.ts";
import type { Person } from "../lab/browser.ts";
import { startRedis } from "../lab/redis.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { configure, domainOf } from "./environment.ts";

const { values } = parseArgs({
  options: { sites: { type: "string", default: "" }, tries: { type: "string", default: "" } },
});
const [sites, tries] = [Number(values.sites), Number(values.tries)];

/** The sites that people use, of all that the hosts serve. */
const used = ["cookie", "cookie, authCache", "minimal", "redis"].map((store, index) => ({
  store,
  name: `site-${index}`,
  url: `https://${domainOf(index)}`,
}));
/** Milliseconds between two requests of somebody at a site on a host. */
const pause = 100;
/** How long after the command they are still asked. */
const after = 2500;

/** Somebody's sessions on one host. */
interface Sessions {
  readonly address: string;
  readonly visitor: Visitor;
}

async function signedIn(person: Person): Promise<Sessions[]> {
  return Promise.all(
    lab.hosts.map(async ({ address }) => {
      const resolve = (host: string) => (host.startsWith("site-") ? { address } : undefined);
      const visitor = new Visitor({ resolve });
      for (const { url } of used) {
        const headers = { accept: "text/html", "sec-fetch-mode": "navigate" };
        const page = await visitor.open(`${url}/`, { headers });
        // Entra asks once; then it knows them.
        const { status } = page.body.includes("loginfmt") ? await visitor.signIn(page, person) : page;
        if (status !== 200) throw new Error(`${url}: the sign-in ended with ${status}`);
      }
      return { address, visitor };
    }),
  );
}

/** Asks for every used site on every host. */
function keepAskingWith(all: readonly Sessions[]) {
  const asked = all.flatMap(({ visitor }) => used.map((site) => ({ ...site, visitor })));
  const ask = ({ url, visitor }: (typeof asked)[number]) =>
    visitor.fetch(`${url}/`, { headers: { accept: "application/json" } });
  return keepAsking(asked, ask, pause);
}

/** A WebSocket on each host. @returns when each has ended */
async function sockets(all: readonly Sessions[]): Promise<Promise<number>[]> {
  const [{ url } = { url: "" }] = used;
  const opened = await Promise.all(
    all.map(({ address, visitor }) => openSocket(address, new URL(url).host, visitor.cookieHeader(url))),
  );
  return opened.map((socket) => {
    socket.on("error", () => undefined); // "close" follows
    return once(socket, "close").then(() => Date.now());
  });
}

const redis = await startRedis(lab);
const stack = await openStack(lab.name);
const settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
const folder = join(lab.state, "blocked");

async function command(name: "block" | "unblock", ...more: string[]) {
  const main = join(import.meta.dirname, "../../infra/commands/main.js");
  const args = [people.ada.userPrincipalName, ...more, "--stack", "local", "--folder", folder];
  const { exitCode, all } = await execa(process.execPath, [main, name, ...args, "--identity", lab.adminKey], {
    reject: false,
    all: true,
  });
  if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}: ${all}`);
}

async function deploy(): Promise<void> {
  await redis.ask("ACL", "SETUSER", "sites", "reset", "on", `>${redis.password}`, "~*", "+@all");
  for (let index = 0; index < sites; index++) await certify(domainOf(index));
  const usual = await readFile(settings, "utf8");
  await configure({ settings, usual, hosts: lab.hosts.length, sites, changed: false });
  await stack.setConfig("protected-sites:redisPassword", { value: redis.password, secret: true });
  const stores = {
    "site-1.authCache": "60s",
    "site-2.sessionStore": "minimal",
    "site-3.sessionStore": "redis",
    "site-3.redis.host": redis.host,
    "site-3.redis.port": String(redis.port),
    "site-3.redis.username": "sites",
  };
  await setAll(stack, stores, "sites.");
  await stack.up({ color: "never" });
  await mkdir(folder, { recursive: true });
  await copyFile(settings, join(folder, "Pulumi.local.yaml"));
}

try {
  await deploy();
  const ada = await signedIn(people.ada);
  const bob = await signedIn(people.bob);
  const lastPassed = new Map(used.map(({ store }) => [store, [] as number[]]));
  const ended: number[] = [];
  const others: number[] = [];
  for (let count = 0; count < tries; count++) {
    const open = await sockets(ada);
    const [adas, bobs] = [keepAskingWith(ada), keepAskingWith(bob)];
    await sleep(1000);
    const enter = Date.now();
    await command("block", "--why", "A laptop was stolen.");
    const done = Date.now();
    await sleep(after);
    const all = await adas();
    others.push(...(await bobs()).map(({ status }) => status));
    for (const [store, times] of lastPassed) {
      const own = all.filter(({ of }) => of.store === store);
      times.push(Math.max(...own.filter(({ status }) => status === 200).map(({ when }) => when)) - enter);
      const late = own.find(({ status, when }) => when > done && status !== 403 && status !== 200);
      if (late !== undefined) throw new Error(`${store}: expected 403, got ${late.status}`);
    }
    const livedOn = sleep(30_000, Infinity, { ref: false });
    for (const end of open) ended.push((await Promise.race([end, livedOn])) - enter);
    console.error(`${count + 1} of ${tries}: ${done - enter} ms (load ${(loadavg()[0] ?? 0).toFixed(1)})`);
    await command("unblock");
  }
  const at = (times: readonly number[], share: number) =>
    ([...times].sort((one, other) => one - other)[Math.ceil(share * times.length) - 1] ?? NaN) / 1000;
  const row = (what: string, times: readonly number[]) =>
    `| ${what} | ${[at(times, 0.5), at(times, 0.99)].map((it) => it.toFixed(1)).join(" | ")} |`;
  console.log("| From Enter to | p50, s | p99, s |\n| --- | --- | --- |");
  for (const [store, times] of lastPassed) console.log(row(`the last request that passed: ${store}`, times));
  console.log(row("the end of a WebSocket", ended));
  const failed = others.filter((it) => it !== 200).length;
  console.log(
    `\n${tries} tries, ${sites} sites, ${lab.hosts.length} hosts; ${others.length} requests of somebody else, ${failed} failed. ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "processor"}.`,
  );
} finally {
  await redis.close();
}
