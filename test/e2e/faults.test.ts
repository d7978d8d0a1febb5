/** Each kind of fault at the step where it hurts most. `npm run test:faults` tries every step. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { Bench } from "../faults/bench.ts";
import { faults } from "../faults/faults.ts";
import { cutPower } from "../faults/power.ts";
import { everywhere } from "../faults/traced-worker.ts";
import { lab } from "./instance.ts";

let bench: Bench;
let before: string;

beforeAll(async () => {
  bench = await Bench.open(lab.name);
  before = await bench.live();
});

afterAll(async () => {
  await bench.push(before);
  await bench.close();
});

test.each(faults.filter(({ slow }) => slow !== true).map((fault) => [fault.title, fault] as const))(
  "the old or the new state is live, whole and closed: %s",
  async (_, { tries }) => {
    let tried = 0;
    for await (const { step, problems } of tries(bench, "critical")) {
      tried += 1;
      expect({ step, problems }).toEqual({ step, problems: [] });
      break;
    }
    expect(tried).toBe(1);
  },
  300_000,
);

test("a push program that does not flush its writes is detected", async () => {
  const { tried, problems } = await cutPower(bench, [bench.pushOf(await bench.changed("all"))], {
    every: 40,
    broken: everywhere("retval=0", ["fsync"]),
  });
  expect(tried).toBeGreaterThan(1);
  expect(problems).not.toEqual([]);
}, 300_000);
