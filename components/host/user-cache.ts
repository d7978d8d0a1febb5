/** The user's own folder for what can be made again, on the machine that runs the engine. Imports nothing that takes long. */
import { randomUUID } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What is in it, with `XDG_CACHE_HOME` as it is now. */
export function userCache(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "protected-sites", name);
}

/** Writes a file that others may read or write at the same time: they find all of one text. */
export function replaceFile(file: string, text: string): void {
  const aside = `${file}.${randomUUID()}`;
  writeFileSync(aside, text);
  renameSync(aside, file);
}
