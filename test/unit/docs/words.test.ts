/** Phrases that read as translated, each with what a native speaker would write. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");

const phrases: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/; right is /, "expected …, got …"],
  [/is there already and|is already there;/, "already exists; is a duplicate"],
  [/could not be asked/, "could not be reached"],
  [/cannot tell groups/, "cannot include groups"],
  [/signs? everybody in anew/, "everybody has to sign in again"],
  [/puts? (?:it|that|drift) right/, "repairs it"],
  [/does not come up/, "does not start"],
  [/can be called so/, "invalid file name"],
  [/neither told nor/, "neither reported nor"],
];

const files = ["components/**/*.{ts,py}", "infra/**/*.ts", "docs/**/*.md", "docs/**/*.yml", "*.md"].flatMap(
  (pattern) => globSync(pattern, { cwd: root, exclude: ["node_modules"] }),
);

test.each(phrases)("nothing says %s", (pattern, instead) => {
  const found = files.filter((file) => pattern.test(readFileSync(join(root, file), "utf8")));
  expect(found, `say: ${instead}`).toEqual([]);
});
