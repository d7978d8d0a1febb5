import { expect, test } from "vitest";

import { dashboard } from "./dashboard.ts";

test("the dashboard is what its source says", async () => {
  // `npm run docs` writes it again.
  await expect(dashboard()).toMatchFileSnapshot("../../../docs/monitoring/dashboard.json");
});
