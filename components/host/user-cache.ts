/** The user's own folder for what can be made again, on the machine that runs the engine. Imports nothing that takes long. */
import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** What is in it, with `XDG_CACHE_HOME` as it is now. */
export function userCache(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "protected-sites", name);
}

/**
 * Writes a file of it, which others may read or write at the same time: they find all of one text.
 * @throws Error if it cannot be written
 */
export function replaceFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const aside = `${file}.${randomUUID()}`;
  writeFileSync(aside, text);
  renameSync(aside, file);
}
