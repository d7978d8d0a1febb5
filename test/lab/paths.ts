/** Where the lab keeps what it makes. All of it lies outside the checkout. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Things that can be made again and are the same for every instance of the lab, keyed by version or content: the
 * engine, provider plug-ins, oauth2-proxy, host images. `${XDG_CACHE_HOME:-~/.cache}/protected-sites`; not created.
 */
export function cacheDirectory(): string {
  return join(base("XDG_CACHE_HOME", ".cache"), "protected-sites");
}

/**
 * What one instance of the lab knows: its keys, its CA, its users, its stack.
 * `${XDG_STATE_HOME:-~/.local/state}/protected-sites/<name>`; not created.
 *
 * @throws where the name could lead elsewhere: it is used in paths, in a namespace's and in a cgroup's name.
 */
export function stateDirectory(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
    throw new Error(
      `lab instance: a name must be lower-case letters, digits and hyphens (31 at most), got ${JSON.stringify(name)}`,
    );
  return join(base("XDG_STATE_HOME", ".local/state"), "protected-sites", name);
}

/** The XDG base directory specification asks that a relative path be ignored. */
function base(variable: string, fallback: string): string {
  const value = process.env[variable];
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}
