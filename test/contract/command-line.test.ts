/** The engine's own command line on the program, and the operator's commands on what it writes. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";

import { type Checkout, checkOut } from "../lab/checkout.ts";
import { ensureEngine } from "../lab/engine.ts";
import { settings } from "../unit/review/environments.ts";

let checkout: Checkout;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), "command-line-"));
  const config = Object.entries(settings()).map(([key, value]) => [`protected-sites:${key}`, value]);
  const text = stringify({ config: Object.fromEntries(config) as object });
  checkout = await checkOut(
    directory,
    { "Pulumi.prod.yaml": text, "Pulumi.not-deployed.yaml": text },
    await ensureEngine(),
    { PULUMI_BACKEND_URL: `file://${directory}`, PULUMI_CONFIG_PASSPHRASE: "contract" },
  );
  await pulumi("stack", "init", "prod");
});

afterAll(() => rm(checkout.directory, { recursive: true, force: true }));

async function pulumi(...args: string[]): Promise<string> {
  const { exitCode, all } = await checkout.run("pulumi", ...args, "--non-interactive", "--color=never");
  expect(exitCode, all).toBe(0);
  return all;
}

test("what `pulumi config set` writes is read by the operator's commands", async () => {
  await pulumi("config", "set", "repairDrift", "false");
  await pulumi("config", "set", "expiryWarningDays", "20");
  const text = await readFile(join(checkout.directory, "stacks/Pulumi.prod.yaml"), "utf8");
  expect(text).toContain('repairDrift: "false"');
  expect(text).toContain('expiryWarningDays: "20"');
  const { all } = await checkout.run("npm", "run", "--silent", "expiry", "--", "--stack", "prod");
  expect(all).toContain("wiki.example.com");
});

test("the program reads it as well; a mistake is told in its own words, without a stack trace", async () => {
  await pulumi("config", "set", "--path", "sites.wiki.port", "80");
  const { exitCode, all } = await checkout.run("pulumi", "preview", "--non-interactive", "--color=never");
  expect(exitCode).not.toBe(0);
  expect(all.split("\n").filter((line) => line.startsWith("    error: "))).toEqual([
    expect.stringContaining(
      'stacks/Pulumi.prod.yaml, site "wiki": port must be a whole number from 1024 to 65535, got 80',
    ),
  ]);
  expect(all).not.toMatch(/ConfigError|unhandled exception|^\s+at /m);
});

test("a number that the engine reads in another way than the review is refused by both, before anything else", async () => {
  const file = join(checkout.directory, "stacks/Pulumi.prod.yaml");
  const text = await readFile(file, "utf8");
  try {
    await writeFile(file, text.replace(/port: .*/, "port: 010124"));
    const said =
      /stacks\/Pulumi.prod.yaml, line \d+: a number must be in plain digits like 4180, .* got 010124/;
    const preview = await checkout.run("pulumi", "preview", "--non-interactive", "--color=never");
    expect(preview.all).toMatch(said);
    expect(preview.all).not.toMatch(/^\s+at /m);
    const args = ["--silent", "explain", "--", "--stack", "prod", "https://wiki.example.com/"];
    expect((await checkout.run("npm", "run", ...args)).all).toMatch(said);
  } finally {
    await writeFile(file, text);
  }
});

test("a Node that cannot read TypeScript is told of, and what will do", async () => {
  const options = { cwd: checkout.directory, reject: false };
  const old = await execa(process.execPath, ["--no-experimental-strip-types", "infra/main.js"], options);
  expect(old.stderr).toContain(
    `Protected Sites needs Node 22.18 or newer on the PATH of \`pulumi\`, since it is TypeScript that Node itself reads; this is Node ${process.versions.node}`,
  );
});

test("what the engine refuses a command is told in one line", async () => {
  const args = ["--silent", "expiry", "--", "--stack", "not-deployed", "--entra"];
  expect(await checkout.run("npm", "run", ...args)).toEqual({
    exitCode: 2,
    all: "pulumi: no stack named 'not-deployed' found",
  });
});
