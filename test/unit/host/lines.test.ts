import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../../components/host/protected_sites");
const files = globSync("*.py", { cwd: folder }).map((name) => join(folder, name));

/** Longer than the rest may be, until they are split. */
const tooLong = ["setup.py: setup", "credentials.py: credentials"];

interface Function {
  readonly name: string;
  readonly lines: number;
}

/** Every function of a file with its lines, from `def` to the last one that is indented deeper. */
function functionsOf(text: string): Function[] {
  const lines = text.split("\n");
  return lines.flatMap((line, start) => {
    const [, indent, name] = /^( *)(?:async )?def (\w+)/.exec(line) ?? [];
    if (indent === undefined || name === undefined) return [];
    const body = lines
      .slice(start + 1)
      .findIndex((it) => it.trim() !== "" && !it.startsWith(`${indent} `) && !it.startsWith(`${indent})`));
    const end = body === -1 ? lines.length : start + 1 + body;
    return [{ name, lines: lines.slice(start, end).join("\n").trimEnd().split("\n").length }];
  });
}

test("no file of the program that runs on a host has more than 400 lines", () => {
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => readFileSync(file, "utf8").trimEnd().split("\n").length > 400)).toEqual([]);
});

test("none of its functions has more than 60 lines", () => {
  const long = files.flatMap((file) =>
    functionsOf(readFileSync(file, "utf8"))
      .filter(({ lines }) => lines > 60)
      .map(({ name }) => `${basename(file)}: ${name}`),
  );
  expect(long.sort()).toEqual(tooLong.sort());
});
