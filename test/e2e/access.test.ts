/**
 * The review's "access widens" and `explain` before the real Nginx, over the same pairs each time; `npm run test:access`
 * asks it of many more, and of others each time.
 */
import { join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";

import type { Findings } from "../access/judge.ts";

test("over generated pairs, the review and explain say of access what the real Nginx does", async () => {
  const program = join(import.meta.dirname, "../access/judge.ts");
  const { stdout, stderr } = await execa(process.execPath, [program, "--pairs=10", "--seed=20261130"], {
    reject: false,
  });
  const { falseAlarms, misses, otherwise, widened, narrowed, ...counts } = JSON.parse(stdout) as Findings;
  expect({ falseAlarms, misses, otherwise }, stderr).toEqual({ falseAlarms: [], misses: [], otherwise: [] });
  // Some settings make no difference.
  expect(Math.min(widened, narrowed)).toBeGreaterThan(0);
  console.log(counts);
});
