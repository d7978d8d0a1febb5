/** What scale.ts runs inside the lab: measures each checkout in turn, and prints a table for docs/benchmarks.md. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import type { Stack } from "@pulumi/pulumi/automation/index.js";

import { certify } from "../e2e/on-hosts.ts";
import { thisLab } from "../lab/lab.ts";
import { clients } from "../lab/namespaces.ts";
import { cgroupOf, processesIn, usageOf } from "../lab/processes.ts";
import { configure, domainOf } from "./environment.ts";

const { values, positionals: checkouts } = parseArgs({
  options: { sites: { type: "string", default: "" }, hosts: { type: "string", default: "" } },
  allowPositionals: true,
});
const numbers = (list: string) => list.split(",").map(Number);
const lab = await thisLab();

/** What one step took. */
interface Cost {
  readonly seconds: number;
  /** Seconds of processor: of the program, of the engine with its plug-ins, and of all hosts together. */
  readonly program: number;
  readonly engine: number;
  readonly hosts: number;
  /** Megabytes of the largest process, the program's own included. */
  readonly memory: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const group = cgroupOf(lab.name, clients);
  const ofHosts = async () => {
    const all = await Promise.all(lab.hosts.map(({ name }) => usageOf(cgroupOf(lab.name, name))));
    return all.reduce((sum, it) => sum + it, 0);
  };
  const own = () => process.cpuUsage().user + process.cpuUsage().system;
  const [before, begin] = [[own(), await usageOf(group), await ofHosts()] as const, performance.now()];
  let memory = 0;
  let over = false;
  const watch = async () => {
    while (!over) {
      for (const id of await processesIn(group)) memory = Math.max(memory, await largestOf(id));
      await sleep(500);
    }
  };
  const watching = watch();
  await work();
  const seconds = (performance.now() - begin) / 1000;
  over = true;
  await watching;
  const program = own() - before[0];
  const engine = (await usageOf(group)) - before[1] - program;
  const hosts = (await ofHosts()) - before[2];
  return { seconds, program: program / 1e6, engine: engine / 1e6, hosts: hosts / 1e6, memory };
}

async function largestOf(id: number): Promise<number> {
  const status = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
}

async function stateOf(stack: Stack): Promise<number> {
  return JSON.stringify((await stack.exportStack()).deployment).length / 1e6;
}

async function measure(checkout: string): Promise<void> {
  const { openStack } = (await import(pathToFileURL(join(checkout, "test/lab/stack.ts")).href)) as {
    openStack: (name: string) => Promise<Stack>;
  };
  const stack = await openStack(lab.name);
  const settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  const usual = await readFile(settings, "utf8");
  const silent = { color: "never" } as const;
  console.log(`\n${checkout}\n${head}`);
  try {
    for (const hosts of numbers(values.hosts))
      for (const sites of numbers(values.sites)) {
        const environment = { settings, usual, hosts, sites };
        await configure({ ...environment, sites: 0, changed: false });
        await stack.up(silent);
        await configure({ ...environment, changed: false });
        const told = (what: string, { seconds, program, engine, hosts: onHosts, memory }: Cost) => {
          const figures = [seconds, program, engine, onHosts].map((it) => it.toFixed(1)).join(" | ");
          console.log(`| ${sites} to ${hosts} | ${what} | ${figures} | ${memory.toFixed(0)} |`);
        };
        told("first `up`", await costOf(() => stack.up(silent)));
        told("preview without a change", await costOf(() => stack.preview(silent)));
        await configure({ ...environment, changed: true });
        told("`up`, one site changed", await costOf(() => stack.up(silent)));
        console.log(`| ${sites} to ${hosts} | state, MB: ${(await stateOf(stack)).toFixed(2)} |`);
      }
  } finally {
    await stack.destroy(silent);
    await writeFile(settings, usual);
  }
}

const head = `| Sites to hosts |  | seconds | program, CPU s | engine, CPU s | hosts, CPU s | largest process, MB |
| --- | --- | --- | --- | --- | --- | --- |`;
for (let index = 0; index < Math.max(...numbers(values.sites)); index++) await certify(domainOf(index));
for (const checkout of checkouts) await measure(checkout);
console.log(
  `\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "processor"}, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" / ")} at the end.`,
);
