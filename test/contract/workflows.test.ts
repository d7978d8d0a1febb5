/** The workflows: linted, and their steps run as they stand, with stand-ins for the programs of a runner. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { ensureEngine } from "../lab/engine.ts";
import { workflowFiles } from "../../infra/commands/new-repository.ts";
import { actionlint } from "./actionlint.ts";
import { checkSchema } from "./check-jsonschema.ts";
import { openRunner, type Runner } from "./runner.ts";

const root = join(import.meta.dirname, "../..");

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

/** All steps of a workflow or of an action. */
async function stepsOf(file: string): Promise<Step[]> {
  const { jobs = {}, runs } = parse(await readFile(join(root, ".github", file), "utf8")) as {
    jobs?: Record<string, { steps: Step[] }>;
    runs?: { steps: Step[] };
  };
  return [...Object.values(jobs), ...(runs === undefined ? [] : [runs])].flatMap(({ steps }) => steps);
}

let runner: Runner;
let work: string;
let clone: string;

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), "workflows-clone-"));
});
afterAll(() => rm(clone, { recursive: true, force: true }));

beforeEach(async ({ onTestFinished }) => {
  runner = await openRunner(onTestFinished);
  ({ work } = runner);
});

const standIn = (name: string, does?: string) => runner.standIn(name, does);

/** Runs a step as GitHub does with `shell: bash`. */
async function run(file: string, name: string, env: Readonly<Record<string, string>> = {}, cwd = work) {
  const step = (await stepsOf(file)).find((it) => it.name === name);
  if (step?.run === undefined) throw new Error(`${file} must have a step "${name}" that runs something`);
  const own = {
    RUNNER_TEMP: work,
    GITHUB_ENV: join(work, "env"),
    GITHUB_STEP_SUMMARY: join(work, "summary"),
    STACK: "prod",
  };
  return runner.run(step.run, { ...own, ...env }, cwd);
}

test("actionlint reports nothing", async () => {
  expect(await actionlint(root)).toBe("");
}, 300_000);

test("third-party actions are pinned to full commit IDs, Pulumi's to a version", async () => {
  const workflows = (await readdir(join(root, ".github/workflows"))).map((it) => `workflows/${it}`);
  const files = [...workflows, "actions/engine/action.yml"];
  const used = (await Promise.all(files.map(stepsOf))).flat().flatMap(({ uses }) => uses ?? []);
  const loose = used.filter((it) => !it.startsWith("./") && !/@[0-9a-f]{40}$/.test(it));
  expect(loose).toEqual(["pulumi/actions@v6"]);
});

test("the engine has its library's version", async () => {
  const steps = await stepsOf("actions/engine/action.yml");
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const { with: inputs } = steps.find(({ uses }) => uses?.startsWith("pulumi/actions")) ?? {};
  expect(inputs).toEqual({ "pulumi-version": dependencies["@pulumi/pulumi"] });
});

describe("the engine's action", () => {
  const job = {
    ACTIONS_ID_TOKEN_REQUEST_URL: "https://token.example.com/?v=2",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of-the-job",
    TENANT: "the-tenant",
    CLIENT: "the-client",
    BACKEND: "azblob://state?storage_account=contoso",
  };

  test("signs in with a token of this job", async () => {
    await standIn("curl", `echo '{"value":"a-token"}'`);
    await standIn("jq", "cut -d'\"' -f4");
    const { exitCode, calls } = await run("actions/engine/action.yml", "Sign in", job);
    expect(exitCode).toBe(0);
    expect(calls.find((it) => it.startsWith("curl"))).toContain(
      "https://token.example.com/?v=2&audience=api://AzureADTokenExchange",
    );
    expect(await readFile(join(work, "token"), "utf8")).toBe("a-token\n");
    expect(await readFile(join(work, "env"), "utf8")).toBe(
      [
        ...["ARM_USE_OIDC=true", "ARM_TENANT_ID=the-tenant", "ARM_CLIENT_ID=the-client"],
        ...["AZURE_TENANT_ID=the-tenant", "AZURE_CLIENT_ID=the-client"],
        `AZURE_FEDERATED_TOKEN_FILE=${work}/token`,
        "PULUMI_BACKEND_URL=azblob://state?storage_account=contoso",
        "PULUMI_PARALLEL=32",
        "PULUMI_DIY_BACKEND_ZSTD=true\n",
      ].join("\n"),
    );
  });

  test("fails if it gets none", async () => {
    await standIn("curl", "exit 22");
    await standIn("jq", "cat");
    expect((await run("actions/engine/action.yml", "Sign in", job)).exitCode).not.toBe(0);
  });
});

describe("of the engine's commands", () => {
  const commands: readonly [file: string, step: string, call: string][] = [
    [
      "workflows/preview.yml",
      "Preview",
      "preview --stack prod --non-interactive --color never --diff --policy-pack policy",
    ],
    [
      "workflows/up.yml",
      "Up",
      "up --stack prod --yes --non-interactive --color never --diff --policy-pack policy",
    ],
    [
      "workflows/drift.yml",
      "Entra",
      "preview --stack prod --non-interactive --color never --diff --refresh --expect-no-changes",
    ],
  ];

  test.each(commands)("%s runs the one that is meant, and fails where it fails", async (file, step, call) => {
    await standIn("pulumi", "echo a line of it");
    const { exitCode, calls, all } = await run(file, step);
    expect({ exitCode, calls }).toEqual({ exitCode: 0, calls: [`pulumi ${call}`] });
    expect(all).toContain("a line of it");
    await standIn("pulumi", "exit 255");
    expect((await run(file, step)).exitCode).toBe(255);
  });

  test.each(commands)("%s uses flags that the engine has", async (_file, _step, call) => {
    const { pulumi } = await ensureEngine();
    const [command = "", ...words] = call.split(" ");
    const { stdout } = await execa(pulumi, [command, "--help"]);
    for (const flag of words.filter((it) => it.startsWith("--"))) expect(stdout).toContain(flag);
  });
});

test("a preview is in the run's summary", async () => {
  await writeFile(join(work, "preview.txt"), "~ command:local:Command: (update)\n");
  await run("workflows/preview.yml", "Summary");
  expect(await readFile(join(work, "summary"), "utf8")).toBe(
    "````diff\n~ command:local:Command: (update)\n\n````\n",
  );
});

test("the hosts are queried with a key that nobody else can read, and that is removed afterwards", async () => {
  await standIn("pulumi", "echo the-key");
  await standIn("npm", "exit 1");
  const { exitCode, calls } = await run("workflows/drift.yml", "Hosts");
  expect(exitCode).toBe(1);
  expect(calls).toEqual([
    "pulumi config get protected-sites:adminPrivateKey --stack prod",
    `npm run --silent status -- --stack prod --identity ${work}/identity`,
  ]);
  const identity = join(work, "identity");
  expect(await readFile(identity, "utf8")).toBe("the-key\n");
  expect((await stat(identity)).mode & 0o777).toBe(0o600);
  await run("workflows/drift.yml", "Sign out");
  await expect(stat(identity)).rejects.toThrow("ENOENT");
});

describe("blocking whom Entra has disabled", () => {
  const kept = () => join(work, "kept.json");

  test("begins where the last run ended, and keeps the hosts' key for nobody else to read", async () => {
    await standIn("pulumi", "echo the-key");
    await standIn("npm");
    await writeFile(kept(), "of the last run");
    const env = { KEPT: kept(), BASELINE: "", LIMIT: "5" };
    const { exitCode, calls } = await run("workflows/block-disabled.yml", "Block", env);
    expect({ exitCode, calls }).toEqual({
      exitCode: 0,
      calls: [
        "pulumi config get protected-sites:adminPrivateKey --stack prod",
        `npm run --silent block-disabled -- --stack prod --state ${work}/people.json --limit 5 --identity ${work}/identity`,
      ],
    });
    expect(await readFile(join(work, "people.json"), "utf8")).toBe("of the last run");
    expect((await stat(join(work, "identity"))).mode & 0o777).toBe(0o600);
  });

  test("takes a baseline where that is asked for, and fails where the command fails", async () => {
    await standIn("pulumi", "echo the-key");
    await standIn("npm", "exit 2");
    const env = { KEPT: kept(), BASELINE: "yes", LIMIT: "5" };
    const { exitCode, calls } = await run("workflows/block-disabled.yml", "Block", env);
    expect(exitCode).toBe(2);
    expect(calls.at(-1)).toContain(`--state ${work}/people.json --baseline --limit 5`);
  });

  const author = {
    GIT_AUTHOR_NAME: "bot",
    GIT_AUTHOR_EMAIL: "bot@example.com",
    GIT_COMMITTER_NAME: "bot",
    GIT_COMMITTER_EMAIL: "bot@example.com",
  };
  const commit = (repository: string) =>
    run("workflows/block-disabled.yml", "Commit", { BRANCH: "main", ...author }, repository);
  const onMain = async () =>
    (await execa("git", ["log", "--format=%s", "main"], { cwd: join(work, "origin") })).stdout.split("\n");

  test("says so on the branch, also if that has moved meanwhile", async () => {
    const repository = await changedRepository();
    await execa("git", ["stash", "--quiet"], { cwd: repository, env: author });
    await execa("git", ["push", "--quiet", "origin", "main"], { cwd: repository });
    const other = join(work, "other");
    await execa("git", ["clone", "--quiet", "--branch", "main", join(work, "origin"), other]);
    await execa("git", ["commit", "--quiet", "--allow-empty", "--message", "of somebody else"], {
      cwd: other,
      env: author,
    });
    await execa("git", ["push", "--quiet", "origin", "main"], { cwd: other });
    await execa("git", ["stash", "pop", "--quiet"], { cwd: repository, env: author });
    const { exitCode, all } = await commit(repository);
    expect(exitCode, all).toBe(0);
    expect(await onMain()).toEqual([
      "Block whoever Entra has disabled or deleted (prod)",
      "of somebody else",
      "first",
    ]);
  });

  test("fails where the branch does not take it, and commits nothing if nobody is new", async () => {
    const repository = await changedRepository();
    await execa("git", ["push", "--quiet", "origin", "main"], { cwd: repository });
    const hook = join(work, "origin/hooks/pre-receive");
    await writeFile(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const { exitCode, all } = await commit(repository);
    expect(exitCode).toBe(1);
    expect(all).toContain("Hosts block them, but main does not say so");
    expect((await commit(repository)).exitCode).toBe(0);
    expect(await onMain()).toEqual(["first"]);
  });

  test("keeps where it ended, for nobody else to read", async () => {
    await writeFile(join(work, "people.json"), "of this run");
    await run("workflows/block-disabled.yml", "Keep", { KEPT: kept() });
    expect(await readFile(kept(), "utf8")).toBe("of this run");
    expect((await stat(kept())).mode & 0o777).toBe(0o600);
    await run("workflows/block-disabled.yml", "Sign out");
    await expect(stat(join(work, "people.json"))).rejects.toThrow("ENOENT");
  });
});

test("a review is written for people and for the comment", async () => {
  await execa("git", ["clone", "--quiet", "--shared", root, clone]);
  await writeFile(join(clone, ".git/info/exclude"), "node_modules\n");
  await symlink(join(root, "node_modules"), join(clone, "node_modules"));
  const { exitCode, all } = await run(
    "workflows/review.yml",
    "Review",
    { BASE: "HEAD", WHOLE: "the artifact" },
    clone,
  );
  expect(exitCode, all).toBe(0);
  expect(await readFile(join(clone, "comment.md"), "utf8")).toMatch(/^<!-- protected-sites review -->/);
  expect(await readFile(join(clone, "report.txt"), "utf8")).toContain("renders identically");
});

/** A repository with a change, and its origin. */
async function changedRepository(): Promise<string> {
  const [origin, repository] = [join(work, "origin"), join(work, "repository")];
  await execa("git", ["init", "--quiet", "--bare", origin]);
  await execa("git", ["init", "--quiet", "--initial-branch=main", repository]);
  const git = (...args: string[]) =>
    execa("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], { cwd: repository });
  await mkdir(join(repository, "stacks"));
  await writeFile(join(repository, "stacks/Pulumi.prod.yaml"), "generation: 1\n");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "first");
  await git("remote", "add", "origin", origin);
  await writeFile(join(repository, "stacks/Pulumi.prod.yaml"), "generation: 2\n");
  return repository;
}

describe("a rotation on a schedule", () => {
  async function changed(): Promise<string> {
    await writeFile(join(work, "rotation.txt"), "+generation: 2\n");
    return changedRepository();
  }

  test("selects what expires within 30 days", async () => {
    await standIn("npm", "echo the diff");
    const { exitCode, calls } = await run("workflows/rotate.yml", "Rotate");
    expect(exitCode).toBe(0);
    expect(calls).toEqual(["npm run --silent rotate -- --stack prod --all --due 30"]);
    expect(await readFile(join(work, "rotation.txt"), "utf8")).toBe("the diff\n");
  });

  test("opens one pull request, and updates an open one", async () => {
    const repository = await changed();
    await standIn("gh", '[ "$2" != view ] || exit 1');
    const first = await run("workflows/rotate.yml", "Pull request", {}, repository);
    expect(first.exitCode, first.all).toBe(0);
    expect(first.calls.at(-1)).toBe(
      `gh pr create --head rotate-prod --title Rotate client secrets of prod --body-file ${work}/body.md`,
    );
    expect(await readFile(join(work, "body.md"), "utf8")).toContain("+generation: 2");
    const { stdout } = await execa("git", ["show", "rotate-prod:stacks/Pulumi.prod.yaml"], {
      cwd: join(work, "origin"),
    });
    expect(stdout).toBe("generation: 2");

    await execa("git", ["switch", "--quiet", "main"], { cwd: repository });
    await execa("git", ["branch", "--quiet", "-D", "rotate-prod"], { cwd: repository });
    await writeFile(join(repository, "stacks/Pulumi.prod.yaml"), "generation: 3\n");
    await standIn("gh", '[ "$2" != view ] || echo OPEN');
    const second = await run("workflows/rotate.yml", "Pull request", {}, repository);
    expect(second.exitCode, second.all).toBe(0);
    expect(second.calls.at(-1)).toBe(`gh pr edit rotate-prod --body-file ${work}/body.md`);
  });

  test("does nothing where nothing ends", async () => {
    const repository = await changed();
    await execa("git", ["checkout", "--quiet", "--", "stacks"], { cwd: repository });
    await standIn("gh");
    const { exitCode, calls } = await run("workflows/rotate.yml", "Pull request", {}, repository);
    expect({ exitCode, calls }).toEqual({ exitCode: 0, calls: [""] });
  });
});

describe("a release", () => {
  const version = async (tag: string, changelog: string) => {
    await writeFile(join(work, "package.json"), '{ "version": "1.2.3" }');
    await writeFile(join(work, "CHANGELOG.md"), changelog);
    return run("workflows/release.yml", "Version", { TAG: tag });
  };

  test("has the version of package.json and of the changelog", async () => {
    expect((await version("v1.2.3", "# Changelog\n\n## 1.2.3\n")).exitCode).toBe(0);
    const other = await version("v1.2.4", "## 1.2.3\n");
    expect([other.exitCode, other.all]).toEqual([1, "the tag is v1.2.4, but package.json has 1.2.3"]);
    const unwritten = await version("v1.2.3", "## 1.2.30\n## Unreleased\n");
    expect([unwritten.exitCode, unwritten.all]).toEqual([1, 'CHANGELOG.md has no section "## 1.2.3"']);
  });

  test("is one package with its repository, and the bill of materials of what it depends on", async () => {
    const copy = join(work, "copy");
    await execa("git", ["clone", "--quiet", "--shared", root, copy]);
    await symlink(join(root, "node_modules"), join(copy, "node_modules"));
    const at = { GITHUB_SERVER_URL: "https://github.com", GITHUB_REPOSITORY: "example/sites" };
    const { exitCode, all } = await run("workflows/release.yml", "Package", at, copy);
    expect(exitCode, all).toBe(0);
    const [archive = ""] = (await readdir(join(copy, "release"))).filter((it) => it.endsWith(".tgz"));
    const { stdout } = await execa("tar", ["-xzOf", join(copy, "release", archive), "package/package.json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      repository: { url: "git+https://github.com/example/sites.git" },
    });
    const sbom = JSON.parse(await readFile(join(copy, "release/sbom.cdx.json"), "utf8")) as {
      readonly bomFormat: string;
      readonly components: readonly { readonly name: string }[];
    };
    expect(sbom.bomFormat).toBe("CycloneDX");
    const names = sbom.components.map(({ name }) => name);
    expect(names).toContain("@pulumi/azuread");
    expect(names).not.toContain("vitest");
  });

  test("publishes exactly that", async () => {
    await mkdir(join(work, "release"));
    for (const name of ["docs-site.tar.gz", "protected-sites-1.2.3.tgz", "sbom.cdx.json"])
      await writeFile(join(work, "release", name), "");
    await standIn("gh");
    await standIn("npm");
    const { exitCode, calls } = await run("workflows/release.yml", "Publish", { TAG: "v1.2.3", RUN: "7" });
    expect(exitCode).toBe(0);
    expect(calls).toEqual([
      "gh run download 7 --name release --dir release",
      "npm publish release/protected-sites-1.2.3.tgz --provenance --access public",
      "gh release create v1.2.3 --verify-tag --title v1.2.3 --notes What changes: CHANGELOG.md of this tag release/docs-site.tar.gz release/protected-sites-1.2.3.tgz release/sbom.cdx.json",
    ]);
  });
});

test("the docs sites of all releases are published together, the latest as the first to be seen", async () => {
  await standIn(
    "gh",
    `case "$*" in
      api*) printf 'v1.2.3\\nv1.2.2\\n' ;;
      *) mkdir -p site archives/"$3" && echo "$3" > site/index.html && tar -czf archives/"$3"/docs-site.tar.gz -C site . ;;
    esac`,
  );
  const { exitCode, all } = await run("workflows/release.yml", "All versions", {
    TAG: "v1.2.3",
    GH_REPO: "example/sites",
  });
  expect(exitCode, all).toBe(0);
  const { stdout } = await execa("tar", ["-tf", join(work, "artifact.tar")]);
  const files = ["./index.html", "./versions.html", "./v1.2.2/index.html", "./v1.2.3/index.html"];
  expect(stdout.split("\n")).toEqual(expect.arrayContaining(files));
  const page = (name: string) => readFile(join(work, "pages", name), "utf8");
  expect(await page("v1.2.2/index.html")).toBe("v1.2.2\n");
  expect(await page("versions.html")).toContain('<a href="v1.2.3/">v1.2.3</a></li>\n<li><a href="v1.2.2/">');
  expect(await page("index.html")).toContain("url=v1.2.3/");
});

test("a new repository gets all workflows but this project's own", async () => {
  const all = await readdir(join(root, ".github/workflows"));
  const own = ["ci.yml", "release.yml"];
  expect(workflowFiles.filter((it) => it.includes("/workflows/")).sort()).toEqual(
    all.filter((it) => !own.includes(it)).map((it) => `.github/workflows/${it}`),
  );
});

test("Renovate's configuration is valid, and finds the oauth2-proxy that hosts get by default", async () => {
  const file = join(root, "renovate.json");
  expect(await checkSchema("renovate", file)).toBe("");
  const { customManagers } = JSON.parse(await readFile(file, "utf8")) as {
    readonly customManagers: readonly [{ readonly matchStrings: readonly [string] }];
  };
  const [{ matchStrings }] = customManagers;
  const environment = await readFile(join(root, "infra/environment.ts"), "utf8");
  const found = [...environment.matchAll(new RegExp(matchStrings[0], "g"))];
  expect(found.map(({ groups }) => groups)).toMatchObject([{ depName: "oauth2-proxy/oauth2-proxy" }]);
});
