/** The lab's hosts: systems that boot, each from the image, with files of its own laid over it. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { addresses, downloadsName, entraNames } from "./addresses.ts";
import type { Certificate } from "./certificates.ts";
import type { Image } from "./image.ts";
import { holderOf, trustVariables } from "./namespaces.ts";
import { stateDirectory } from "./paths.ts";
import { cgroupOf, end, isRunning, processesIn, start, tail } from "./processes.ts";
import { waitForPort } from "./ports.ts";

/** A host that there is to be. */
export interface HostArgs {
  /** For example `edge-1`. */
  readonly name: string;
  readonly address: string;
  readonly image: Image;
  /** Public SSH key of the administrator. */
  readonly adminKey: string;
  /** The CA that the host trusts, in PEM. */
  readonly ca: string;
  /** Certificates of the sites by domain. */
  readonly certificates: Readonly<Record<string, Certificate>>;
}

/** A host that runs. */
export interface LabHost {
  readonly name: string;
  readonly address: string;
  /** Its public SSH key, as in its /etc/ssh/ssh_host_ed25519_key.pub. */
  readonly hostKey: string;
}

/** How long a host may take until one can sign in; on an idle machine it takes a second or two. */
const patience = 90_000;

/** Boots a host unless it runs. Its files are made when it is first booted, and stay when it is booted again. */
export async function ensureHost(instance: string, args: HostArgs): Promise<LabHost> {
  const directory = directoryOf(instance, args.name);
  if (!existsSync(join(directory, "files"))) await prepare(directory, args);
  return boot(instance, args);
}

/** Boots a host that has files, unless it runs. @throws where it does not come up as systemd's "running" */
export async function boot(
  instance: string,
  { name, address, image }: Pick<HostArgs, "name" | "address" | "image">,
): Promise<LabHost> {
  const directory = directoryOf(instance, name);
  const cgroup = cgroupOf(instance, name);
  const log = join(stateDirectory(instance), "logs", `${name}.log`);
  const runs = await isRunning(cgroup);
  if (!runs) {
    await end(cgroup);
    await start({
      cgroup,
      boots: true,
      log,
      command: [
        ...["unshare", "--net", "--mount", "--propagation=slave"],
        ...["sh", join(import.meta.dirname, "boot.sh"), `${holderOf(instance)}`],
        ...[`${instance}-${name}`, name, address, `${directory}/root`, overlayOf(directory, image)],
      ],
    });
  }
  // Asked of a host that runs, too: the run that started it may have been killed before it was up.
  const alive = () => isRunning(cgroup);
  if (!(await waitForPort(instance, { address, port: 22, patience, alive })))
    throw new Error(`host ${name} does not answer on ${address}:22; ${await tail(log)}`);
  const systemctl = await systemctlOn(instance, name);
  // sshd answers a little earlier than users may sign in.
  const state = await systemctl("is-system-running", "--wait");
  // What has happened to a host since is for the stack to put right.
  if (!runs && state !== "running") {
    const failed = await systemctl("--failed", "--plain", "--no-legend", "--no-pager");
    throw new Error(`host ${name}: its system must come up as "running", got "${state}"\n${failed}`.trim());
  }
  const hostKey = await readFile(join(directory, "files/etc/ssh/ssh_host_ed25519_key.pub"), "utf8");
  return { name, address, hostKey: hostKey.trim() };
}

/** Takes a host's power: whatever runs there is gone at once. */
export async function cutOff(instance: string, name: string): Promise<void> {
  await end(cgroupOf(instance, name));
}

/** Runs a script over a host that is off; `$root` is its file system. */
export async function onFilesOf(
  instance: string,
  { name, image }: Pick<HostArgs, "name" | "image">,
  script: string,
): Promise<void> {
  const directory = directoryOf(instance, name);
  await execa("unshare", [
    ...["--mount", "--propagation=private", "sh", "-euc"],
    `root=${directory}/root; mount -t overlay overlay -o ${overlayOf(directory, image)} $root\n${script}`,
  ]);
}

/** The command as it runs on the host as root, past SSH: for tests, and for what people want to look at. */
export async function onHost(instance: string, name: string, command: readonly string[]): Promise<string[]> {
  const [pid] = await processesIn(cgroupOf(instance, `${name}/payload/init.scope`));
  if (pid === undefined) throw new Error(`lab "${instance}": host ${name} does not run`);
  const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
  // Of whoever calls this inside the instance: a host trusts what its own files say.
  const clean = ["/usr/bin/env", ...trustVariables.map((variable) => `--unset=${variable}`)];
  return ["nsenter", `--target=${pid}`, ...namespaces, "--root", "--wd", ...clean, ...command];
}

/** The host's own files over the image, which all hosts share. */
function overlayOf(directory: string, image: Image): string {
  return `lowerdir=${image.directory},upperdir=${directory}/files,workdir=${directory}/work`;
}

function directoryOf(instance: string, name: string): string {
  return join(stateDirectory(instance), "hosts", name);
}

async function systemctlOn(instance: string, name: string): Promise<(...args: string[]) => Promise<string>> {
  const [file = "", ...enter] = await onHost(instance, name, ["systemctl"]);
  return async (...args) => {
    const { stdout } = await execa(file, [...enter, ...args], { reject: false, timeout: patience });
    return stdout.trim();
  };
}

async function prepare(
  directory: string,
  { name, image, adminKey, ca, certificates }: HostArgs,
): Promise<void> {
  // Made aside, so that a run that is killed leaves no host that is half made.
  const files = join(directory, "files.aside");
  await rm(directory, { recursive: true, force: true });
  const put = async (path: string, text: string | Buffer, mode = 0o644) => {
    const file = join(files, path);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text);
    await chmod(file, mode);
  };

  await put("etc/machine-id", `${randomBytes(16).toString("hex")}\n`, 0o444);
  await put("etc/hostname", `${name}\n`);
  await put("etc/resolv.conf", "# The lab's names are in /etc/hosts.\n");
  const names = [
    ["127.0.0.1", "localhost"],
    ["127.0.1.1", name],
    ["::1", "localhost ip6-localhost ip6-loopback"],
    [addresses.entra, ...entraNames],
    [addresses.downloads, downloadsName],
  ];
  await put("etc/hosts", names.map((line) => `${line.join(" ")}\n`).join(""));

  await put("home/admin/.ssh/authorized_keys", `${adminKey.trim()}\n`, 0o600);
  const { uid, gid } = await userIn(image, "admin");
  for (const path of ["home/admin", "home/admin/.ssh", "home/admin/.ssh/authorized_keys"])
    await chown(join(files, path), uid, gid);
  await chmod(join(files, "home/admin/.ssh"), 0o700);

  await trust(image, ca, put);
  for (const [domain, { certificate, key }] of Object.entries(certificates)) {
    await put(`data/certs/${domain}/fullchain.pem`, certificate);
    await put(`data/certs/${domain}/privkey.pem`, key, 0o600);
  }
  for (const path of ["work", "root"]) await mkdir(join(directory, path), { recursive: true });
  await rename(files, join(directory, "files"));
}

/** What update-ca-certificates would do, which takes a second on each host. */
async function trust(
  image: Image,
  ca: string,
  put: (path: string, text: string | Buffer) => Promise<void>,
): Promise<void> {
  const bundle = "etc/ssl/certs/ca-certificates.crt";
  const { stdout: hash } = await execa(
    "chroot",
    [image.directory, "openssl", "x509", "-noout", "-subject_hash"],
    { input: ca },
  );
  await put("usr/local/share/ca-certificates/protected-sites-lab.crt", ca);
  await put(bundle, Buffer.concat([await readFile(join(image.directory, bundle)), Buffer.from(ca)]));
  await put(`etc/ssl/certs/${hash}.0`, ca);
}

async function userIn(image: Image, user: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const lines = (await readFile(join(image.directory, "etc/passwd"), "utf8")).split("\n");
  const [, , uid, gid] = lines.find((line) => line.startsWith(`${user}:`))?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`image: user ${user} must be there, got none`);
  return { uid: Number(uid), gid: Number(gid) };
}
