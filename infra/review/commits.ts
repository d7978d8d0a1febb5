/** The two sides of a review: commits of this repository, each rendered by its own code if possible. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import type { Rendering } from "./rendering.ts";

const run = promisify(execFile);
const largest = 1 << 28;
const repository = join(import.meta.dirname, "../..");
const program = "infra/review/rendering.ts";

/** One side of a review. */
export interface Side {
  /** The user's name for the commit and its ID; `the working tree` for uncommitted files. */
  readonly name: string;
  /** The commit's full ID; undefined for the working tree. */
  readonly commit?: string;
  readonly stacks: Rendering;
  /** Why another commit's code rendered this side, in a sentence. */
  readonly note?: string;
}

/** A user error: a commit that does not exist, a folder that is not a repository. */
export class ReviewError extends Error {
  override readonly name = "ReviewError";
}

/**
 * Renders the environments of a commit.
 * @param ref any name of a commit. Default: the working tree
 * @param stacks names of environments. Default: all
 * @param folder the checkout
 * @throws ReviewError if git does not know the commit
 */
export async function sideAt(
  ref: string | undefined,
  stacks: readonly string[],
  folder = repository,
): Promise<Side> {
  if (ref === undefined) return { name: "the working tree", stacks: await render(folder, stacks) };
  const commit = await commitOf(ref, folder);
  const name = ref === commit ? commit.slice(0, 12) : `${ref} (${commit.slice(0, 12)})`;
  const tree = mkdtempSync(join(tmpdir(), "protected-sites-review-"));
  try {
    await extract(commit, tree, folder);
    if (!existsSync(join(tree, "stacks"))) return { name, commit, stacks: {} };
    if (existsSync(join(tree, program))) {
      try {
        return { name, commit, stacks: await render(tree, stacks) };
      } catch (error) {
        const why = `${name} could not be rendered by its own code (${firstLine(error)})`;
        return { name, commit, ...(await renderedHere(tree, stacks, why)) };
      }
    }
    return { name, commit, ...(await renderedHere(tree, stacks, `${name} is older than this review`)) };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

async function renderedHere(tree: string, stacks: readonly string[], why: string) {
  return {
    stacks: await render(repository, stacks, join(tree, "stacks")),
    note: `${why}, so both sides are rendered by the code of this checkout: changes of the code itself do not show.`,
  };
}

async function commitOf(ref: string, folder: string): Promise<string> {
  try {
    const { stdout } = await run("git", ["rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`], {
      cwd: folder,
    });
    return stdout.trim();
  } catch {
    throw new ReviewError(
      `no such commit in this repository: ${JSON.stringify(ref)}; if this is a shallow checkout: git fetch --unshallow, or fetch-depth: 0`,
    );
  }
}

/** The commit's files, with this checkout's libraries. */
async function extract(commit: string, tree: string, folder: string): Promise<void> {
  const archive = join(tree, ".tar");
  await run("git", ["archive", "--format=tar", `--output=${archive}`, commit], { cwd: folder });
  await run("tar", ["-xf", archive, "-C", tree]);
  rmSync(archive);
  const libraries = join(repository, "node_modules");
  if (existsSync(libraries)) symlinkSync(libraries, join(tree, "node_modules"));
  else mkdirSync(join(tree, "node_modules"), { recursive: true });
}

/** Runs the rendering of a tree in a process of its own, since two versions of a module do not live in one. */
async function render(tree: string, stacks: readonly string[], folder?: string): Promise<Rendering> {
  const from = folder === undefined ? [] : ["--stacks", folder];
  const { stdout } = await run(process.execPath, [join(tree, program), ...from, ...stacks], {
    cwd: tree,
    maxBuffer: largest,
    // Code of a commit under review must not get any secrets of the environment.
    env: { PATH: process.env["PATH"], HOME: tree, TMPDIR: tree },
  });
  return JSON.parse(stdout) as Rendering;
}

function firstLine(error: unknown): string {
  const text = String((error as { stderr?: unknown }).stderr ?? error);
  return (
    text
      .split("\n")
      .find((line) => line.includes("Error"))
      ?.trim() ?? "it failed"
  );
}
