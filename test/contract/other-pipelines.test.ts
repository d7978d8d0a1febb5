/** The pipelines for GitLab and Azure DevOps: against their schemas, and their scripts run as they stand. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { checkSchema } from "./check-jsonschema.ts";
import { openRunner, type Runner } from "./runner.ts";

const folder = join(import.meta.dirname, "../../docs/ci");
const engine = "--non-interactive --color never --diff";
const preview = (stack: string) => `pulumi preview --stack ${stack} ${engine} --policy-pack policy`;
const up = (stack: string) => `pulumi up --stack ${stack} --yes ${engine} --policy-pack policy`;
const drift = (stack: string) => `pulumi preview --stack ${stack} ${engine} --refresh --expect-no-changes`;
const review = (base: string, format: string, output: string) =>
  `npm run --silent review -- --base ${base} --head HEAD --format ${format} --output ${output}`;

let runner: Runner;

beforeEach(async ({ onTestFinished }) => {
  runner = await openRunner(onTestFinished);
  for (const name of ["npm", "pulumi"]) await runner.standIn(name);
  await runner.standIn("curl", 'echo "echo installs \\"\\$@\\""');
});

test.each(["gitlab-ci", "azure-pipelines"] as const)(
  "%s.yml is of the published schema",
  async (kind) => {
    expect(await checkSchema(kind, join(folder, `${kind}.yml`))).toBe("");
    const text = await readFile(join(folder, `${kind}.yml`), "utf8");
    const broken = join(runner.work, "broken.yml");
    await writeFile(broken, text.replace(/^stages:/m, "stags:").replace("  - bash:", "  - bush:"));
    expect(await checkSchema(kind, broken)).toContain("broken.yml");
  },
  300_000,
);

test("they install the engine of the library's version", async () => {
  const { dependencies } = JSON.parse(await readFile(join(folder, "../../package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const kind of ["gitlab-ci", "azure-pipelines"])
    expect(await readFile(join(folder, `${kind}.yml`), "utf8")).toContain(
      `curl -fsSL https://get.pulumi.com | sh -s -- --version ${dependencies["@pulumi/pulumi"] ?? ""}\n`,
    );
});

describe("GitLab", () => {
  interface Job {
    readonly before_script?: readonly string[];
    readonly script: readonly string[];
    readonly variables?: Readonly<Record<string, string | number>>;
  }

  /** Runs a job as GitLab's runner does: all lines of both scripts in one shell. */
  async function run(name: string, env: Readonly<Record<string, string>> = {}) {
    const text = await readFile(join(folder, "gitlab-ci.yml"), "utf8");
    const file = parse(text, { merge: true }) as Record<string, Job> & {
      readonly variables: Readonly<Record<string, string>>;
      readonly default: { readonly before_script: readonly string[] };
    };
    const job = file[name];
    if (job === undefined) throw new Error(`gitlab-ci.yml must have a job "${name}"`);
    const project = join(runner.work, "project");
    await mkdir(project, { recursive: true });
    const given = { TENANT_ID: "the-tenant", CLIENT_ID: "the-client", BACKEND: "azblob://state" } as const;
    const known: Record<string, string | number> = { ...given, ...file.variables, ...job.variables };
    // A variable may name others.
    const variables = Object.entries(known).map(([key, value]) => [
      key,
      String(value).replace(/^\$(\w+)$/, (_, other: string) => String(known[other] ?? "")),
    ]);
    const script = [...(job.before_script ?? file.default.before_script), ...job.script].join("\n");
    return runner.run(
      script,
      {
        ...(Object.fromEntries(variables) as Record<string, string>),
        ARM_OIDC_TOKEN: "of-the-job",
        CI_PROJECT_DIR: project,
        CI_MERGE_REQUEST_DIFF_BASE_SHA: "0a1b2c",
        ...env,
      },
      project,
    );
  }

  test("reviews a merge request, and succeeds if the review has findings", async () => {
    await runner.standIn("npm", 'case "$*" in *text*) exit 1;; esac');
    const { exitCode, calls } = await run("review");
    expect(exitCode).toBe(0);
    expect(calls).toEqual([
      "npm ci --ignore-scripts",
      review("0a1b2c", "text", "report.txt"),
      review("0a1b2c", "markdown", "comment.md"),
    ]);
    await runner.standIn("npm", 'case "$*" in *text*) exit 2;; esac');
    expect((await run("review")).exitCode).not.toBe(0);
  });

  test.each([
    ["preview", [preview("staging"), preview("prod")]],
    ["up staging", [up("staging")]],
    ["up prod", [up("prod")]],
    ["drift", [drift("staging"), drift("prod")]],
  ])("%s signs in with the job's token, runs what is meant, and fails where it fails", async (job, meant) => {
    const token = 'printf "%s\\n" "$ARM_CLIENT_ID $(cat "$AZURE_FEDERATED_TOKEN_FILE") $PULUMI_BACKEND_URL"';
    await runner.standIn("pulumi", token);
    const { exitCode, all, calls } = await run(job);
    expect(exitCode, all).toBe(0);
    expect(all).toContain("installs --version");
    expect(all).toContain("the-client of-the-job azblob://state");
    expect(calls.filter((it) => it.startsWith("pulumi"))).toEqual(meant);
    await runner.standIn("pulumi", "exit 255");
    expect((await run(job)).exitCode).toBe(255);
  });
});

describe("Azure DevOps", () => {
  interface Step {
    readonly displayName?: string;
    readonly bash?: string;
    readonly inputs?: { readonly inlineScript: string };
  }

  /** All steps of a file, wherever its templates have them. */
  function stepsIn(value: unknown): Step[] {
    if (typeof value !== "object" || value === null) return [];
    const { steps } = value as { readonly steps?: readonly Step[] };
    return [...(steps ?? []), ...Object.values(value).flatMap(stepsIn)];
  }

  /** Runs a step as an agent does, for the stack prod: `$(NAME)` is replaced before the shell sees it. */
  async function run(name: string, env: Readonly<Record<string, string>> = {}) {
    const file = parse(await readFile(join(folder, "azure-pipelines.yml"), "utf8")) as {
      readonly variables: readonly { readonly name?: string; readonly value?: string }[];
    };
    const step = stepsIn(file).find(({ displayName }) => displayName === name);
    const text = step?.bash ?? step?.inputs?.inlineScript;
    if (text === undefined)
      throw new Error(`azure-pipelines.yml must have a step "${name}" that runs something`);
    const script = text
      .replaceAll("${{ stack }}", "prod")
      .replaceAll(
        /\$\((\w+)\)/g,
        (whole, key: string) => file.variables.find((it) => it.name === key)?.value ?? whole,
      );
    return runner.run(script, {
      AGENT_TEMPDIRECTORY: runner.work,
      idToken: "of-the-job",
      tenantId: "the-tenant",
      servicePrincipalId: "the-client",
      BACKEND: "azblob://state",
      SYSTEM_PULLREQUEST_TARGETBRANCH: "refs/heads/main",
      ...env,
    });
  }

  test("reviews a pull request, and succeeds if the review has findings", async () => {
    await runner.standIn("npm", 'case "$*" in *text*) exit 1;; esac');
    const { exitCode, all, calls } = await run("Review");
    expect(exitCode, all).toBe(0);
    expect(calls).toEqual([
      "npm ci --ignore-scripts",
      review("origin/main", "text", "report.txt"),
      review("origin/main", "markdown", "comment.md"),
    ]);
    expect(all).toContain(`##vso[task.uploadsummary]${runner.work}/comment.md`);
    await runner.standIn("npm", 'case "$*" in *text*) exit 2;; esac');
    expect((await run("Review")).exitCode).not.toBe(0);
  });

  test("installs the engine for the steps that follow", async () => {
    const { exitCode, all } = await run("Install");
    expect(exitCode, all).toBe(0);
    expect(all).toContain("installs --version");
    expect(all).toContain(`##vso[task.prependpath]${runner.work}/.pulumi/bin`);
    await runner.standIn("npm", "exit 1");
    expect((await run("Install")).exitCode).not.toBe(0);
  });

  test.each([
    ["Preview", preview("prod")],
    ["Up", up("prod")],
    ["Drift", drift("prod")],
  ])(
    "%s signs in with the job's token, runs what is meant, and fails where it fails",
    async (name, meant) => {
      const told = 'printf "%s\\n" "$ARM_CLIENT_ID $(cat "$AZURE_FEDERATED_TOKEN_FILE") $PULUMI_BACKEND_URL"';
      await runner.standIn("pulumi", told);
      const { exitCode, all, calls } = await run(name);
      expect(exitCode, all).toBe(0);
      expect(all).toContain("the-client of-the-job azblob://state");
      expect(calls).toEqual([meant]);
      await runner.standIn("pulumi", "exit 255");
      expect((await run(name)).exitCode).toBe(255);
    },
  );
});
