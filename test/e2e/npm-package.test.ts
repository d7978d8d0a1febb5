/** A repository that `protected-sites init` has made, in the place of the checkout that deployed the lab's sites. */
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ensureEngine } from "../lab/engine.ts";
import { openStack } from "../lab/stack.ts";
import { pack, unpackBesideLinks } from "../npm-package.ts";
import { lab } from "./instance.ts";

let outside: string;
let user: string;
let environment: Readonly<Record<string, string | undefined>>;

const protectedSites = (...args: string[]) =>
  execa(process.execPath, [join(user, "node_modules/protected-sites/dist/infra/commands/main.js"), ...args], {
    cwd: user,
    env: environment,
    all: true,
    reject: false,
    stdin: "ignore",
  });

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), "npm-package-"));
  user = join(outside, "user");
  await mkdir(user);
  const engine = await ensureEngine();
  const { workspace } = await openStack(lab.name);
  const path = [join(engine.root, "bin"), process.env["PATH"]].join(delimiter);
  environment = {
    ...engine.environment,
    ...workspace.envVars,
    PATH: path,
    NO_COLOR: "1",
    FORCE_COLOR: undefined,
  };
  await unpackBesideLinks(await pack(outside), user);
  const [host] = lab.hosts;
  const answers = ["--tenant-id", "7e57ab1e-0000-4000-8000-000000000000", "--host", host?.address ?? ""];
  const site = ["--domain", "wiki.lab.test", "--upstream", "http://192.0.2.3:8003"];
  const more = ["--host-key", host?.hostKey ?? "", "--yes"];
  const { exitCode, all } = await protectedSites("init", ...answers, ...site, ...more);
  expect(exitCode, all).toBe(0);
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), join(user, "stacks/Pulumi.local.yaml"));
});

afterAll(() => rm(outside, { recursive: true, force: true }));

test("it previews what the checkout has deployed as unchanged, with the policies", async () => {
  const engine = ["--non-interactive", "--color=never", "--expect-no-changes", "--policy-pack", "policy"];
  const { exitCode, all } = await protectedSites("preview", "--stack", "local", "--", ...engine);
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/\d+ unchanged/);
  expect(all).toContain("protected-sites@v");
});

test("a change of its file is what an update would do", async () => {
  const config = ["config", "set", "--path", "protected-sites:sites.wiki.emailDomains[1]", "partner.test"];
  await execa("pulumi", [...config, "--stack", "local"], { cwd: user, env: environment });
  const { exitCode, all } = await protectedSites(
    "preview",
    "--stack",
    "local",
    "--",
    "--non-interactive",
    "--color=never",
  );
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/^ *\+ .*partner\.test/m);
});

test("the hosts are as its file says", async () => {
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), join(user, "stacks/Pulumi.local.yaml"));
  const { exitCode, all } = await protectedSites("status", "--stack", "local", "--identity", lab.adminKey);
  expect(exitCode, all).toBe(0);
});
