/** Sites by Ansible: the same files in the same places, `nginx -t`, a reload, and instances restarted where needed. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { stringify } from "yaml";

import { unbundle } from "../../components/host/bundle.ts";
import { sharedFiles } from "../../components/render/nginx/shared-files.ts";
import type { Lab, LabHost } from "../lab/lab.ts";

/** How files travel: each by its own task, as playbooks are written, or all in one archive. */
export type Way = "file by file" | "one archive";

/** Where Ansible's sites and their credentials lie, apart from the push program's. */
export const root = "/etc/ansible-sites";

/** A site by its domain, as the bundle that a push brings. */
export type Bundles = Readonly<Record<string, string>>;

const sudo = { become: true, gather_facts: false, hosts: "all" };
const unit = (name: string, settings: object) => ({ "ansible.builtin.systemd": { name, ...settings } });
const changed = "copied is changed";

/** Installs Debian's Ansible where there is none. */
export async function ensureAnsible(): Promise<void> {
  const present = await execa("ansible-playbook", ["--version"], { reject: false });
  if (!present.failed) return;
  await execa("apt-get", ["-qq", "install", "-y", "--no-install-recommends", "ansible-core"], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** A folder from which a playbook runs. */
export class Playbook {
  readonly #folder: string;
  readonly #lab: Lab;

  private constructor(folder: string, lab: Lab) {
    this.#folder = folder;
    this.#lab = lab;
  }

  /** Writes what does not depend on the sites. */
  static async open(folder: string, lab: Lab): Promise<Playbook> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const keys = lab.hosts.map(({ address, hostKey }) => `${address} ${hostKey}\n`);
    await writeFile(join(folder, "known_hosts"), keys.join(""));
    await writeFile(
      join(folder, "ansible.cfg"),
      `[ssh_connection]
pipelining = True
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${folder}/known_hosts
`,
    );
    return new Playbook(folder, lab);
  }

  /** Has the playbook bring these sites; not measured. */
  async write(bundles: Bundles, way: Way): Promise<void> {
    const ofSites = Object.entries(bundles).flatMap(([domain, text]) => filesOf(domain, text));
    // What sites share comes once.
    const files = [...new Map(ofSites.map((file) => [file.to, file])).values()];
    await rm(join(this.#folder, "files"), { recursive: true, force: true });
    for (const { to, text } of files) {
      const path = join(this.#folder, "files", to);
      await mkdir(join(path, ".."), { recursive: true });
      await writeFile(path, text);
    }
    await execa("tar", ["--create", "--file=files.tar", "--directory=files", "."], { cwd: this.#folder });
    const domains = Object.keys(bundles);
    const copying =
      way === "one archive"
        ? [{ "ansible.builtin.unarchive": { src: "files.tar", dest: "/" }, register: "copied" }]
        : [
            {
              "ansible.builtin.file": { path: "{{ item }}", state: "directory" },
              loop: [shared, ...domains.map(folderOf)],
            },
            {
              "ansible.builtin.copy": { src: "files{{ item.to }}", dest: "{{ item.to }}", mode: "0644" },
              loop: files.map(({ to, domain, restarts }) => ({ to, domain, restarts })),
              loop_control: { label: "{{ item.to }}" },
              register: "copied",
            },
          ];
    // An archive does not tell which of its files were others.
    const restarted =
      way === "one archive"
        ? domains
        : "{{ copied.results | selectattr('changed') | selectattr('item.restarts') | map(attribute='item.domain') | unique }}";
    const tasks = [
      ...copying,
      { "ansible.builtin.systemd": { daemon_reload: true }, when: changed },
      {
        ...unit("oauth2-proxy_{{ item }}.socket", { state: "started", enabled: true }),
        loop: domains,
        ...(way === "one archive" ? { when: changed } : {}),
      },
      { ...unit("oauth2-proxy_{{ item }}.service", { state: "restarted" }), loop: restarted, when: changed },
      { "ansible.builtin.command": "nginx -t", when: changed },
      { ...unit("nginx.service", { state: "reloaded" }), when: changed },
    ];
    await writeFile(join(this.#folder, "site.yml"), stringify([{ ...sudo, tasks }]));
  }

  /** Runs it. @throws where it fails */
  async run(hosts: readonly LabHost[]): Promise<void> {
    const { adminKey, adminUser } = this.#lab;
    const inventory = `${hosts.map(({ address }) => address).join(",")},`;
    await execa(
      "ansible-playbook",
      [`--inventory=${inventory}`, `--user=${adminUser}`, `--private-key=${adminKey}`, "site.yml"],
      {
        cwd: this.#folder,
        all: true,
        env: { ANSIBLE_CONFIG: join(this.#folder, "ansible.cfg"), ANSIBLE_NOCOLOR: "1", LC_ALL: "C.UTF-8" },
      },
    );
  }
}

interface File {
  readonly domain: string;
  /** Its place on the host. */
  readonly to: string;
  readonly text: string;
  /** Whether the instance has to be restarted for it. */
  readonly restarts: boolean;
}

const shared = `${root}/shared`;
const folderOf = (domain: string) => `${root}/sites/${domain}/current`;

function filesOf(domain: string, bundle: string): File[] {
  const folder = folderOf(domain);
  const apart = (text: string) =>
    text
      .replaceAll("/etc/protected-sites/", `${root}/`)
      .replaceAll(`${folder}/shared`, shared)
      .replaceAll(`${folderOf("$server_name")}/shared`, shared);
  const files = unbundle(bundle).map(({ name, link, text }) => ({
    domain,
    to: link === undefined || link.startsWith("/etc/protected-sites/") ? `${folder}/${name}` : link,
    text: apart(text),
    restarts: /\.(?:cfg|service|socket)$/.test(name),
  }));
  const generation = 'set $protected_sites_generation "1";\n';
  return [
    ...files,
    ...sharedFiles().map(({ name, text }) => ({
      domain,
      to: `${shared}/${name}`,
      text: apart(text),
      restarts: false,
    })),
    { domain, to: `${folder}/generation.conf`, text: generation, restarts: false },
    { domain, to: `${root}/http2.conf`, text: "", restarts: false },
    { domain, to: `${root}/blocked.conf`, text: "", restarts: false },
  ];
}
