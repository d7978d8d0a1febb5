/** `protected-sites`, the operator's commands as one, and what is the same for all of them. */
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { commandNames, load } from "../../../infra/commands/all.ts";
import { validity } from "../../../infra/commands/validate.ts";
import { whatWouldGo } from "../../../infra/commands/revoke.ts";
import { environmentOf, parseStackFile } from "../../../infra/stack-file.ts";
import { newRepository } from "../../../infra/commands/new-repository.ts";
import { settings } from "../review/environments.ts";

const root = join(import.meta.dirname, "../../..");

/** How a command ended, without a stack trace in what it said. */
async function run(args: readonly string[], input = "") {
  const options = { cwd: root, input, all: true, reject: false } as const;
  const { exitCode, all } = await execa(process.execPath, ["infra/commands/main.js", ...args], options);
  expect(all).not.toMatch(/^\s+at /m);
  return { exitCode, all };
}

test("every file with a command is one of protected-sites", () => {
  const files = globSync("infra/commands/*.ts", { cwd: root });
  const withCommand = files.filter((it) =>
    /export (?:function|const) command\b/.test(readFileSync(join(root, it), "utf8")),
  );
  expect(withCommand.map((it) => basename(it, ".ts")).sort()).toEqual([...commandNames].sort());
});

test.each(commandNames)(
  "%s has its own name, and its --json and --dry-run mean what they mean elsewhere",
  async (name) => {
    const command = await load(name);
    expect(command.name()).toBe(name);
    const said = (long: string) => command.options.find((it) => it.long === long)?.description;
    expect([undefined, "print JSON", "the same as --format json"]).toContain(said("--json"));
    expect(said("--dry-run") ?? "only show it").toMatch(/^only show /);
  },
);

test("help lists every command, and is no error", async () => {
  const { exitCode, all } = await run(["--help"]);
  expect(exitCode).toBe(0);
  for (const name of commandNames) expect(all).toMatch(new RegExp(`^  ${name} `, "m"));
});

test.each([
  [{}, "32 resources at once, and compresses the state", "32 zstd: true, gzip: "],
  [{ PULUMI_PARALLEL: "4" }, "4 resources at once", "4 zstd: true, gzip: "],
  [{ PULUMI_DIY_BACKEND_ZSTD: "false" }, "a plain state", "32 zstd: false, gzip: "],
  [{ PULUMI_DIY_BACKEND_GZIP: "true" }, "a state in gzip", "32 zstd: , gzip: true"],
])("up with %j: the engine works on %s", async (given, _, used) => {
  const folder = await mkdtemp(join(tmpdir(), "protected-sites-"));
  const compression = "zstd: $PULUMI_DIY_BACKEND_ZSTD, gzip: $PULUMI_DIY_BACKEND_GZIP";
  const said = `echo "$PULUMI_PARALLEL ${compression}: $*"; exit 1`;
  await writeFile(join(folder, "pulumi"), `#!/bin/sh\n${said}\n`, { mode: 0o755 });
  const { stdout } = await execa(
    process.execPath,
    ["infra/commands/main.js", "up", "--stack", "example", "--yes", "--", "--refresh"],
    {
      cwd: root,
      env: { PATH: `${folder}:${process.env["PATH"]}`, ...given },
      reject: false,
    },
  );
  await rm(folder, { recursive: true });
  expect(stdout.split("\n")[0]).toBe(`${used}: up --stack example --diff --yes --refresh`);
});

test("a command and the engine keep what Node compiles in the user's own cache", async () => {
  const folder = await mkdtemp(join(tmpdir(), "protected-sites-"));
  const compiled = join(folder, "protected-sites/compiled");
  const said = 'echo "$NODE_COMPILE_CACHE"; exit 1';
  await writeFile(join(folder, "pulumi"), `#!/bin/sh\n${said}\n`, { mode: 0o755 });
  const { stdout } = await execa(
    process.execPath,
    ["infra/commands/main.js", "preview", "--stack", "example"],
    {
      cwd: root,
      env: {
        PATH: `${folder}:${process.env["PATH"]}`,
        XDG_CACHE_HOME: folder,
        NODE_COMPILE_CACHE: undefined,
        NODE_DISABLE_COMPILE_CACHE: undefined,
      },
      reject: false,
    },
  );
  const kept = await readdir(compiled);
  await rm(folder, { recursive: true });
  expect(stdout.split("\n")[0]).toBe(compiled);
  expect(kept).toHaveLength(1);
});

describe("wrong use ends with 2", () => {
  test.each([
    ["no such command", ["bogus"], "error: unknown command 'bogus'"],
    ["a missing option", ["status"], "error: required option '--stack <name>' not specified"],
    ["an unknown option", ["expiry", "--bogus"], "error: unknown option '--bogus'"],
    ["a number that is none", ["expiry", "--days", "x"], "Must be a whole number."],
    ["a time that is none", ["who", "--stack", "example", "--since", "yesterday"], "Must be like 12h, 7d"],
    ["no such site", ["who", "--stack", "example", "--site", "bogus"], 'site "bogus": no such site'],
    ["no such environment", ["validate", "--stack", "bogus"], "stacks/Pulumi.bogus.yaml: no such file"],
    ["too many arguments", ["matrix", "a", "b", "--stack", "example"], "error: too many arguments"],
    ["nothing piped in", ["forget-host", "edge-2"], "expected an export of the stack on standard input"],
    ["questions without a terminal", ["init"], "init: asks its questions in a terminal"],
    ["an answer that is missing", ["init", "--yes"], "init: --tenant-id is required with --yes"],
  ])("%s", async (_, args, says) => {
    const { exitCode, all } = await run(args);
    expect({ exitCode, all }).toEqual({ exitCode: 2, all: expect.stringContaining(says) as string });
  });
});

test("a wrong file ends with 1, and each error has its line", async () => {
  const folder = await mkdtemp(join(tmpdir(), "validate-"));
  try {
    const wrong = { ...settings(), adminUser: 5 };
    const config = Object.entries(wrong).map(([key, value]) => [`protected-sites:${key}`, value]);
    await writeFile(
      join(folder, "Pulumi.prod.yaml"),
      stringify({ config: Object.fromEntries(config) as object }),
    );
    const { exitCode, all } = await run(["validate", "--folder", folder]);
    const [problem] = validity(folder)[0]?.problems ?? [];
    expect({ exitCode, all }).toEqual({
      exitCode: 1,
      all: `stacks/Pulumi.prod.yaml:${problem?.line ?? ""}: ${problem?.what ?? ""}`,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("bash completes commands, and each one's options", async () => {
  const { all } = await run(["completion", "bash"]);
  const complete = async (...words: string[]) => {
    const script = `${all}\nCOMP_WORDS=(protected-sites ${words.map((it) => `"${it}"`).join(" ")}); COMP_CWORD=${words.length}; _protected_sites; echo "\${COMPREPLY[@]}"`;
    return (await execa("bash", ["-c", script])).stdout;
  };
  expect(await complete("ro")).toBe("rotate rollback");
  expect(await complete("revoke", "--d")).toBe("--days --dry-run");
  expect(await complete("revoke", "--stack", "prod", "--w")).toBe("--without");
});

test("a dry run of a revocation names every client secret that Entra has of these sites", () => {
  const secret = (keyId: string) => ({ keyId, displayName: "protected-sites 1", known: true });
  const registered = (site: string) => ({
    site,
    objectId: "",
    clientId: "",
    inState: [],
    secrets: [secret(site)],
  });
  const { sites } = environmentOf(
    parseStackFile("prod", newRepository(answers, {}, "1.0.0", new Date())["stacks/Pulumi.prod.yaml"] ?? ""),
  );
  expect(whatWouldGo([registered("wiki"), registered("code")], sites)).toEqual([
    { site: "wiki", keyId: "wiki", displayName: "protected-sites 1" },
  ]);
});

const answers = {
  tenantId: "7e57ab1e-0000-4000-8000-000000000000",
  stack: "prod",
  host: "edge-1.example.com",
  hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  adminUser: "admin",
  domain: "wiki.example.com",
  upstream: "http://10.0.0.5:3000",
  emailDomain: "example.com",
};

test("a new repository keeps what package.json had", () => {
  const present = {
    name: "ours",
    scripts: { up: "make up" },
    dependencies: { "protected-sites": "file:../p.tgz" },
  };
  const { "package.json": text = "" } = newRepository(answers, present, "1.0.0", new Date());
  expect(JSON.parse(text)).toMatchObject({
    ...present,
    main: "node_modules/protected-sites/dist/infra/main.js",
    scripts: { up: "make up", status: "protected-sites status" },
  });
});
