/** Sites as an update has brought them, brought again without the engine: by the push program alone, and by Ansible. */
import pMap from "p-map";

import { program } from "../../components/host/program.ts";
import { parallel } from "../../infra/engine-variables.ts";
import { runOnHost } from "../../infra/ssh.ts";
import { everywhere, shellOn } from "../e2e/on-hosts.ts";
import type { Lab, LabHost } from "../lab/lab.ts";
import { type Bundles, type Playbook, root, type Way } from "./ansible.ts";
import { domainOf } from "./environment.ts";
import type { Step } from "./scale-figures.ts";

/** Runs a step, and measures it. */
export type Timed = (step: Step, work: () => Promise<unknown>) => Promise<unknown>;

/** What an update has brought to hosts, kept for bringing it otherwise. */
export interface Brought {
  readonly lab: Lab;
  readonly hosts: readonly LabHost[];
  readonly before: Bundles;
  /** With another setting in the first site. */
  readonly after: Bundles;
}

/** What hosts have of the sites, as a push brought it: the same on each. */
export async function bundlesOn(hosts: readonly LabHost[], sites: number): Promise<Bundles> {
  const host = hosts[0]?.name ?? "";
  const all = Array.from({ length: sites }, (_, index) => domainOf(index));
  const read = async (domain: string) => {
    const text = await shellOn(host, `cat /etc/protected-sites/sites/${domain}/current/bundle`);
    return [domain, `${text}\n`] as const;
  };
  return Object.fromEntries(await pMap(all, read, { concurrency: parallel }));
}

const aside = "/root/credentials";

/** Keeps the sites' credentials on hosts, where removing the sites removes them. */
export async function putCredentialsAside(hosts: readonly LabHost[], sites: number): Promise<void> {
  await forSites(
    hosts,
    Array.from({ length: sites }, (_, index) => domainOf(index)),
    (domain) => `mkdir -p ${aside}; cp -a /etc/protected-sites/credentials/${domain} ${aside}`,
  );
}

export async function forgetCredentials(): Promise<void> {
  await everywhere(`rm -rf ${aside}`);
}

/** Brings the sites by the push program alone, and removes them. */
export async function pushAlone(brought: Brought, timed: Timed): Promise<void> {
  const { hosts, before, after } = brought;
  const first = domainOf(0);
  await forSites(hosts, Object.keys(before), takeBack("/etc/protected-sites/credentials"));
  await timed("first", () => push(brought, before));
  await timed("one site changed", () => push(brought, { [first]: after[first] ?? "" }));
  await timed("nothing changed", () => push(brought, after));
  await forSites(
    hosts,
    Object.keys(before),
    (domain) => `${program} remove ${domain}; ${program} remove-credentials ${domain}`,
  );
}

/** Brings the sites by Ansible, and removes them. @throws if they do not answer as protected sites do */
export async function byAnsible(
  { hosts, before, after }: Brought,
  playbook: Playbook,
  way: Way,
  timed: Timed,
): Promise<void> {
  const domains = Object.keys(before);
  await forSites(hosts, domains, takeBack(`${root}/credentials`));
  await playbook.write(before, way);
  await timed("first", () => playbook.run(hosts));
  await playbook.write(after, way);
  await timed("one site changed", () => playbook.run(hosts));
  await timed("nothing changed", () => playbook.run(hosts));
  const answering = await shellOn(
    hosts.at(-1)?.name ?? "",
    `curl -sko /dev/null -w '%{http_code}' --resolve ${domainOf(0)}:443:127.0.0.1 https://${domainOf(0)}/`,
  );
  if (answering !== "401") throw new Error(`Ansible's site must answer with 401, got ${answering}`);
  await forSites(hosts, domains, (domain) => {
    const units = `oauth2-proxy_${domain}.socket oauth2-proxy_${domain}.service`;
    return `systemctl -q disable ${units} || true; systemctl stop ${units}; cd /etc
      rm -f nginx/sites-enabled/${domain}.conf oauth2-proxy/oauth2-proxy_${domain}.cfg systemd/system/oauth2-proxy_${domain}.*`;
  });
  const forgetting = `rm -rf ${root}; systemctl daemon-reload; systemctl reload nginx`;
  await Promise.all(hosts.map(({ name }) => shellOn(name, forgetting)));
}

/** Pushes as `pulumi up` does: each site to the first host, then to the others; one SSH connection to each host. */
async function push({ lab, hosts }: Brought, bundles: Bundles): Promise<void> {
  const [first, ...others] = hosts;
  const one = async (bundle: string) => {
    if (first !== undefined) await pushTo(lab, first, bundle);
    await Promise.all(others.map((host) => pushTo(lab, host, bundle)));
  };
  await pMap(Object.values(bundles), one, { concurrency: Math.max(1, Math.floor(parallel / hosts.length)) });
}

async function pushTo(lab: Lab, host: LabHost, bundle: string): Promise<void> {
  const asker = { user: lab.adminUser, identity: lab.adminKey };
  const ended = await runOnHost({ ...host, port: 22 }, asker, `sudo -n ${program} push`, bundle);
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
}

/** Commands for each site on every host. */
async function forSites(
  hosts: readonly LabHost[],
  domains: readonly string[],
  script: (domain: string) => string,
): Promise<void> {
  await Promise.all(hosts.map(({ name }) => shellOn(name, domains.map(script).join("\n"))));
}

const takeBack = (to: string) => (domain: string) => `mkdir -p ${to}; cp -a ${aside}/${domain} ${to}`;
