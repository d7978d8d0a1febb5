/**
 * Processes that outlive the run that started them. Each sits in a cgroup of its own, which says whether it runs and
 * takes all of its descendants along when it is ended: there are no files with process IDs that could be out of date.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What belongs to one process: a path such as `protected-sites-local/edge-1` in the machine's cgroup hierarchies. */
export type Cgroup = string;

/** The cgroup that holds all processes of an instance. */
export function cgroupOf(instance: string, process?: string): Cgroup {
  return join(`protected-sites-${instance}`, process ?? "");
}

/** The file that a process writes `0` to in order to move into the cgroup. */
export function membershipFile(cgroup: Cgroup): string {
  return join(hierarchies().unified, cgroup, "cgroup.procs");
}

/** Makes the cgroup where it is missing. */
export async function makeCgroup(cgroup: Cgroup): Promise<void> {
  await mkdir(join(hierarchies().unified, cgroup), { recursive: true });
}

/** IDs of the processes in the cgroup and those below it; empty where there is none. */
export async function processesIn(cgroup: Cgroup): Promise<readonly number[]> {
  const directory = join(hierarchies().unified, cgroup);
  const lists = [];
  for (const path of await directoriesIn(directory))
    lists.push(await readFile(join(path, "cgroup.procs"), "utf8").catch(() => ""));
  return lists.join("").split("\n").filter(Boolean).map(Number);
}

/** Whether anything runs in the cgroup or below it. */
export async function isRunning(cgroup: Cgroup): Promise<boolean> {
  const events = join(hierarchies().unified, cgroup, "cgroup.events");
  return (await readFile(events, "utf8").catch(() => "")).includes("populated 1");
}

/** Processor time that the cgroup and those below it have taken, in microseconds. */
export async function usageOf(cgroup: Cgroup): Promise<number> {
  const stat = await readFile(join(hierarchies().unified, cgroup, "cpu.stat"), "utf8");
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1]);
}

/** What to start. */
export interface ProcessArgs {
  readonly cgroup: Cgroup;
  readonly command: readonly string[];
  /** File that gets its output; what was in it is lost. */
  readonly log: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Needs a cgroup of its own in systemd's v1 hierarchy, too, where the machine has one: a system that boots does. */
  readonly boots?: boolean;
}

/** Starts a process that stays when this one ends. Returns once it is in its cgroup. */
export async function start({
  cgroup,
  command,
  log,
  environment = {},
  boots = false,
}: ProcessArgs): Promise<void> {
  const { unified, systemd } = hierarchies();
  const directories = [unified, ...(boots && systemd !== undefined ? [systemd] : [])].map((h) =>
    join(h, cgroup),
  );
  for (const directory of directories) await mkdir(directory, { recursive: true });
  await mkdir(dirname(log), { recursive: true });
  const output = openSync(log, "w", 0o600);
  // The shell moves itself before it becomes the process, so that nothing ever runs outside.
  const enter = 'for c in $1; do echo 0 >"$c/cgroup.procs"; done; shift; exec "$@"';
  const child = spawn("sh", ["-euc", enter, "sh", directories.join(" "), ...command], {
    detached: true,
    stdio: ["ignore", output, output],
    env: { ...process.env, ...environment },
  });
  closeSync(output);
  while (child.exitCode === null && !(await isRunning(cgroup))) await sleep(5);
  child.unref();
}

/** Has everything in the cgroup and below it stand still, or go on. */
export async function freeze(cgroup: Cgroup, frozen: boolean): Promise<void> {
  await writeFile(join(hierarchies().unified, cgroup, "cgroup.freeze"), frozen ? "1" : "0");
}

/** Ends everything in the cgroup and below it, and removes it. Nothing to do where there is none. */
export async function end(cgroup: Cgroup): Promise<void> {
  const { unified, systemd } = hierarchies();
  const kill = join(unified, cgroup, "cgroup.kill");
  if (existsSync(kill)) {
    await writeFile(kill, "1");
    while (await isRunning(cgroup)) await sleep(10);
  }
  for (const hierarchy of systemd === undefined ? [unified] : [unified, systemd])
    for (const path of (await directoriesIn(join(hierarchy, cgroup))).toReversed()) await removeCgroup(path);
}

/** The last lines of a log, for a message. */
export async function tail(log: string, lines = 15): Promise<string> {
  const text = await readFile(log, "utf8").catch(() => "");
  const last = text.trimEnd().split("\n").slice(-lines).join("\n");
  return last === "" ? `${log} is empty` : `the end of ${log}:\n${last}`;
}

/** A v1 hierarchy goes on counting a process as there until it has been reaped. */
async function removeCgroup(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      await rmdir(path);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || attempt === 500) throw error;
      await sleep(10);
    }
}

/** The folder and all below it, each before its own folders; empty where there is none. */
async function directoriesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [];
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => directoriesIn(join(directory, name)));
  return [directory, ...(await Promise.all(below)).flat()];
}

interface Hierarchies {
  readonly unified: string;
  /** Only where the machine has both kinds of cgroups. */
  readonly systemd: string | undefined;
}

let found: Hierarchies | undefined;

/** Most machines have cgroup2 alone at /sys/fs/cgroup; some have it beside the v1 hierarchies. */
function hierarchies(): Hierarchies {
  if (found !== undefined) return found;
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const unified = mounts.find(([, , type]) => type === "cgroup2")?.[1];
  if (unified === undefined) throw new Error("cgroups: a cgroup2 file system must be mounted, found none");
  const systemd = mounts.find(
    ([, , type, options = ""]) => type === "cgroup" && options.split(",").includes("name=systemd"),
  )?.[1];
  found = { unified, systemd };
  return found;
}
