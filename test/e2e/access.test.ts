/** The review's "access widens" and `explain` before the real Nginx; `npm run test:access` asks it of many more. */
import { join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";

import type { Findings } from "../access/judge.ts";

test("over generated pairs, the review and explain say of access what the real Nginx does", async () => {
  const program = join(import.meta.dirname, "../access/judge.ts");
  const { stdout, stderr } = await execa(process.execPath, [program, "--pairs=10"], { reject: false });
  const { falseAlarms, misses, otherwise, widened, narrowed, ...counts } = JSON.parse(stdout) as Findings;
  // The seed stands there.
  expect({ falseAlarms, misses, otherwise }, stderr).toEqual({ falseAlarms: [], misses: [], otherwise: [] });
  // Some settings make no difference, and which ones change is left to chance.
  expect(Math.min(widened, narrowed)).toBeGreaterThan(0);
  console.log(counts);
});
