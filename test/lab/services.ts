/** What runs in an instance beside its hosts: Entra, the applications behind the sites, and a place to download from. */
import { createHash } from "node:crypto";
import { globSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { addresses, applications, downloadsName } from "./addresses.ts";
import { enterCommand } from "./namespaces.ts";
import { stateDirectory } from "./paths.ts";
import { waitForPort } from "./ports.ts";
import { cgroupOf, end, isRunning, makeCgroup, start, tail } from "./processes.ts";

/** A process of the lab, which can be asked for on its ports. */
export interface Service {
  readonly name: string;
  /** Arguments of Node: a module of this folder, and what it gets. */
  readonly command: readonly [module: string, ...args: string[]];
  /** It is ready when all of them take connections. */
  readonly ports: readonly { readonly address: string; readonly port: number }[];
}

/** A certificate's files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** How long a service may take until it answers. */
const patience = 30_000;

/** The services of an instance. */
export function servicesOf(
  instance: string,
  files: { readonly entra: CertificateFiles; readonly downloads: CertificateFiles; readonly tarball: string },
): readonly Service[] {
  const state = stateDirectory(instance);
  const tls = ({ certificate, key }: CertificateFiles) => ["--certificate", certificate, "--key", key];
  return [
    {
      name: "entra",
      command: ["entra/main.ts", "--state", state, "--listen", addresses.entra, ...tls(files.entra)],
      ports: [443, 8400].map((port) => ({ address: addresses.entra, port })),
    },
    {
      name: "applications",
      command: ["application.ts", ...applications.flatMap(({ listen, site }) => [listen, site])],
      ports: applications.map(({ listen }) => {
        const [address = "", port] = listen.split(":");
        return { address, port: Number(port) };
      }),
    },
    {
      name: "downloads",
      command: [
        ...(["downloads.ts", "--listen", addresses.downloads, ...tls(files.downloads)] as const),
        ...["--directory", dirname(files.tarball)],
      ],
      ports: [{ address: addresses.downloads, port: 443 }],
    },
  ];
}

/** Where a host gets a file of the folder that is served. */
export function downloadUrl(file: string): string {
  return `https://${downloadsName}/${file}`;
}

/** Starts a service unless it runs; one whose program or arguments have changed is started again. */
export async function ensureService(instance: string, { name, command, ports }: Service): Promise<void> {
  const cgroup = cgroupOf(instance, name);
  const started = join(stateDirectory(instance), "services", name);
  const version = await versionOf(command);
  const running = await isRunning(cgroup);
  if (running && (await readFile(started, "utf8").catch(() => "")) === version) return;

  await rm(started, { force: true });
  await end(cgroup);
  await makeCgroup(cgroup);
  const log = join(stateDirectory(instance), "logs", `${name}.log`);
  const [module, ...args] = command;
  const node = [process.execPath, join(import.meta.dirname, module), ...args];
  await start({ cgroup, log, command: enterCommand(instance, node, name) });
  const alive = () => isRunning(cgroup);
  for (const port of ports)
    if (!(await waitForPort(instance, { ...port, patience, alive })))
      throw new Error(`${name} does not answer on ${port.address}:${port.port}; ${await tail(log)}`);
  await mkdir(dirname(started), { recursive: true });
  await writeFile(started, version);
}

/** Changes with the arguments and with the module, or the folder, that the program is. */
async function versionOf(command: Service["command"]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([command, process.version]));
  const [module] = command;
  const sources = module.includes("/") ? `${dirname(module)}/**/*.ts` : module;
  const files = globSync(sources, { cwd: import.meta.dirname });
  for (const file of files.sort()) hash.update(file).update(await readFile(join(import.meta.dirname, file)));
  return hash.digest("hex");
}
