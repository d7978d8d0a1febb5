/** Where over-ssh.sh is, which runs a command on a host. docs/decisions/one-connection-per-host.md */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { replaceFile, userCache } from "./user-cache.ts";

const script = fileURLToPath(new URL("over-ssh.sh", import.meta.url));

/** Runs its last argument on the host that its environment names (connection.ts). */
export const overSsh = ["/bin/sh", script];

/** Other variables than those of the states that are in use are another number: the script may be of another version. */
const kept = "over-ssh-1.sh";

/**
 * The same for a resource, which may run where this checkout is not. A stack stores it twice for each command, so it only
 * says where the script is: in the project, as this repository or a package in its own, or where {@link keepScript} puts
 * it. Paths are relative to the folder of the program.
 */
export const interpreter = [
  "/bin/sh",
  "-c",
  [
    `kept=\${XDG_CACHE_HOME:-$HOME/.cache}/protected-sites/${kept}`,
    `for script in ../components/host/over-ssh.sh node_modules/protected-sites/dist/components/host/over-ssh.sh "$kept"`,
    `do [ -f "$script" ] && . "$script"`,
    "done",
    'echo "$kept is missing: with --run-program, \\`pulumi destroy\\` writes it there" >&2',
    "exit 255",
  ].join("; "),
  "over-ssh.sh",
];

let isKept = false;

/**
 * Puts the script where commands find it if their project does not have it, as with components in another language.
 * @throws Error if it cannot be written
 */
export function keepScript(): void {
  if (isKept) return;
  isKept = true;
  replaceFile(userCache(kept), readFileSync(script, "utf8"));
}
