/** What the program on a host writes into its log about blocks, and what it reports of that log; without an Nginx. */
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { blockedList, type BlockedPerson } from "../../../components/render/nginx/blocked.ts";

/** Runs a command of the program on files of the test's own; Nginx reads every list, or none. */
const run = `
import contextlib, json, os, sys
from pathlib import Path
from protected_sites import announcement, blocked, files, history, host, log, log_files
folder, nginx, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
os.fchown = lambda *_: None
def reload_nginx(_):
    if nginx != "reads": raise blocked.Failure("nginx -t", "emerg: no such directive")
blocked.reload_nginx, blocked.end_old_workers, blocked.all_sites = reload_nginx, lambda: 1, lambda: []
blocked.lock = contextlib.nullcontext
blocked.BLOCKED, blocked.BLOCKED_IN_FORCE = folder / "blocked.conf", folder / "blocked"
blocked.HOST = host.HOST = folder / "host.json"
log.LOG = history.LOG = folder / "pushes.jsonl"
announcement.ANNOUNCEMENT = folder / "announcement.json"
if command == "last":
    print(json.dumps(history.last_of_each_site(set(json.load(sys.stdin)))))
    sys.exit()
if command == "history":
    sys.exit(history.history())
unblocks = sys.argv[4].split() if len(sys.argv) > 4 else None
sys.exit(blocked.block(every_site=True, unblocks=unblocks))
`;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "protected-sites-history-"));
  writeFileSync(join(folder, "host.json"), '{"name": "edge-1"}');
  writeFileSync(
    join(folder, "announcement.json"),
    '{"who": "bob@laptop", "commit": "c0ffee", "stack": "prod"}',
  );
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function program(
  command: "block" | "history" | "last",
  input: string,
  nginx = "reads",
  ...more: string[]
) {
  const env = { PYTHONPATH: join(import.meta.dirname, "../../../components/host"), SUDO_USER: "admin" };
  return execa("python3", ["-B", "-c", run, folder, nginx, command, ...more], { env, input, reject: false });
}

const block = (people: readonly BlockedPerson[], nginx?: string) =>
  program("block", blockedList(people), nginx);

/** The log's lines. */
const logged = () =>
  readFileSync(join(folder, "pushes.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((it) => JSON.parse(it) as Record<string, unknown>);

const ada = { user: "ada@example.com", why: "Her laptop was stolen." };
const by = { by: "admin", who: "bob@laptop", commit: "c0ffee", stack: "prod" };

describe("in the log of a host", () => {
  test("each block, unblock and changed reason is one line, with who and why; the same list again is none", async () => {
    const long = {
      user: "~somebody.with.a.rather.long.name@a-subsidiary.example.com",
      why: "Left #1; see\u2028HR.",
    };
    for (const people of [
      [ada],
      [ada],
      [ada, long],
      [{ ...ada, why: "It was her phone." }, long],
      [long],
      [],
    ])
      expect((await block(people)).exitCode).toBe(0);
    expect(logged()).toMatchObject([
      { ...by, action: "block", ...ada, ok: true },
      { ...by, action: "block", ...long, ok: true },
      { action: "block", user: ada.user, why: "It was her phone.", ok: true },
      { action: "unblock", user: ada.user, ok: true },
      { action: "unblock", user: long.user, ok: true },
    ]);
  });

  test("a block that fails is a line as well, with the step and the error; it is tried again by the next", async () => {
    expect((await block([ada], "does not")).exitCode).toBe(1);
    expect((await block([ada])).exitCode).toBe(0);
    expect(logged()).toMatchObject([
      { ...by, action: "block", ...ada, ok: false, step: "nginx -t", verdict: "emerg: no such directive" },
      { ...by, action: "block", ...ada, ok: true },
    ]);
  });

  test("so is a list that is refused, and nobody whom it names is logged as blocked", async () => {
    const { exitCode } = await program("block", `${blockedList([ada])}include /etc/passwd;\n`);
    expect(exitCode).toBe(1);
    expect(logged()).toEqual([
      expect.objectContaining({ ...by, action: "block", ok: false, step: "input" }) as object,
    ]);
    expect(logged()[0]).not.toHaveProperty("user");
  });

  test("an entry that has ended by itself leaves as an end of its block", async () => {
    await block([{ ...ada, until: "2026-01-31" }]);
    await block([]);
    expect(logged()).toMatchObject([
      { action: "block", until: "2026-02-01T00:00:00Z" },
      { action: "end of block", user: ada.user, until: "2026-02-01T00:00:00Z", why: ada.why },
    ]);
  });

  test("another reason for somebody who is blocked ends no connections", async () => {
    expect((await block([ada])).stdout).toContain("ended 1 old workers");
    expect((await block([{ ...ada, why: "It was her phone." }])).stdout).toBe("edge-1: 1 blocked, in force");
  });
});

describe("a list from a checkout that does not know of somebody's block", () => {
  const eve = { user: "~eve.with.a.rather.long.name@a-subsidiary.example.com", why: "Left #1; see HR." };
  const only = (people: readonly BlockedPerson[], unblocks: string) =>
    program("block", blockedList(people), "reads", unblocks);
  const inForce = () => readFileSync(join(folder, "blocked.conf"), "utf8");

  test("keeps that block, says so, and adds its own", async () => {
    await block([eve, { ...ada, user: "gone@example.com", until: "2026-01-31" }]);
    const { exitCode, stdout } = await only([ada], "");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^edge-1: 2 blocked, in force; ended 1 old workers/);
    expect(stdout).toContain(`${eve.user} on edge-1: stays blocked (Left #1; see HR.); your file does not`);
    expect(inForce()).toBe(
      blockedList([ada]) + blockedList([eve]).slice(blockedList([eve]).indexOf("\n") + 1),
    );
    expect(logged().slice(2)).toMatchObject([
      { action: "block", user: ada.user },
      { action: "end of block", user: "gone@example.com" },
    ]);
    expect((await only([ada], "")).stdout).toContain("edge-1: 2 blocked, unchanged");
  });

  test("ends the block that it names, whatever its case, and no other", async () => {
    await block([ada, eve]);
    expect((await only([], "Ada@Example.com")).stdout).toContain("edge-1: 1 blocked, in force");
    expect(inForce()).not.toContain("ada@");
    expect(inForce()).toContain("eve");
    expect(logged().at(-1)).toMatchObject({ action: "unblock", user: ada.user });
  });

  test("is the whole list when it comes from an update", async () => {
    await block([ada, eve]);
    expect((await block([ada])).stdout).toBe("edge-1: 1 blocked, in force");
    expect(inForce()).toBe(blockedList([ada]));
  });
});

describe("a host's history", () => {
  const history = async (question: object) => {
    const { stdout } = await program("history", JSON.stringify(question));
    return JSON.parse(stdout) as { entries: Record<string, unknown>[]; invalid: number; lines: number };
  };
  const pushed = (when: string, site: string) =>
    JSON.stringify({ when, action: "push", site, ok: true, verdict: "" });

  test("is of the time and the site that were asked for, with what concerns every site", async () => {
    const lines = [
      pushed("2026-01-01T00:00:00Z", "wiki.example.com"),
      pushed("2026-01-03T00:00:00Z", "wiki.example.com"),
      pushed("2026-01-04T00:00:00Z", "code.example.com"),
      '{"when": "2026-01-05T00:00:00Z", "action": "block", "ok": true}',
      '{"when": "2026-01-06T00:00:00Z", "action": ',
    ];
    writeFileSync(join(folder, "pushes.jsonl"), `${lines.join("\n")}\n`);
    const since = Date.parse("2026-01-02T00:00:00Z") / 1000;
    const { entries, invalid } = await history({ since, site: "wiki.example.com" });
    expect(entries.map(({ when, action }) => [when, action])).toEqual([
      ["2026-01-03T00:00:00Z", "push"],
      ["2026-01-05T00:00:00Z", "block"],
    ]);
    expect(invalid).toBe(1);
    expect((await history({ since })).entries).toHaveLength(3);
  });

  test("has the end of a block that has ended and is still on the list, in its place", async () => {
    await block([{ ...ada, until: "2026-01-31" }]);
    const { entries } = await history({ since: 0 });
    expect(entries).toMatchObject([
      { when: "2026-02-01T00:00:00Z", action: "end of block", ...ada, ok: true },
      { action: "block", ...ada },
    ]);
    expect((await history({ since: Date.parse("2026-02-02T00:00:00Z") / 1000 })).entries).toHaveLength(1);
  });

  describe("once logrotate has renamed and compressed the log", () => {
    const write = (name: string, day: string, text: string | Uint8Array) => {
      writeFileSync(join(folder, name), text);
      utimesSync(join(folder, name), new Date(day), new Date(day));
    };
    const last = async (...domains: string[]) => {
      const { stdout } = await program("last", JSON.stringify(domains));
      return Object.fromEntries(
        Object.entries(JSON.parse(stdout) as Record<string, { when: string }>).map(([site, it]) => [
          site,
          it.when.slice(0, 10),
        ]),
      );
    };

    beforeEach(() => {
      const lines = (...all: string[]) => all.map((it) => `${it}\n`).join("");
      write(
        "pushes.jsonl.2.gz",
        "2026-01-31",
        gzipSync(lines(pushed("2026-01-01T00:00:00Z", "a.test"), pushed("2026-01-02T00:00:00Z", "b.test"))),
      );
      write("pushes.jsonl.1", "2026-02-28", lines(pushed("2026-02-01T00:00:00Z", "b.test")));
      write("pushes.jsonl", "2026-03-31", lines("[]", pushed("2026-03-01T00:00:00Z", "c.test"), '{"when'));
    });

    test("it has the same entries", async () => {
      const { entries, invalid } = await history({ since: 0 });
      expect(entries.map(({ site }) => site)).toEqual(["a.test", "b.test", "b.test", "c.test"]);
      expect(invalid).toBe(2);
    });

    test("the last line about each site is found as far back as it is", async () => {
      expect(await last("a.test", "b.test", "c.test")).toEqual({
        "a.test": "2026-01-01",
        "b.test": "2026-02-01",
        "c.test": "2026-03-01",
      });
      expect(await last("never.test")).toMatchObject({ "a.test": "2026-01-01" });
    });

    test("no file is read that need not be, and a damaged one hides no other", async () => {
      expect(await last("b.test", "c.test")).not.toHaveProperty("a.test");
      write("pushes.jsonl.1", "2026-02-28", pushed("2026-02-01T00:00:00Z", "b.test"));
      write("pushes.jsonl.2.gz", "2026-01-31", "damaged");
      expect(await last("a.test")).toEqual({ "c.test": "2026-03-01" });
    });
  });
});
