/** docs/applications.md tells of each application what the suite tries, with the site that it tries it with. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";
import { parse } from "yaml";

import { applications, sample } from "../../applications/all.ts";

const page = await readFile(join(import.meta.dirname, "../../../docs/applications.md"), "utf8");

/** The YAML of the section with this heading. */
function sitesOf(title: string): unknown {
  const section = page.split(/^## /m).find((it) => it.startsWith(`${title}\n`)) ?? "";
  const [, yaml = ""] = /^```yaml\n(.*?)^```/ms.exec(section) ?? [];
  return parse(yaml);
}

test.each(applications)("$title has a section with the site that is tried", ({ name, title, site }) => {
  expect(sitesOf(title)).toEqual({ [name]: Object.keys(site).length === 0 ? null : site });
});

test("npm test tests only existing applications", () => {
  const names = applications.map(({ name }) => name);
  expect(sample.filter((name) => !names.includes(name))).toEqual([]);
});
