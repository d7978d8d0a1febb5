/** Where Node keeps what it has compiled. */
import { enableCompileCache } from "node:module";

import { userCache } from "../components/host/user-cache.ts";

/** The user's own: into Node's default, a folder in /tmp, another user could put something first. */
export const compileCache = userCache("compiled");

/**
 * From here on, a module is compiled once for all runs, until it changes. Without a folder that can be written, Node
 * compiles as usual.
 */
export function keepCompiled(): void {
  enableCompileCache(compileCache);
}
