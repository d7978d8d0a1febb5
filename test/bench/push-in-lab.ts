/** What push.ts runs inside the lab: measures, and prints a table for docs/benchmarks.md. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";

import { certify } from "../e2e/on-hosts.ts";
import { thisLab } from "../lab/lab.ts";
import { openStack } from "../lab/stack.ts";
import { Playbook, type Way } from "./ansible.ts";
import { configure, domainOf } from "./environment.ts";
import { steps } from "./scale-figures.ts";
import { extent, markdown, median } from "./table.ts";
import { bundlesOn, byAnsible, forgetCredentials, pushAlone, putCredentialsAside } from "./without-engine.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "1" } } });
const rounds = Number(values.rounds);
const sizes = [
  { sites: 1, hosts: 1 },
  { sites: 10, hosts: 3 },
] as const;

const lab = await thisLab();
const stack = await openStack(lab.name);
const settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
const usual = await readFile(settings, "utf8");
const playbook = await Playbook.open(join(lab.state, "ansible"), lab);

/** Seconds, by size, way and step; one figure a round. */
const measured = new Map<string, number[]>();

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1000;
  measured.set(what, [...(measured.get(what) ?? []), seconds]);
  console.error(`${what}: ${seconds.toFixed(2)} s (load ${(loadavg()[0] ?? 0).toFixed(1)})`);
}

const up = (of: Stack) => of.up({ color: "never" });

async function measure(count: number, sites: number): Promise<void> {
  const hosts = lab.hosts.slice(0, count);
  const of = (way: string) => (step: string, work: () => Promise<unknown>) =>
    timed(`${sites} to ${count}, ${way}, ${step}`, work);
  const environment = { settings, usual, hosts: count, sites };
  await configure({ ...environment, sites: 0, changed: false });
  await up(stack);

  await configure({ ...environment, changed: false });
  await of("pulumi up")("first", () => up(stack));
  const before = await bundlesOn(hosts, sites);
  await putCredentialsAside(hosts, sites);
  await configure({ ...environment, changed: true });
  await of("pulumi up")("one site changed", () => up(stack));
  const after = await bundlesOn(hosts, sites);
  await of("pulumi up")("nothing changed", () => up(stack));
  await configure({ ...environment, sites: 0, changed: false });
  await up(stack);

  const brought = { lab, hosts, before, after };
  await pushAlone(brought, of("push"));
  for (const way of ["one archive", "file by file"] as const satisfies Way[])
    await byAnsible(brought, playbook, way, of(`Ansible ${way}`));
}

/** A table of Markdown; each cell the median, and what it is to the push alone in the same round. */
function table(): string {
  const ways = ["push", "pulumi up", "Ansible file by file", "Ansible one archive"];
  const rows = sizes.flatMap(({ sites, hosts }) =>
    steps.map((step) => {
      const of = (way: string) => measured.get(`${sites} to ${hosts}, ${way}, ${step}`) ?? [];
      const cells = ways.map((way) => {
        const ratio = median(of(way).map((seconds, round) => seconds / (of("push")[round] ?? seconds)));
        const times = rounds === 1 ? of(way) : extent(of(way));
        return `${times.map((time) => time.toFixed(1)).join(" / ")} (${ratio.toFixed(1)})`;
      });
      return [`${sites} to ${hosts}`, step, ...cells];
    }),
  );
  const head = ["Sites to hosts", "", "the push alone", ...ways.slice(1)];
  return markdown(head, rows);
}

const all = Array.from({ length: Math.max(...sizes.map(({ sites }) => sites)) }, (_, index) =>
  domainOf(index),
);
for (const domain of all) await certify(domain);
try {
  for (let round = 1; round <= rounds; round++)
    for (const { sites, hosts } of sizes) {
      console.error(`round ${round} of ${rounds}: ${sites} to ${hosts}`);
      await measure(hosts, sites);
    }
} finally {
  await writeFile(settings, usual);
  await forgetCredentials();
}
const { stdout: version } = await execa("ansible-playbook", ["--version"]);
console.log(table());
console.log(
  `\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "processor"}, rounds: ${rounds}, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" / ")} at the end; ${version.split("\n")[0] ?? ""}.`,
);
