import { expect, test } from "vitest";

import { lock } from "../../lab/lock.ts";

test("whoever waits for an instance goes on as soon as it is released, and hears whom they wait for", async () => {
  const name = `unit-${process.pid}`;
  const first = await lock(name);
  const told: string[] = [];
  const waiting = lock(name, (holder) => told.push(holder));
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(told).toEqual([String(process.pid)]);
  await first.release();
  const second = await waiting;
  await second.release();
});
