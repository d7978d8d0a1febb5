/** What push.ts runs inside the lab: measures, and prints a table for docs/benchmarks.md. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import pMap from "p-map";

import { program } from "../../components/host/program.ts";
import { runOnHost } from "../../infra/ssh.ts";
import { certify, everywhere, shellOn } from "../e2e/on-hosts.ts";
import { type LabHost, thisLab } from "../lab/lab.ts";
import { openStack } from "../lab/stack.ts";
import { configure, domainOf } from "./environment.ts";
import { type Bundles, Playbook, root, type Way } from "./ansible.ts";
import { median } from "./table.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "1" } } });
const rounds = Number(values.rounds);
const sizes = [
  { sites: 1, hosts: 1 },
  { sites: 10, hosts: 3 },
] as const;
const phases = ["first", "one site changed", "nothing changed"] as const;
/** At most so many pushes at once: what the engine does at once by default. */
const parallel = 4 * cpus().length;

const lab = await thisLab();
const stack = await openStack(lab.name);
const settings = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
const usual = await readFile(settings, "utf8");
const playbook = await Playbook.open(join(lab.state, "ansible"), lab);

/** Seconds, by size, way and phase; one figure a round. */
const measured = new Map<string, number[]>();

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1000;
  measured.set(what, [...(measured.get(what) ?? []), seconds]);
  console.error(`${what}: ${seconds.toFixed(2)} s (load ${(loadavg()[0] ?? 0).toFixed(1)})`);
}

const up = (of: Stack) => of.up({ color: "never" });

/** What a host has of the sites, as a push brought it. */
async function bundlesOn(host: LabHost, sites: number): Promise<Bundles> {
  const all = Array.from({ length: sites }, async (_, index) => {
    const text = await shellOn(host.name, `cat /etc/protected-sites/sites/${domainOf(index)}/current/bundle`);
    return [domainOf(index), `${text}\n`] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

/** Pushes as `pulumi up` does: each site to the first host, then to the others; one SSH connection to each host. */
async function push(bundles: Bundles, hosts: readonly LabHost[]): Promise<void> {
  const [first, ...others] = hosts;
  const one = async (bundle: string) => {
    if (first !== undefined) await pushTo(first, bundle);
    await Promise.all(others.map((host) => pushTo(host, bundle)));
  };
  await pMap(Object.values(bundles), one, { concurrency: Math.max(1, Math.floor(parallel / hosts.length)) });
}

async function pushTo(host: LabHost, bundle: string): Promise<void> {
  const asker = { user: lab.adminUser, identity: lab.adminKey };
  const ended = await runOnHost({ ...host, port: 22 }, asker, `sudo -n ${program} push`, bundle);
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
}

/** Commands for each site on every host of a round. */
async function forSites(hosts: readonly LabHost[], sites: number, script: (domain: string) => string) {
  const all = Array.from({ length: sites }, (_, index) => script(domainOf(index)));
  await Promise.all(hosts.map(({ name }) => shellOn(name, all.join("\n"))));
}

const aside = "/root/credentials";
const putAside = (domain: string) =>
  `mkdir -p ${aside}; cp -a /etc/protected-sites/credentials/${domain} ${aside}`;
const takeBack = (to: string) => (domain: string) => `mkdir -p ${to}; cp -a ${aside}/${domain} ${to}`;

async function measure(count: number, sites: number): Promise<void> {
  const hosts = lab.hosts.slice(0, count);
  const size = `${sites} to ${count}`;
  const environment = { settings, usual, hosts: count, sites };
  await configure({ ...environment, sites: 0, changed: false });
  await up(stack);

  await configure({ ...environment, changed: false });
  await timed(`${size}, pulumi up, first`, () => up(stack));
  const before = await bundlesOn(hosts[0] as LabHost, sites);
  await forSites(hosts, sites, putAside);
  await configure({ ...environment, changed: true });
  await timed(`${size}, pulumi up, one site changed`, () => up(stack));
  const after = await bundlesOn(hosts[0] as LabHost, sites);
  await timed(`${size}, pulumi up, nothing changed`, () => up(stack));
  await configure({ ...environment, sites: 0, changed: false });
  await up(stack);

  await forSites(hosts, sites, takeBack("/etc/protected-sites/credentials"));
  await timed(`${size}, push, first`, () => push(before, hosts));
  const changed = { [domainOf(0)]: after[domainOf(0)] ?? "" };
  await timed(`${size}, push, one site changed`, () => push(changed, hosts));
  await timed(`${size}, push, nothing changed`, () => push(after, hosts));
  await forSites(
    hosts,
    sites,
    (domain) => `${program} remove ${domain}; ${program} remove-credentials ${domain}`,
  );

  for (const way of ["one archive", "file by file"] as const satisfies Way[]) {
    await forSites(hosts, sites, takeBack(`${root}/credentials`));
    await playbook.write(before, way);
    await timed(`${size}, Ansible ${way}, first`, () => playbook.run(hosts));
    await playbook.write(after, way);
    await timed(`${size}, Ansible ${way}, one site changed`, () => playbook.run(hosts));
    await timed(`${size}, Ansible ${way}, nothing changed`, () => playbook.run(hosts));
    const answering = await shellOn(
      hosts.at(-1)?.name ?? "",
      `curl -sko /dev/null -w '%{http_code}' --resolve ${domainOf(0)}:443:127.0.0.1 https://${domainOf(0)}/`,
    );
    if (answering !== "401") throw new Error(`Ansible's site must answer with 401, got ${answering}`);
    await forSites(hosts, sites, (domain) => {
      const units = `oauth2-proxy_${domain}.socket oauth2-proxy_${domain}.service`;
      return `systemctl -q disable ${units} || true; systemctl stop ${units}; cd /etc
        rm -f nginx/sites-enabled/${domain}.conf oauth2-proxy/oauth2-proxy_${domain}.cfg systemd/system/oauth2-proxy_${domain}.*`;
    });
    await Promise.all(
      hosts.map(({ name }) =>
        shellOn(name, `rm -rf ${root}; systemctl daemon-reload; systemctl reload nginx`),
      ),
    );
  }
}

/** A table of Markdown; each cell the median, and what it is to the push alone in the same round. */
function table(): string {
  const ways = ["push", "pulumi up", "Ansible file by file", "Ansible one archive"];
  const rows = sizes.flatMap(({ sites, hosts }) =>
    phases.map((phase) => {
      const of = (way: string) => measured.get(`${sites} to ${hosts}, ${way}, ${phase}`) ?? [];
      const cells = ways.map((way) => {
        const ratio = median(of(way).map((seconds, round) => seconds / (of("push")[round] ?? seconds)));
        const times = rounds === 1 ? of(way) : [Math.min(...of(way)), median(of(way)), Math.max(...of(way))];
        return `${times.map((time) => time.toFixed(1)).join(" / ")} (${ratio.toFixed(1)})`;
      });
      return [`${sites} to ${hosts}`, phase, ...cells];
    }),
  );
  const head = ["Sites to hosts", "", "the push alone", ...ways.slice(1)];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
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
  await everywhere(`rm -rf ${aside}`);
}
const { stdout: version } = await execa("ansible-playbook", ["--version"]);
console.log(table());
console.log(
  `\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "processor"}, rounds: ${rounds}, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" / ")} at the end; ${version.split("\n")[0] ?? ""}.`,
);
