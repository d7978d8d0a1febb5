/** The engine's own command line on the program, and the operator's commands on what it writes. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { execa } from "execa";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";

import { ConfigError } from "../../components/site/errors.ts";
import { settingOf } from "../../infra/environment.ts";
import { parseStackFile, settingsOf } from "../../infra/stack-file.ts";
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

test("a setting that the engine has from Pulumi.yaml, which reviews do not read, is refused", async () => {
  const file = join(checkout.directory, "Pulumi.yaml");
  const text = await readFile(file, "utf8");
  const defaults = { type: "object", default: { guests: true } };
  try {
    await writeFile(
      file,
      text.replace("config:\n", `config:\n  siteDefaults: ${JSON.stringify(defaults)}\n`),
    );
    const { all } = await checkout.run("pulumi", "preview", "--non-interactive", "--color=never");
    expect(all).toContain(
      "stacks/Pulumi.prod.yaml, siteDefaults: must be set in this file, which is all that reviews and commands read",
    );
    expect(all).not.toMatch(/^\s+at /m);
  } finally {
    await writeFile(file, text);
  }
});

const oneOf = (letters: string) => fc.constantFrom(...Array.from(letters));

/** Values as people and programs write them, with letters that readers of YAML differ about. */
const written = fc.oneof(
  fc.string({ unit: oneOf("0123456789_.+-eExobaf:~"), minLength: 1, maxLength: 6 }),
  fc.constantFrom(
    "yes",
    "No",
    "on",
    "TRUE",
    "True",
    "true",
    "null",
    "Null",
    "~",
    ".inf",
    "-.INF",
    ".NaN",
    "=",
    "1e3",
  ),
  fc.string({ unit: oneOf("ab1 -_#:'\"\\\\ntä,"), maxLength: 8 }).map((it) => `"${it}"`),
  fc.string({ unit: oneOf("ab1 -_#:'\"\\\\,"), maxLength: 8 }).map((it) => `'${it}'`),
  fc
    .array(fc.constantFrom("a", "1", "010", "'x, y'", "0x1F", "true", "1:30", "2.50"), { maxLength: 3 })
    .map((it) => `[${it.join(", ")}]`),
  fc.constantFrom(
    "|\n      two\n      lines",
    ">-\n      two\n      lines",
    "{ a: 1, b: [x] }",
    "&x 5",
    "1.0",
    "0.10",
  ),
);

test("what the engine hands to the program is what the commands read in the file, or the file is refused", async () => {
  const file = join(checkout.directory, "stacks/Pulumi.prod.yaml");
  const text = await readFile(file, "utf8");
  const entry = (value: string, number: number) => `  protected-sites:k${number}:\n    a: ${value}\n`;
  const isRead = (value: string) => {
    try {
      parseStackFile("prod", `config:\n${entry(value, 0)}`);
      return true;
    } catch (error) {
      if (error instanceof ConfigError) return false;
      throw error;
    }
  };
  const samples = fc.sample(written, { numRuns: 3000, seed: 7 }).filter(isRead);
  expect(samples.length).toBeGreaterThan(1000);
  try {
    const whole = `config:\n${samples.map(entry).join("")}`;
    await writeFile(file, whole);
    const handed = JSON.parse(await pulumi("config", "--json")) as Record<string, { readonly value: string }>;
    const read = settingsOf(parseStackFile("prod", whole));
    const differently = samples.filter(
      (_, number) =>
        !isDeepStrictEqual(settingOf(handed[`protected-sites:k${number}`]?.value ?? ""), read[`k${number}`]),
    );
    expect(differently).toEqual([]);
  } finally {
    await writeFile(file, text);
  }
});

test("what `pulumi config set` writes is read by the operator's commands", async () => {
  await pulumi("config", "set", "repairDrift", "false");
  await pulumi("config", "set", "expiryWarningDays", "20");
  const text = await readFile(join(checkout.directory, "stacks/Pulumi.prod.yaml"), "utf8");
  expect(text).toContain('repairDrift: "false"');
  expect(text).toContain('expiryWarningDays: "20"');
  const { all } = await checkout.run("npm", "run", "--silent", "expiry", "--", "--stack", "prod");
  expect(all).toContain("wiki.example.com");
});

test("the program accepts it as well; an error is reported in its own words, without a stack trace", async () => {
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

test("a Node that cannot run TypeScript is reported, with the version that can", async () => {
  const options = { cwd: checkout.directory, reject: false };
  const old = await execa(process.execPath, ["--no-experimental-strip-types", "infra/main.js"], options);
  expect(old.stderr).toContain(
    `Protected Sites needs Node 22.18 or newer on the PATH of \`pulumi\`, since it is TypeScript that Node itself reads; this is Node ${process.versions.node}`,
  );
});

test("a command reports the engine's refusal in one line", async () => {
  const args = ["--silent", "expiry", "--", "--stack", "not-deployed", "--entra"];
  expect(await checkout.run("npm", "run", ...args)).toEqual({
    exitCode: 2,
    all: "pulumi: no stack named 'not-deployed' found",
  });
});
