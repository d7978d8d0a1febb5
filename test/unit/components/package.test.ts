import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer.js";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildComponents } from "../../components-copy.ts";
import { npmInstall, pack } from "../../npm-package.ts";

const folder = new URL("../../../components/", import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, folder), "utf8")) as Versions;
interface Versions extends Record<string, unknown> {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

describe("programs in other Pulumi languages", () => {
  let schema: ReturnType<Analyzer["analyze"]>;
  beforeAll(() => {
    const names = new Set(["ProtectedSite", "ProxyHost", "InternalCa"]);
    schema = new Analyzer(fileURLToPath(folder), "protected-sites", read("package.json"), names).analyze();
  }, 120_000);

  test("can use the components", () => {
    const { components, typeDefinitions } = schema;
    expect(Object.keys(components["ProtectedSite"]?.inputs ?? {})).toEqual(
      expect.arrayContaining(["site", "tenantId", "hosts", "deployerPrivateKey"]),
    );
    expect(Object.keys(components["ProtectedSite"]?.outputs ?? {})).toEqual(["url", "clientId"]);
    expect(Object.keys(components["ProxyHost"]?.inputs ?? {})).toContain("oauth2Proxy");
    // SDKs put "Args" behind each of them: Python's SiteSettingsArgs.
    expect(Object.keys(typeDefinitions).filter((name) => name.endsWith("Args"))).toEqual([]);
    for (const { name, properties } of Object.values(typeDefinitions)) {
      for (const [key, { description }] of Object.entries(properties ?? {})) {
        expect(description, `${name}.${key} has no description`).toBeTruthy();
      }
    }
  });

  // Pulumi's generator for Go leaves out a type that is only the element of a component's plain list.
  test("have every type, also in Go", () => {
    const inputs = Object.values(schema.components).flatMap((it) => Object.values(it.inputs));
    const elements = inputs.flatMap(({ plain, items }) =>
      plain && items !== undefined && "$ref" in items ? [items.$ref] : [],
    );
    const elsewhere = JSON.stringify([
      inputs.filter((it) => "$ref" in it),
      Object.values(schema.typeDefinitions),
    ]);
    expect(elements).not.toEqual([]);
    expect(elements.filter((it) => !elsewhere.includes(`"${it}"`))).toEqual([]);
  });
});

test("the components' own package and the example pin what the project pins", () => {
  const project = read("../package.json");
  expect({ ...project.devDependencies, ...project.dependencies }).toMatchObject(
    read("package.json").dependencies,
  );
  expect(read("package.json")["version"]).toBe(project["version"]);
  const all = { ...project.dependencies, "protected-sites": project["version"] };
  expect(all).toMatchObject(read("../examples/typescript/package.json").dependencies);
});

test("a copy of the components, outside of the project, builds with the packages that it names", async () => {
  const outside = await mkdtemp(join(tmpdir(), "protected-sites-components-"));
  try {
    const copy = join(outside, "components");
    await buildComponents(copy);
    const script = `const all = await import(${JSON.stringify(pathToFileURL(join(copy, "dist/index.js")).href)}); console.log(Object.keys(all).sort().join(" "))`;
    const { stdout } = await execa("node", ["--input-type=module", "-e", script]);
    expect(stdout.split(" ")).toEqual(expect.arrayContaining(["ProtectedSite", "ProxyHost"]));
  } finally {
    await rm(outside, { recursive: true, force: true });
  }
}, 120_000);

describe("the npm package, installed into a folder outside of the project", () => {
  let outside: string;
  let example: string;
  const protectedSites = (cwd: string, ...args: string[]) =>
    execa(join(example, "node_modules/.bin/protected-sites"), args, { cwd, all: true, reject: false });

  beforeAll(async () => {
    outside = await mkdtemp(join(tmpdir(), "protected-sites-package-"));
    example = join(outside, "example");
    await cp(new URL("../examples/typescript", folder), example, { recursive: true });
    await npmInstall(await pack(outside), example);
  }, 300_000);

  afterAll(() => rm(outside, { recursive: true, force: true }));

  test("the example runs under plain Node, and declares a host and a site", async () => {
    const values = { tenantId: tenant, hostKey: key, oauth2ProxySha256: "0".repeat(64) };
    const config = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [`example:${name}`, value]),
    );
    await writeFile(
      join(example, "mocks.js"),
      `import * as pulumi from "@pulumi/pulumi";
       const newResource = ({ type, name, inputs }) => { console.log(type, name); return { id: name, state: { ...inputs, privateKeyOpenssh: "key", publicKeyOpenssh: "key" } }; };
       await pulumi.runtime.setMocks({ newResource, call: () => ({}) }, "example", "dev");
       pulumi.runtime.setAllConfig(${JSON.stringify(config)});
       const { url } = await import("./index.ts");
       url.apply((it) => console.log(it));`,
    );
    const { stdout } = await execa("node", ["mocks.js"], { cwd: example });
    expect(stdout.split("\n")).toEqual(
      expect.arrayContaining([
        "protected-sites:index:ProxyHost edge-1",
        "protected-sites:index:ProtectedSite wiki",
        "azuread:index/application:Application wiki",
        "command:local:Command wiki-edge-1",
        "https://wiki.example.com",
      ]),
    );
  });

  test("TypeScript finds the types of the example", async () => {
    const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--skipLibCheck"];
    const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", folder));
    const wrong = `import { ProxyHost } from "protected-sites"; new ProxyHost("a", { bogus: 1 });`;
    await writeFile(join(example, "wrong.ts"), wrong);
    const options = { cwd: example, all: true, reject: false } as const;
    const { all } = await execa("node", [tsc, ...flags, "index.ts", "wrong.ts"], options);
    expect(all).toMatch(/^wrong\.ts.*'bogus' does not exist in type/);
    expect(all.match(/error TS/g)).toHaveLength(1);
  });

  test("what init makes is valid, and a change of it is reviewed", async () => {
    const user = join(outside, "user");
    await mkdir(user);
    const answers = ["--tenant-id", tenant, "--host", "edge-1.example.com", "--host-key", key];
    const site = ["--domain", "wiki.example.com", "--upstream", "http://127.0.0.1:3000"];
    const init = await protectedSites(user, "init", "--yes", ...answers, ...site);
    expect(init.exitCode, init.all).toBe(0);
    const again = await protectedSites(user, "init", "--yes", ...answers, ...site);
    expect([again.exitCode, again.all]).toEqual([2, expect.stringContaining("already exists: Pulumi.yaml")]);

    const validate = await protectedSites(join(user, "policy"), "validate");
    expect(validate.all).toBe("stacks/Pulumi.prod.yaml: valid, 1 site on 1 host");
    const git = (...args: string[]) =>
      execa("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], { cwd: user });
    await git("init", "--quiet");
    // Where a checkout has the code that renders a commit: installed, no commit brings its own.
    await mkdir(join(user, "infra/review"), { recursive: true });
    await writeFile(join(user, "infra/review/rendering.ts"), 'console.log("{}");');
    const file = join(user, "stacks/Pulumi.prod.yaml");
    await git("add", ".");
    await git("commit", "--quiet", "--message", "first");
    await writeFile(file, (await readFile(file, "utf8")).replace("- example.com", "- partner.test"));
    const review = await protectedSites(user, "review", "--base", "HEAD");
    expect(review.exitCode, review.all).toBe(0);
    expect(review.all).toContain("ACCESS WIDENS on wiki");
    expect(review.all).not.toContain("rendered by");
  });

  test("an old Node gets told which one it takes", async () => {
    const main = join(example, "node_modules/protected-sites/dist/infra/commands/main.js");
    const old = await execa("node", ["--no-experimental-strip-types", main, "--help"], { reject: false });
    expect([old.exitCode, old.stderr]).toEqual([2, expect.stringContaining("needs Node 22.18 or newer")]);
  });
});

const tenant = "7e57ab1e-0000-4000-8000-000000000000";
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
