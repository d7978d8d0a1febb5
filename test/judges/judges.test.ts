/** The golden sites before outside judges: each finding has its reason in docs/judges.md, and each reason its finding. */
import { beforeAll, expect, test } from "vitest";

import { type Findings, judges, localFindings, reasons } from "./findings.ts";
import { goldenSites } from "../golden-sites.ts";
import { judgePrograms } from "./programs.ts";

let found: Findings;

beforeAll(async () => {
  found = await localFindings(await judgePrograms(), goldenSites(), false);
}, 600_000);

test.each(judges)("%s finds nothing else than what docs/judges.md has a reason for", (judge) => {
  expect(found[judge]).toEqual([...reasons()(judge).keys()].sort());
});
