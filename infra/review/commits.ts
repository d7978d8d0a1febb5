/**
 * The two sides of a review: commits of this project. Those of a checkout are each rendered by their own code if possible;
 * where this package is installed, it renders both.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";

import { projectFolder } from "../project.ts";
import type { Rendering } from "./rendering.ts";

const run = promisify(execFile);
const largest = 1 << 28;
/** Where a commit of a checkout has its own code for it. */
const program = "infra/review/rendering.ts";
const ownProgram = join(import.meta.dirname, `rendering${extname(import.meta.filename)}`);

/** Installed as a package, this code is compiled. No commit then brings the code that renders its own review. */
const isInstalled = extname(import.meta.filename) === ".js";

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
 * @param folder the project
 * @throws ReviewError if git does not know the commit
 */
export async function sideAt(
  ref: string | undefined,
  stacks: readonly string[],
  folder = projectFolder,
): Promise<Side> {
  if (ref === undefined) return { name: "the working tree", stacks: await render(folder, stacks) };
  const commit = await commitOf(ref, folder);
  const name = ref === commit ? commit.slice(0, 12) : `${ref} (${commit.slice(0, 12)})`;
  const tree = mkdtempSync(join(tmpdir(), "protected-sites-review-"));
  try {
    await extract(commit, tree, folder);
    if (!existsSync(join(tree, "stacks"))) return { name, commit, stacks: {} };
    if (isInstalled)
      return { name, commit, stacks: await render(tree, stacks), ...otherPackage(name, tree, folder) };
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
    stacks: await render(tree, stacks, ownProgram),
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

/** The commit's files; with this checkout's libraries, where its own code renders it. */
async function extract(commit: string, tree: string, folder: string): Promise<void> {
  const archive = join(tree, ".tar");
  await run("git", ["archive", "--format=tar", `--output=${archive}`, commit], { cwd: folder });
  await run("tar", ["-xf", archive, "-C", tree]);
  rmSync(archive);
  if (isInstalled) return;
  const libraries = join(projectFolder, "node_modules");
  if (existsSync(libraries)) symlinkSync(libraries, join(tree, "node_modules"));
  else mkdirSync(join(tree, "node_modules"), { recursive: true });
}

/** Whether a commit asks for another version of this package than the working tree: what that changes does not show. */
function otherPackage(name: string, tree: string, folder: string): { readonly note?: string } {
  const asked = (where: string) => {
    const manifest = join(where, "package.json");
    if (!existsSync(manifest)) return undefined;
    const { dependencies } = JSON.parse(readFileSync(manifest, "utf8")) as {
      dependencies?: Record<string, string>;
    };
    return dependencies?.["protected-sites"];
  };
  const [then, now] = [asked(tree), asked(folder)];
  if (then === now) return {};
  return {
    note: `${name} uses protected-sites ${then ?? "of no version"}, and the working tree ${now ?? "of no version"}: both sides are rendered by the installed one, so what the other version changes on hosts shows only in a preview.`,
  };
}

/**
 * Runs the rendering of a tree in a process of its own, since two versions of a module do not live in one.
 * @param by the code that renders it. Default: its own, or this package's where it has none
 */
async function render(tree: string, stacks: readonly string[], by?: string): Promise<Rendering> {
  const own = join(tree, program);
  const code = by ?? (!isInstalled && existsSync(own) ? own : ownProgram);
  const from = code === own ? [] : ["--stacks", join(tree, "stacks")];
  const { stdout } = await run(process.execPath, [code, ...from, ...stacks], {
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
