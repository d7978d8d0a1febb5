/** The list of people who are blocked, as Nginx reads it. */
import { expect, test } from "vitest";

import { blockedList } from "../../../components/render/nginx/blocked.ts";

const lines = (users: readonly string[]) => blockedList(users).split("\n").slice(1, -1);

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
