/**
 * `npm run record-release -- <revision>`: keeps the npm package of a git revision, such as v0.1.0, in test/upgrades/, from
 * where test/e2e/upgrade-from-release.test.ts takes it.
 */
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { execa } from "execa";

import { pack, sources } from "../npm-package.ts";

const root = join(import.meta.dirname, "../..");
const [revision = "HEAD"] = process.argv.slice(2);

async function git(...args: readonly string[]): Promise<string> {
  return (await execa("git", args, { cwd: root })).stdout.trim();
}

/** The version, with the commit if it is not the one that was released. */
async function nameOf(commit: string): Promise<string> {
  const { version } = JSON.parse(await git("show", `${commit}:package.json`)) as { readonly version: string };
  const tags = (await git("tag", "--points-at", commit)).split("\n");
  return tags.includes(`v${version}`) ? version : `${version}-${commit.slice(0, 7)}`;
}

const commit = await git("rev-parse", "--verify", `${revision}^{commit}`);
const folder = await mkdtemp(join(tmpdir(), "record-release-"));
try {
  const checkout = join(folder, "checkout");
  await mkdir(checkout);
  const archive = ["archive", "--format=tar", `--output=${join(folder, "checkout.tar")}`, commit, ...sources];
  await execa("git", archive, { cwd: root });
  await execa("tar", ["-xf", join(folder, "checkout.tar"), "-C", checkout]);
  const target = join(import.meta.dirname, await nameOf(commit), "package.tgz");
  await mkdir(join(target, ".."), { recursive: true });
  await copyFile(await pack(folder, checkout), target);
  console.log(
    `recorded ${relative(root, target)}; now npm run test:e2e -- upgrade-from-release -u, and commit both`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
