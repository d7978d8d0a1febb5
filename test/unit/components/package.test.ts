import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer.js";
import { execa } from "execa";
import { expect, test } from "vitest";

const folder = new URL("../../../components/", import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, folder), "utf8")) as Versions;
interface Versions extends Record<string, unknown> {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

test("programs in other Pulumi languages can use both components", () => {
  const analyzer = new Analyzer(
    fileURLToPath(folder),
    "protected-sites",
    read("package.json"),
    new Set(["ProtectedSite", "ProxyHost"]),
  );
  const { components, typeDefinitions } = analyzer.analyze();
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

test("the components' own package pins what the project pins", () => {
  const project = read("../package.json");
  expect({ ...project.devDependencies, ...project.dependencies }).toMatchObject(
    read("package.json").dependencies,
  );
});

test("a copy of the components, outside of the project, builds with the packages that it names", async () => {
  const outside = await mkdtemp(join(tmpdir(), "protected-sites-components-"));
  try {
    const copy = join(outside, "components");
    await cp(folder, copy, {
      recursive: true,
      filter: (path) => !/[/]components[/](?:dist|node_modules)$/.test(path),
    });
    const { dependencies } = JSON.parse(await readFile(join(copy, "package.json"), "utf8")) as Versions;
    for (const name of Object.keys(dependencies)) {
      const link = join(copy, "node_modules", name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(await realpath(new URL(`../node_modules/${name}`, folder)), link);
    }
    await execa("node", [join(copy, "node_modules/typescript/bin/tsc"), "-p", "."], { cwd: copy });
    await cp(join(copy, "host/protected_sites"), join(copy, "dist/host/protected_sites"), {
      recursive: true,
    });
    const script = `const all = await import(${JSON.stringify(pathToFileURL(join(copy, "dist/index.js")).href)}); console.log(Object.keys(all).sort().join(" "))`;
    const { stdout } = await execa("node", ["--input-type=module", "-e", script]);
    expect(stdout.split(" ")).toEqual(expect.arrayContaining(["ProtectedSite", "ProxyHost"]));
  } finally {
    await rm(outside, { recursive: true, force: true });
  }
}, 120_000);
