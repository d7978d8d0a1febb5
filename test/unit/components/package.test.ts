import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer.js";
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
