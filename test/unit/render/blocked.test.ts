/** The list of people who are blocked, as Nginx reads it. */
import { expect, test } from "vitest";

import { blockedList } from "../../../components/render/nginx/blocked.ts";

const lines = (users: readonly string[]) =>
  blockedList(users.map((user) => ({ user })))
    .split("\n")
    .slice(1, -1);

test("each person is one line, in lower case, in alphabetical order and once", () => {
  expect(lines(["bob@example.com", "Ada@Example.com", "ada@example.com"])).toEqual([
    "ada@example.com :blocked;",
    "bob@example.com :blocked;",
  ]);
});

test("nobody is a file that says whose it is", () => {
  expect(blockedList([])).toMatch(/^# Written by Protected Sites \(.*\) for every site of this host; .*\n$/);
});

test("what Nginx would read as a pattern or a comment is a name", () => {
  expect(lines(["~ada@example.com", "ada#ext#@example.com", "o'neil@example.com"])).toEqual([
    '"ada#ext#@example.com" :blocked;',
    `"o'neil@example.com" :blocked;`,
    '"\\\\~ada@example.com" :blocked;',
  ]);
});

test("a name that is too long for Nginx's hash table is an expression for it alone", () => {
  const longest = `${"a".repeat(34)}@example.com`;
  expect(lines([longest])).toEqual([`${longest} :blocked;`]);
  expect(lines([`a${longest}`])).toEqual([`~*^a${"a".repeat(34)}@example\\.com$ :blocked;`]);
});

test("a block that ends says so in seconds since 1970, the end of its last day in UTC", () => {
  expect(blockedList([{ user: "ada@example.com", until: "2027-01-31" }])).toContain(
    `\nada@example.com :blocked-until-0${Date.UTC(2027, 1, 1) / 1000};\n`,
  );
});

test("why somebody is blocked is a comment before their line", () => {
  const ada = { user: "ada@example.com", why: "Left; see #1." };
  expect(blockedList([ada, { user: "bob@example.com" }])).toMatch(
    /^# [^\n]+\n# Left; see #1\.\nada@example\.com :blocked;\nbob@example\.com :blocked;\n$/,
  );
});
