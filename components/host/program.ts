/** The push program: the folder protected_sites, Python. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

import { gzipSync, strToU8 } from "fflate";

import { bundle, type BundleFile } from "./bundle.ts";

/** Where the push program is called on every host: a link to the version that is live. */
export const program = "/usr/local/sbin/protected-sites";

/** Where its versions lie, each in a folder of its own. */
export const programVersions = "/usr/local/lib/protected-sites";

/** Its files, in the order of their names. */
export function programFiles(): BundleFile[] {
  const folder = new URL("protected_sites/", import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".py"))
    .sort()
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));
}

/** All of it as one text. */
export function programText(): string {
  return bundle(programFiles());
}

/** Its version, the text's SHA-256: a host reports the same for the text on its disk. */
export function programVersion(): string {
  return (version ??= createHash("sha256").update(programText()).digest("hex"));
}

/** The program {@link packed}. */
export function packedProgram(): string {
  return (packedText ??= packed(programText()));
}

// Once, and not for each host: to pack it takes tens of milliseconds.
let version: string | undefined;
let packedText: string | undefined;

/**
 * A text as {@link installProgram} reads it: gzip, in base64. Not by Node's zlib, whose bytes may
 * differ from one version of Node to the next, which would be a change on every host.
 */
export function packed(text: string): string {
  return Buffer.from(gzipSync(strToU8(text), { level: 9, mtime: 0 })).toString("base64");
}

/**
 * Takes standard input for the push program. Its own install.py does the work, which stops at files that are not ours, and
 * switches in one step.
 */
export const installProgram = [
  "{ command -v python3 >/dev/null ||",
  "sudo -n sh -c 'export DEBIAN_FRONTEND=noninteractive; apt-get -qq update &&",
  "apt-get -qq install -y --no-install-recommends python3' </dev/null >&2; } &&",
  `sudo -n timeout 600 python3 -I -X utf8 -c '${[
    "import base64, sys, zlib",
    "packed = sys.stdin.read()",
    "gzip = zlib.decompressobj(31)",
    "text = gzip.decompress(base64.b64decode(packed[:len(packed) // 4 * 4]))",
    `gzip.eof or sys.exit("the push program was truncated in transit")`,
    "bundle = text.decode()",
    `exec(bundle.split("\\n==> install.py\\n")[1].split("\\n==> ")[0])`,
    "install(bundle)",
  ].join("; ")}'`,
].join(" ");
