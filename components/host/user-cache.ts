/** The user's own folder for what can be made again, on the machine that runs the engine. Imports nothing that takes long. */
import { homedir } from "node:os";
import { join } from "node:path";

/** A folder in it, with `XDG_CACHE_HOME` as it is now. */
export function userCache(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "protected-sites", name);
}
