/** The first thing that runs after a clone, on a machine that lacks something. */
import { chmod, constants, copyFile, cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import packageJson from "../../package.json" with { type: "json" };

const { dependencies } = packageJson;
const root = join(import.meta.dirname, "..", "..");
const nobody = 65534;

let machine: string;

beforeAll(async () => {
  machine = await mkdtemp(join(tmpdir(), "protected-sites-set-up-"));
  await chmod(machine, 0o755);
  // The checkout and its Node may lie where only root may enter; set-up is run by somebody else.
  for (const file of [
    "package.json",
    "test/set-up.mjs",
    "test/lab/closed/pulumi/go.mod",
    "test/lab/closed/oauth2-proxy/go.mod",
  ])
    await cp(join(root, file), join(machine, "checkout", file));
  // Node and npm are there, and nothing else: no apt-get.
  await mkdir(join(machine, "bin"));
  await copyFile(process.execPath, join(machine, "bin", "node"), constants.COPYFILE_FICLONE);
  await symlink("node", join(machine, "bin", "npm"));
  // What an earlier run has built needs no Go, and nobody is asked whether it can be downloaded.
  for (const made of [`pulumi/v${dependencies["@pulumi/pulumi"]}/built`, "oauth2-proxy/v7.15.3"])
    await mkdir(join(machine, ".cache", "protected-sites", made), { recursive: true });
});

afterAll(() => rm(machine, { recursive: true, force: true }));

/** Runs set-up as somebody with few rights and few programs. */
function setUp(command: string, environment: Record<string, string> = {}) {
  return execa(join(machine, "bin", "node"), [join(machine, "checkout/test/set-up.mjs"), command], {
    cwd: machine,
    reject: false,
    extendEnv: false,
    env: { PATH: join(machine, "bin"), HOME: machine, ...environment },
    ...(process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}),
  });
}

describe.skipIf(process.platform !== "linux")("a machine that lacks something", () => {
  test("gets a list of everything that is missing, and is unchanged", async () => {
    const { exitCode, stderr, stdout } = await setUp("local");
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    const user = process.getuid?.() === 0 ? nobody : process.getuid?.();
    expect(stderr.split("\n")).toEqual([
      "`npm run local` needs what this machine lacks:",
      `  - root, who may boot hosts; this is user ${user}`,
      "  - apt-get (Debian or Ubuntu), which installs the lab's programs and hosts",
      "A virtual machine with Debian 12 has all of it. Possible here: `npm run test:unit`, and the commands that contact nothing (docs/commands.md).",
      "Nothing has been changed.",
    ]);
  });

  test("is told that a container engine is not enough", async () => {
    await symlink("node", join(machine, "bin", "podman"));
    const { stderr } = await setUp("local");
    expect(stderr).toContain("podman cannot take its place: the lab boots whole Debian hosts");
    await rm(join(machine, "bin", "podman"));
  });

  test("fails npm test where a complete run is asked for", async () => {
    const { exitCode, stderr } = await setUp("test", { CI: "true" });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("  - root, who may boot hosts; this is user");
  });

  test("says what the command may be", async () => {
    const { exitCode, stderr } = await setUp("tests");
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      'set-up: the command must be one of local, test, bench, bench:push, bench:scale, bench:block, bench:who, faults, judge, got "tests"',
    );
  });
});
