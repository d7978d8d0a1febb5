/** Things that take long to make and are kept: made aside, and put in place only when whole. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Makes `directory` unless it is there. `make` fills a folder beside it, which then takes its name in one step, so
 * that a run that was killed leaves nothing half made. Runs at the same time make it once; the others wait.
 */
export async function madeOnce(
  directory: string,
  make: (aside: string) => Promise<void>,
  onWait?: () => void,
): Promise<void> {
  if (existsSync(directory)) return;
  const parent = dirname(directory);
  await mkdir(parent, { recursive: true });
  const unlock = await lock(`${directory}.lock`, onWait);
  try {
    if (existsSync(directory)) return;
    const prefix = `${basename(directory)}.aside-`;
    // Whoever made these no longer holds the lock, so is dead.
    for (const name of await readdir(parent))
      if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true });
    const aside = await mkdtemp(join(parent, prefix));
    try {
      await make(aside);
      await rename(aside, directory);
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  } finally {
    unlock();
  }
}

/** Makes one file under a name of its own, and gives it its real one in one step; runs at the same time may do so. */
export async function putInPlace(file: string, make: (aside: string) => Promise<void>): Promise<void> {
  const aside = `${file}.${process.pid}-${randomUUID()}`;
  await make(aside);
  await rename(aside, file);
}

/**
 * Holds flock(1) on `file` until the returned function is called or this process dies: the lock belongs to a child
 * that lives as long as our end of its standard input. Without flock (macOS) there is no lock, only double work.
 */
export async function lock(file: string, onWait?: () => void): Promise<() => void> {
  const child = spawn("flock", [file, "sh", "-c", "echo held; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const wait = setTimeout(() => onWait?.(), 500);
  try {
    await Promise.race([
      once(child.stdout, "data"),
      once(child, "exit").then(() => Promise.reject(new Error(`flock: could not lock ${file}`))),
    ]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  } finally {
    clearTimeout(wait);
  }
  return () => child.stdin.end();
}
