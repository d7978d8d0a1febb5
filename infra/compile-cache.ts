/** Where Node keeps what it has compiled. */
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/** The user's own: into Node's default, a folder in /tmp, another user could put something first. */
export const compileCache = join(
  process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"),
  "protected-sites",
  "compiled",
);

/**
 * From here on, a module is compiled once for all runs, until it changes. Without a folder that can be written, Node
 * compiles as usual.
 */
export function keepCompiled(): void {
  enableCompileCache(compileCache);
}
