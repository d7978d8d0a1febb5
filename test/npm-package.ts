/** The npm package that this checkout makes, and folders that use it. */
import { cp, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { madeOnce } from "./lab/made-once.ts";

const root = join(import.meta.dirname, "..");

/** What the package is made of. */
export const sources = [
  "components",
  "infra",
  "policy",
  "stacks",
  ".github",
  "package.json",
  "tsconfig.json",
  "tsconfig.package.json",
];

/** Where `npm test` keeps what its jobs share. It goes with the run, so it is always of this checkout as it is. */
const shared = process.env["TEST_RUN"];

/**
 * The package that `npm publish` would make.
 * @param folder where it may be built
 * @param from the checkout, of whose own packages only this one's are used
 * @returns its archive
 */
export async function pack(folder: string, from = root): Promise<string> {
  if (shared === undefined || from !== root) return build(folder, from);
  const made = join(shared, "package");
  await madeOnce(made, async (aside) => {
    await build(aside, root);
  });
  const [archive = ""] = (await readdir(made)).filter((name) => name.endsWith(".tgz"));
  return join(made, archive);
}

/** Builds it of a copy: several runs may do so at the same time. */
async function build(folder: string, from: string): Promise<string> {
  const copy = join(folder, "source");
  for (const name of sources) await cp(join(from, name), join(copy, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  const { stdout } = await execa("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: copy });
  return join(folder, stdout.trim().split("\n").at(-1) ?? "");
}

/** Installs an archive with all that it depends on, as a user does: from npm's cache where it can. */
export async function npmInstall(archive: string, folder: string): Promise<void> {
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  await execa("npm", ["install", ...flags, archive], { cwd: folder });
}

/** Makes the folder's node_modules of an archive, beside links to this checkout's own: needs no registry. */
export async function unpackBesideLinks(archive: string, folder: string): Promise<void> {
  const [modules, own] = [join(folder, "node_modules"), join(root, "node_modules")];
  await rm(modules, { recursive: true, force: true });
  const target = join(modules, "protected-sites");
  await mkdir(target, { recursive: true });
  for (const name of await readdir(own)) await symlink(join(own, name), join(modules, name));
  await execa("tar", ["-xzf", archive, "--strip-components=1", "-C", target]);
}
