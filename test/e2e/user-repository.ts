/** A repository that `protected-sites init` has made, in the place of the checkout that deployed the lab's sites. */
import { copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { execa } from "execa";

import { ensureEngine } from "../lab/engine.ts";
import { openStack } from "../lab/stack.ts";
import { pack, unpackBesideLinks } from "../npm-package.ts";
import { lab } from "./instance.ts";

/** Such a repository. */
export interface UserRepository {
  /** The environment's file, as the lab's own is at the beginning. */
  readonly settings: string;
  /** Puts another version in the place of the installed one. */
  readonly install: (archive: string) => Promise<void>;
  /** Runs a command of the installed version. @returns its exit code, all that it said, and its standard output alone */
  readonly run: (...args: readonly string[]) => Promise<{ exitCode: number; all: string; stdout: string }>;
  /** Makes the state of an earlier version one of the installed version. */
  readonly upgradeState: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** @param archive what is installed first. @default the package that this checkout makes */
export async function userRepository(archive?: string): Promise<UserRepository> {
  const outside = await mkdtemp(join(tmpdir(), "user-repository-"));
  const folder = join(outside, "user");
  await mkdir(folder);
  const engine = await ensureEngine();
  const { workspace } = await openStack(lab.name);
  const env = {
    ...engine.environment,
    ...workspace.envVars,
    PATH: [join(engine.root, "bin"), process.env["PATH"]].join(delimiter),
    NO_COLOR: "1",
    FORCE_COLOR: undefined,
  };
  const installed = join(folder, "node_modules/protected-sites");
  const settings = join(folder, "stacks/Pulumi.local.yaml");
  const commandLine = async () => {
    const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as {
      readonly bin: Readonly<Record<"protected-sites", string>>;
    };
    return join(installed, manifest.bin["protected-sites"]);
  };
  const repository: UserRepository = {
    settings,
    install: (other) => unpackBesideLinks(other, folder),
    run: async (...args) => {
      const program = await commandLine();
      const options = { cwd: folder, env, all: true, reject: false, stdin: "ignore" } as const;
      const { exitCode = -1, all, stdout } = await execa(process.execPath, [program, ...args], options);
      return { exitCode, all, stdout };
    },
    upgradeState: async () => {
      const pipe = 'pulumi stack export | "$0" "$1" upgrade-state | pulumi stack import';
      await execa("bash", ["-o", "pipefail", "-c", pipe, process.execPath, await commandLine()], {
        cwd: folder,
        env: { ...env, PULUMI_STACK: "local" },
      });
    },
    remove: () => rm(outside, { recursive: true, force: true }),
  };
  await repository.install(archive ?? (await pack(outside)));
  const [host] = lab.hosts;
  const answers = ["--tenant-id", "7e57ab1e-0000-4000-8000-000000000000", "--host", host?.address ?? ""];
  const site = ["--domain", "wiki.lab.test", "--upstream", "http://192.0.2.3:8003"];
  const more = ["--host-key", host?.hostKey ?? "", "--yes"];
  const { exitCode, all } = await repository.run("init", ...answers, ...site, ...more);
  if (exitCode !== 0) throw new Error(`init ended with ${exitCode}: ${all}`);
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), settings);
  return repository;
}
