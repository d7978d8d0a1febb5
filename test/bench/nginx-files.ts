/**
 * `npm run bench:nginx [-- --beside FOLDER]`: what reading the files of many sites costs Nginx: the check (`nginx -t`), a
 * reload, and memory. With FOLDER, another checkout of this repository with its packages, each in turn. Needs root and no
 * lab; one to three minutes.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { execa } from "execa";

import type { NginxRoot, startNginxIn } from "../access/nginx.ts";
import type { nginxSite } from "../../components/render/nginx/site.ts";
import type { siteFrom } from "../../components/site/site.ts";

/** What one checkout makes. */
interface Build {
  readonly nginxSite: typeof nginxSite;
  readonly siteFrom: typeof siteFrom;
  readonly nginxRoot: (sites: ReadonlyMap<string, string>) => Promise<NginxRoot>;
  readonly startNginxIn: typeof startNginxIn;
}

/** CPU in milliseconds, memory in megabytes; the least of several tries. */
interface Cost {
  readonly check: number;
  readonly reload: number;
  readonly memory: number;
}

const sizes = [1, 10, 100, 300];
const tries = 5;

async function buildIn(checkout: string): Promise<Build> {
  const modules = ["components/render/nginx/site.ts", "components/site/site.ts", "test/access/nginx.ts"];
  const loaded = await Promise.all(
    modules.map((it) => import(pathToFileURL(join(checkout, it)).href) as Promise<object>),
  );
  return Object.assign({}, ...loaded) as Build;
}

function sitesOf({ siteFrom, nginxSite }: Build, count: number): Map<string, string> {
  const sites = Array.from({ length: count }, (_, index) =>
    siteFrom(`site-${index}`, {
      domain: `site-${index}.example.com`,
      port: 4180 + 2 * index,
      upstream: `http://127.0.0.1:${9000 + index}`,
      emailDomains: ["example.com"],
      certificates: "/data/certs/judge",
    }),
  );
  return new Map(sites.map((it) => [it.domain, nginxSite(it)]));
}

async function costOf(build: Build, count: number): Promise<Cost> {
  const { root, close } = await build.nginxRoot(sitesOf(build, count));
  try {
    const checks: number[] = [];
    for (let index = 0; index < tries; index += 1) checks.push(await checkCost(root));
    const { nginx, stop } = await build.startNginxIn(root);
    // `chroot` becomes Nginx's main process.
    const main = nginx.pid ?? 0;
    // Not before all workers are there.
    await sleep(500);
    const memory = await memoryOf(main);
    const reloads: number[] = [];
    for (let index = 0; index < tries; index += 1) reloads.push(await reloadCost(main));
    await stop();
    return { check: Math.min(...checks), reload: Math.min(...reloads), memory };
  } finally {
    await close();
  }
}

async function checkCost(root: string): Promise<number> {
  const { stderr } = await execa("bash", [
    "-c",
    `TIMEFORMAT='%U %S'; time chroot "$0" nginx -t -q 2>/dev/null`,
    root,
  ]);
  const [user = 0, system = 0] = stderr.trim().split(" ").map(Number);
  return 1000 * (user + system);
}

/** What the main process needs for it, which reads the files. */
async function reloadCost(main: number): Promise<number> {
  const [before, workers] = [await cpuOf(main), await childrenOf(main)];
  process.kill(main, "SIGHUP");
  while ((await childrenOf(main)).some((it) => workers.includes(it))) await sleep(50);
  return (await cpuOf(main)) - before;
}

async function childrenOf(main: number): Promise<string[]> {
  return (await readFile(`/proc/${main}/task/${main}/children`, "utf8")).split(" ").filter((it) => it !== "");
}

async function cpuOf(main: number): Promise<number> {
  const after = (await readFile(`/proc/${main}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return (Number(after[11]) + Number(after[12])) * 10;
}

/** Of all processes, what they share counted once. */
async function memoryOf(main: number): Promise<number> {
  const all = [String(main), ...(await childrenOf(main))];
  const kilobytes = await Promise.all(
    all.map(async (it) =>
      Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${it}/smaps_rollup`, "utf8"))?.[1]),
    ),
  );
  return kilobytes.reduce((sum, it) => sum + it, 0) / 1024;
}

const { values } = parseArgs({ options: { beside: { type: "string" } } });
const builds = await Promise.all(
  [values.beside, join(import.meta.dirname, "../..")].filter((it) => it !== undefined).map(buildIn),
);
const ratio = (costs: readonly Cost[], of: keyof Cost) => {
  const figures = costs.map((it) => it[of].toFixed(0).padStart(6));
  const [before, now] = costs.map((it) => it[of]);
  return before === undefined || now === undefined ? figures : [...figures, ` ×${(now / before).toFixed(2)}`];
};
console.log("sites   nginx -t (ms of CPU)   reload (ms of CPU)   memory (MB)");
for (const count of sizes) {
  const costs: Cost[] = [];
  for (const build of builds) costs.push(await costOf(build, count));
  const columns = (["check", "reload", "memory"] as const).map((it) => ratio(costs, it).join(""));
  console.log([String(count).padStart(5), ...columns].join("   "));
}
