/** Who is blocked at every site, in an environment's file, and what hosts are sent of that. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { addBlock, blockedAt, removeBlock, sendBlocks } from "../../../infra/blocked.ts";
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

describe("what a host is sent, with a stand-in for ssh", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "protected-sites-blocked-"));
    vi.stubEnv("PATH", [folder, process.env["PATH"]].join(delimiter));
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  /** @param program what the host's does, given its command line as `$*` and the list as a file */
  async function send(program: string, ...unblocks: string[]) {
    // The connection is there already; what is left are the commands on the host.
    const script = `#!/bin/sh\n[ "$1" != -O ] || exit 0\nfor command; do :; done\ncat >${folder}/list\neval "set -- \${command##*protected-sites block }"\n${program}\n`;
    await writeFile(join(folder, "ssh"), script);
    await chmod(join(folder, "ssh"), 0o755);
    const environment = environmentOf(fileOf(list));
    const [result] = await sendBlocks(environment, { stack: "prod", unblocks });
    return { ...result, list: await readFile(join(folder, "list"), "utf8") };
  }

  test("names whom the command unblocks, and nobody else may leave the list", async () => {
    const { message, failed, list: sent } = await send('echo "edge-1: $*"', "o'neil@example.com", "b@c.test");
    expect({ message, failed }).toEqual({
      message: "edge-1: --every-site --unblocks o'neil@example.com b@c.test",
      failed: false,
    });
    expect(sent).toContain("# Stolen.");
    expect((await send('echo "$*"')).message).toBe("--every-site --unblocks");
  });

  test("a program from before that gets a list that it understands, and is in force at once", async () => {
    const older = `[ "$*" = --every-site ] || { echo usage >&2; exit 2; }; echo "edge-1: 2 blocked, in force"`;
    const { message, failed, list: sent } = await send(older);
    expect({ failed, message }).toEqual({
      failed: false,
      message: expect.stringMatching(/^edge-1: 2 blocked, in force\n.* older than .*`pulumi up`/) as string,
    });
    expect(sent).toMatch(/^ada@example\.com :blocked;$/m);
    expect(sent).not.toContain("Stolen.");
  });

  test("a failure is not tried again", async () => {
    const { message, failed } = await send(`echo "failed: $*" >&2; exit 1`);
    expect({ message, failed }).toEqual({ message: "failed: --every-site --unblocks", failed: true });
  });
});
