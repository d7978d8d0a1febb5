/** `--json`: real answers of the commands that contact nothing. */
import { join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";

import { type ComparedIn, problemsOf } from "../../answers.ts";

const root = join(import.meta.dirname, "../../..");

const wiki = ["--stack", "example", "--site", "wiki"];

const commandLines: Readonly<Record<ComparedIn<"unit">, readonly (readonly string[])[]>> = {
  validate: [[]],
  review: [["--base", "HEAD", "--stack", "example"]],
  explain: [
    ["https://wiki.example.com/", "--stack", "example"],
    ["https://wiki.example.com/", "--stack", "example", "--user", "ada@example.com"],
  ],
  matrix: [
    ["--stack", "company"],
    ["--stack", "high-security"],
    ["https://wiki.example.com/", "--stack", "example"],
  ],
  expiry: [[]],
  rotate: [
    [...wiki, "--dry-run"],
    ["--stack", "example", "--all", "--due", "0", "--dry-run"],
  ],
  promote: [["--from", "example", "--to", "company", "--dry-run"]],
};

test.each(
  Object.entries(commandLines).flatMap(([command, lines]) =>
    lines.map((args) => ({ command: command as ComparedIn<"unit">, args })),
  ),
)("$command $args: the answer is as the schema says", async ({ command, args }) => {
  const program = join(root, "infra/commands/main.js");
  const options = { cwd: root, reject: false } as const;
  const { stdout, stderr } = await execa(process.execPath, [program, command, ...args, "--json"], options);
  expect(stderr).toBe("");
  expect(problemsOf(command, stdout)).toEqual([]);
});
