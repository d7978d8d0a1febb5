import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { withTables } from "../../../infra/reference.ts";
import { docstringOf } from "../docstrings.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/configuration.md"), "utf8");

test("the page on configuration has every setting, in the words of its type", async () => {
  // `npm run docs` writes it anew.
  await expect(withTables(page, docstringOf)).toMatchFileSnapshot("../../../docs/configuration.md");
});

test("a page without the table of an interface is no page", () => {
  const without = page.replace("<!-- settings of RedisSettings -->", "");
  expect(() => withTables(without, docstringOf)).toThrow("RedisSettings");
});

test("a setting without words is told with its interface", () => {
  const forgotten = (type: string, member: string) =>
    member === "guests" ? undefined : docstringOf(type, member);
  expect(() => withTables(page, forgotten)).toThrow(
    "guests has no description; give it a doc comment in SiteSettings",
  );
});
