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
  [/\btold of\b/, "reported; gets the identity of"],
  [/\banew\b/, "again"],
  [/\bby way of\b/, "through"],
  [/has no end\b(?! date)/, "is not terminated"],
  [/in a circle/, "includes itself; forms a loop"],
  [/unasked/, "bypass authentication"],
  [/comes? with (?:a|an|its|the) (?:password|token)/, "sends; authenticates with"],
  [/what (?:was|has been) tried/i, "what was tested"],
  [/one guesses/i, "expected: …"],
  [/(?:goes|go) on as (?:it|they) (?:is|are|came|come)/, "is passed on unchanged; is streamed"],
  [/(?:puts?|put) (?:\w+ )?aside/, "buffers"],
  [/\bweb hook/i, "webhook"],
  [/\bplug-in/i, "plugin"],
  [/\btime-out/i, "timeout"],
  [/\blog-in\b/i, "login"],
];

const patterns = [
  "{components,infra,policy}/**/*.{ts,py}",
  "docs/**/*.{md,yml}",
  "*.md",
  "stacks/*.yaml",
  "findings/*.sh",
  "test/golden/**",
];
const files = patterns.flatMap((pattern) =>
  globSync(pattern, { cwd: root, exclude: ["node_modules"], withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name)),
);

test.each(phrases)("nothing says %s", (pattern, instead) => {
  const found = files.filter((file) => pattern.test(readFileSync(file, "utf8")));
  expect(found, `say: ${instead}`).toEqual([]);
});
