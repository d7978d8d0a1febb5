/** Things that take long are made once, whatever happens on the way. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, expect, test } from "vitest";

import { madeOnce } from "../lab/made-once.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "made-once-"));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** What lies there beside the lock. */
const there = async () => (await readdir(parent)).filter((name) => !name.endsWith(".lock"));

test("runs at the same time make it once", async () => {
  let made = 0;
  const make = async (aside: string) => {
    made++;
    await sleep(50);
    await writeFile(join(aside, "file"), "whole");
  };
  await Promise.all([1, 2, 3].map(() => madeOnce(join(parent, "thing"), make)));
  expect(made).toBe(1);
  expect(await readFile(join(parent, "thing", "file"), "utf8")).toBe("whole");
  expect(await there()).toEqual(["thing"]);
});

test("a failure leaves nothing behind, and can be retried", async () => {
  const thing = join(parent, "thing");
  await expect(madeOnce(thing, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await there()).toEqual([]);
  await madeOnce(thing, () => Promise.resolve());
  expect(existsSync(thing)).toBe(true);
});

test("the next run cleans up what a killed run left half created", async () => {
  const thing = join(parent, "thing");
  const source = new URL("../lab/made-once.ts", import.meta.url).href;
  const program = `
    import { madeOnce } from ${JSON.stringify(source)};
    await madeOnce(${JSON.stringify(thing)}, async (aside) => {
      console.log(aside);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  expect(await there()).toHaveLength(1);
  child.kill("SIGKILL");
  await once(child, "exit");
  await madeOnce(thing, (aside) => writeFile(join(aside, "file"), "whole"));
  expect(await there()).toEqual(["thing"]);
});
