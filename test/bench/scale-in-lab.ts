/** What scale.ts runs inside the lab: measures each checkout in turn, and prints tables for docs/benchmarks.md. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";

import { certify } from "../e2e/on-hosts.ts";
import { thisLab } from "../lab/lab.ts";
import { clients } from "../lab/namespaces.ts";
import { cgroupOf, processesIn, usageOf } from "../lab/processes.ts";
import { Playbook } from "./ansible.ts";
import { configure, domainOf } from "./environment.ts";
import { type Cost, type Figure, type Figures, scaleTables, type Stock, type Way } from "./scale-figures.ts";
import {
  type Brought,
  bundlesOn,
  byAnsible,
  forgetCredentials,
  pushAlone,
  putCredentialsAside,
} from "./without-engine.ts";

const { values } = parseArgs({
  options: {
    sites: { type: "string", default: "" },
    hosts: { type: "string", default: "" },
    checkout: { type: "string", default: "" },
    beside: { type: "string" },
    ansible: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
/** File by file, Ansible takes ten seconds for each site. */
const mostFileByFile = 10;

const numbers = (list: string) => list.split(",").map(Number);
const sizes = numbers(values.hosts).flatMap((hosts) =>
  numbers(values.sites).map((sites) => ({ sites, hosts })),
);
type Size = (typeof sizes)[number];
const lab = await thisLab();
const most = Math.max(...numbers(values.hosts));
if (most > lab.hosts.length)
  throw new Error(`--hosts must be at most ${lab.hosts.length}, as many as the lab has, got ${most}`);
const playbook = values.ansible ? await Playbook.open(join(lab.state, "ansible"), lab) : undefined;
const figures: Figure[] = [];
const stocks: Stock[] = [];

const versions: Figures["versions"] = {
  pulumi: await versionOf(values.checkout),
  ...(values.beside === undefined ? {} : { "pulumi beside": await versionOf(values.beside) }),
};

const rounded = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toFixed(3)) : value);

/** What was found so far. */
function found(): Figures {
  return {
    date: new Date().toISOString().slice(0, 10),
    processors: `${cpus().length} × ${cpus()[0]?.model ?? "processor"}`,
    load: loadavg()[2] ?? 0,
    versions,
    figures,
    stocks,
  };
}

async function versionOf(checkout: string): Promise<string> {
  const described = await execa("git", ["describe", "--always", "--dirty"], { cwd: checkout, reject: false });
  return described.failed ? "without Git" : described.stdout;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const group = cgroupOf(lab.name, clients);
  const ofHosts = async () => {
    const all = await Promise.all(lab.hosts.map(({ name }) => usageOf(cgroupOf(lab.name, name))));
    return all.reduce((sum, it) => sum + it, 0);
  };
  const own = () => process.cpuUsage().user + process.cpuUsage().system;
  const [before, begin] = [[own(), await usageOf(group), await ofHosts()] as const, performance.now()];
  // Has the kernel forget this process's largest memory of earlier steps.
  await writeFile("/proc/self/clear_refs", "5");
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

/** Megabytes of a host's processes; what several share is counted once. */
async function memoryOf(host: string): Promise<number> {
  const all = (await processesIn(cgroupOf(lab.name, host))).map(async (id) => {
    const maps = await readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "");
    return Number(/^Pss:\s+(\d+)/m.exec(maps)?.[1] ?? 0);
  });
  return (await Promise.all(all)).reduce((sum, it) => sum + it, 0) / 1024;
}

async function stateOf(stack: Stack): Promise<number> {
  return JSON.stringify((await stack.exportStack()).deployment).length / 1e6;
}

/** Runs the steps of one way, and keeps what they took. */
function timed(size: Size, way: Way) {
  return async (step: Figure["step"], work: () => Promise<unknown>): Promise<void> => {
    const cost = await costOf(work);
    figures.push({ ...size, way, step, cost });
    const { seconds, program, engine, hosts, memory } = cost;
    const cpu = [program, engine, hosts].map((it) => it.toFixed(1)).join(" / ");
    console.error(
      `${size.sites} to ${size.hosts}, ${way}, ${step}: ${seconds.toFixed(1)} s, CPU s ${cpu}, ${memory.toFixed(0)} MB`,
    );
  };
}

/** @param isOurs whether what `pulumi` has brought is brought again without it */
async function measure(checkout: string, way: Way, isOurs: boolean): Promise<void> {
  const { openStack } = (await import(pathToFileURL(join(checkout, "test/lab/stack.ts")).href)) as {
    openStack: (name: string) => Promise<Stack>;
  };
  const stack = await openStack(lab.name);
  const settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  const usual = await readFile(settings, "utf8");
  const up = () => stack.up({ color: "never" });
  try {
    for (const size of sizes) {
      const hosts = lab.hosts.slice(0, size.hosts);
      const environment = { settings, usual, ...size };
      await configure({ ...environment, sites: 0, changed: false });
      await up();
      const step = timed(size, way);
      await configure({ ...environment, changed: false });
      await step("first", up);
      await step("nothing changed", () => stack.preview({ color: "never" }));
      const before = isOurs ? await bundlesOn(hosts, size.sites) : {};
      if (isOurs) await putCredentialsAside(hosts, size.sites);
      await configure({ ...environment, changed: true });
      await step("one site changed", up);
      stocks.push({
        ...size,
        way,
        state: await stateOf(stack),
        host: await memoryOf(hosts[0]?.name ?? ""),
      });
      if (isOurs) {
        const after = await bundlesOn(hosts, size.sites);
        await configure({ ...environment, sites: 0, changed: false });
        await up();
        await withoutEngine(size, { lab, hosts, before, after });
      }
      if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(found(), rounded, 2)}\n`);
    }
  } finally {
    // The other checkout may know neither this one's resources nor the files that they have on hosts.
    await stack.destroy({ color: "never" });
    await writeFile(settings, usual);
  }
}

async function withoutEngine(size: Size, brought: Brought): Promise<void> {
  await pushAlone(brought, timed(size, "push alone"));
  if (playbook !== undefined) {
    await byAnsible(brought, playbook, "one archive", timed(size, "Ansible one archive"));
    if (size.sites <= mostFileByFile)
      await byAnsible(brought, playbook, "file by file", timed(size, "Ansible file by file"));
  }
  await forgetCredentials();
}

for (let index = 0; index < Math.max(...numbers(values.sites)); index++) await certify(domainOf(index));
await measure(values.checkout, "pulumi", true);
if (values.beside !== undefined) await measure(values.beside, "pulumi beside", false);
console.log(scaleTables(found()));
