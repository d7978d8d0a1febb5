/**
 * What the applications are installed from: package registries, by their own clients, in pinned versions. All of it
 * goes into the cache, once; on the machine nothing changes.
 */
import { createHash } from "node:crypto";
import { copyFile, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { execa } from "execa";

import { ensurePrograms } from "../lab/image.ts";
import { madeOnce } from "../lab/made-once.ts";
import { cacheDirectory } from "../lab/paths.ts";
import type { Command } from "./application.ts";

/** Installs it unless it is there, and tells where it is: the second time without a network. */
export type Package = (say?: (line: string) => void) => Promise<string>;

const lists = join(import.meta.dirname, "packages");

/** From PyPI: what `<name>.txt` lists, with everything that it needs. @param folder where that is */
export function pythonPackages(name: string, folder = lists): Package {
  const requirements = join(folder, `${name}.txt`);
  return (say) =>
    kept(name, [requirements], say, (aside) =>
      execa("python3", [
        ..."-m pip install --quiet --no-compile --no-deps --requirement".split(" "),
        ...[requirements, "--target", aside],
      ]),
    );
}

/** Python with the packages of such a folder. */
export function python(directory: string, ...args: readonly string[]): Command {
  return { command: ["python3", ...args], environment: { PYTHONPATH: directory } };
}

/**
 * From npm: what `packages/<name>/package-lock.json` lists.
 * @param inner a folder in it with a lock file of its makers', which a script of theirs would install from
 */
export function nodePackages(name: string, inner?: string): Package {
  const files = ["package.json", "package-lock.json"].map((file) => join(lists, name, file));
  const ci = ["ci", "--omit=dev", "--ignore-scripts"];
  return (say) =>
    kept(name, files, say, async (aside) => {
      for (const file of files) await copyFile(file, join(aside, file.slice(dirname(file).length)));
      await execa("npm", ci, { cwd: aside });
      // Without peers: code-server's own lock file leaves one out, for which npm would refuse it.
      if (inner !== undefined) await execa("npm", [...ci, "--legacy-peer-deps"], { cwd: join(aside, inner) });
    });
}

/** From Debian, in a file system of their own; see {@link inRoot}. @param script runs in it at the end, as root */
export function debianPackages(names: readonly string[], script = "true"): Package {
  return async (say) => (await ensurePrograms(names, script, say)).directory;
}

/**
 * The command with `root` as its file system, in the lab's network; what it writes goes into `folder`.
 * @param root of {@link debianPackages}
 */
export function inRoot(root: string, folder: string, command: readonly string[]): string[] {
  const mounts = `
mkdir -p "$2/files" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/files,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
cat /etc/hosts >"$2/root/etc/hosts"
mkdir -p "$2/root/etc/ssl"
cat "$SSL_CERT_FILE" >"$2/root/etc/ssl/lab.pem"
root=$2/root
shift 2
exec chroot "$root" env HOME=/root SSL_CERT_FILE=/etc/ssl/lab.pem "$@"`;
  const enter = ["unshare", "--mount", "--propagation=private", "sh", "-euc", mounts, "sh"];
  return [...enter, root, folder, ...command];
}

async function kept(
  name: string,
  sources: readonly string[],
  say: ((line: string) => void) | undefined,
  install: (aside: string) => Promise<unknown>,
): Promise<string> {
  const hash = createHash("sha256").update(process.version);
  for (const source of sources) hash.update(await readFile(source));
  const directory = join(cacheDirectory(), "applications", `${name}-${hash.digest("hex").slice(0, 16)}`);
  await madeOnce(directory, async (aside) => {
    say?.(`installing ${name}, once`);
    await install(aside);
  });
  return directory;
}
