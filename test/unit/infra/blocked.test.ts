/** Who is blocked at every site, in an environment's file. */
import { describe, expect, test } from "vitest";

import { addBlock, blockedAt, removeBlock } from "../../../infra/blocked.ts";
import { environmentOf, parseStackFile } from "../../../infra/stack-file.ts";
import { changedText } from "../../../infra/stack-file-change.ts";

const text = (blocked = "") => `# Ours.
config:
  protected-sites:tenantId: 5f0c0de0-1111-4222-8333-444455556666 # the tenant
${blocked}  protected-sites:hosts:
    - name: edge-1
      address: 10.0.0.11
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}
  protected-sites:sites:
    wiki: # what we know
      domain: wiki.example.com
      port: 4180
      upstream: http://127.0.0.1:3000
      emailDomains: [example.com]
`;
const fileOf = (blocked?: string) => parseStackFile("prod", text(blocked));
const blockedIn = (after: string) => environmentOf(parseStackFile("prod", after)).blocked;

const list = `  protected-sites:blocked:
    # Since the theft.
    - user: Ada@example.com # her laptop
      why: Stolen.
    - { user: bob@example.com, why: Left., until: "2027-01-31" }
`;

describe("blocking somebody", () => {
  test("adds a list at the end of a file that has none, and changes nothing else", () => {
    const file = fileOf();
    expect(addBlock(file, { user: "ada@example.com", why: "Left." })).toBe(false);
    expect(changedText(file)).toBe(`${text()}  protected-sites:blocked:
    - user: ada@example.com
      why: Left.
`);
  });

  test("adds an entry to the list there is, and keeps its comments", () => {
    const file = fileOf(list);
    addBlock(file, { user: "eve@example.com", why: "Left.", until: "2999-02-28" });
    expect(changedText(file)).toBe(
      text(`${list}    - user: eve@example.com
      why: Left.
      until: "2999-02-28"
`),
    );
  });

  test("replaces the entry of the same person, however it is written", () => {
    const file = fileOf(list);
    expect(addBlock(file, { user: "ada@example.com", why: "Left." })).toBe(true);
    expect(blockedIn(changedText(file)).map(({ user, why }) => [user, why])).toEqual([
      ["ada@example.com", "Left."],
      ["bob@example.com", "Left."],
    ]);
  });
});

test("a block whose last day has passed is refused: it would block nobody", () => {
  const block = (until: string) =>
    addBlock(fileOf(), { user: "ada@example.com", why: "Left.", until }, new Date("2027-02-01T00:00:00Z"));
  expect(() => block("2027-01-31")).toThrow('the last day of a block must not have passed, got "2027-01-31"');
  expect(block("2027-02-01")).toBe(false);
});

describe("unblocking somebody", () => {
  test("takes the entry away, however it is written, and leaves the others", () => {
    const file = fileOf(list);
    expect(removeBlock(file, "ADA@example.com")).toBe(true);
    expect(blockedIn(changedText(file)).map(({ user }) => user)).toEqual(["bob@example.com"]);
  });

  test("the last one takes the list away", () => {
    const file = fileOf("  protected-sites:blocked:\n    - { user: ada@example.com, why: Left. }\n");
    removeBlock(file, "ada@example.com");
    expect(changedText(file)).toBe(text());
  });

  test("who is not on it is not found", () => {
    expect(removeBlock(fileOf(), "ada@example.com")).toBe(false);
    expect(removeBlock(fileOf(list), "eve@example.com")).toBe(false);
  });
});

test("an entry ends with its last day, in UTC", () => {
  const environment = environmentOf(fileOf(list));
  const at = (time: string) => blockedAt(environment, new Date(time)).map(({ user }) => user);
  expect(at("2027-01-31T23:59:59Z")).toEqual(["Ada@example.com", "bob@example.com"]);
  expect(at("2027-02-01T00:00:00Z")).toEqual(["Ada@example.com"]);
});

test.each([
  ["- { user: ada, why: Left. }", /blocked\.0\.user must be a user's sign-in name/],
  ["- { user: ada@example.com }", /blocked\.0\.why/],
  ["- { user: ada@example.com, why: Left., until: tomorrow }", /blocked\.0\.until must be a day in quotes/],
  [
    "- { user: ada@example.com, why: Left. }\n    - { user: ADA@example.com, why: Left. }",
    /blocked must list each person once, got ada@example\.com twice/,
  ],
])("%s is refused", (entries, problem) => {
  expect(() => environmentOf(fileOf(`  protected-sites:blocked:\n    ${entries}\n`))).toThrow(problem);
});
