import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { siteFiles } from "../../../components/render/site-files.ts";
import { environmentFrom } from "../../../infra/environment.ts";
import { stackSchema } from "../../../infra/stack-schema.ts";
import { docstringOf } from "../docstrings.ts";

const root = join(import.meta.dirname, "../../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const stacks = globSync("stacks/*.yaml", { cwd: root });

function settingsOf(file: string): Record<string, unknown> {
  const { config } = parse(read(file)) as { config: Record<string, unknown> };
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace("protected-sites:", ""), value]),
  );
}

test("stacks/schema.json is what the program accepts, in the words of its types", async () => {
  const schema = stackSchema(docstringOf);
  // `npm run docs` writes it anew.
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot("../../../stacks/schema.json");
  expect(JSON.stringify(schema)).toContain("Where sessions are stored.");
});

describe.each(stacks)("%s", (file) => {
  test("names its schema for editors", () => {
    expect(read(file)).toMatch(/^# yaml-language-server: \$schema=schema\.json\n/);
  });

  test("is accepted", () => {
    const environment = environmentFrom(settingsOf(file), file);
    for (const site of environment.sites)
      expect(siteFiles(site, { ...environment, allowVulnerableOauth2Proxy: false })).not.toEqual([]);
  });
});

test("the examples do what they claim", () => {
  const sitesOf = (name: string) => environmentFrom(settingsOf(`stacks/Pulumi.${name}.yaml`), name).sites;
  expect(sitesOf("small-office")).toHaveLength(2);
  const company = sitesOf("company");
  expect(company).toHaveLength(20);
  expect(new Set(company.map((site) => site.sessionStore))).toEqual(new Set(["redis"]));
  expect(sitesOf("high-security")).toMatchObject([
    {
      identityHeaders: ["user"],
      sessionStore: "minimal",
      cookieExpire: "2h",
      conditionalAccess: { mfa: true },
    },
  ]);
});
