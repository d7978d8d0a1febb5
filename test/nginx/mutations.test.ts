/** Texts with one thing changed, before the real Nginx: a small run of `npm run test:access -- --mutations N`. */
import { expect, test } from "vitest";

import { judgeMutations } from "../access/mutations.ts";

test("whoever reaches a backend by one changed line, the review has said so or not judged", async () => {
  const { judged, widened, misses, otherwise } = await judgeMutations(60, 7);
  expect(misses).toEqual([]);
  expect(otherwise).toEqual([]);
  expect(judged).toBeGreaterThan(20);
  expect(widened).toBeGreaterThan(0);
}, 300_000);
