import { expect, test } from "vitest";

import type { SiteReport } from "../../../infra/report.ts";
import { type OnHost, rollbackSteps } from "../../../infra/commands/rollback.ts";

/** A host whose generations have these files; the last one is live. */
function on(host: string, first: number, ...files: readonly string[]): OnHost {
  const generations = files.map((sha256, index) => ({ number: first + index, sha256 }));
  return { host, site: { generation: first + files.length - 1, generations } as unknown as SiteReport };
}

test("every host takes the generation with the same files, whatever its number there", () => {
  expect(rollbackSteps([on("edge-1", 4, "a", "b", "c"), on("edge-2", 7, "a", "b", "b", "c")])).toEqual([
    { host: "edge-1", from: 6, to: 5 },
    { host: "edge-2", from: 10, to: 9 },
  ]);
});

test("a chosen number is the first host's; a host that has it live already is left alone", () => {
  expect(rollbackSteps([on("edge-1", 4, "a", "b", "c"), on("edge-2", 1, "c", "a")], 4)).toEqual([
    { host: "edge-1", from: 6, to: 4 },
    { host: "edge-2", from: 2 },
  ]);
});

test.each([
  ["a number that is not kept", [on("edge-1", 4, "a", "b")], 3, "edge-1: no earlier generation 3 (kept: 4)"],
  ["the live one", [on("edge-1", 4, "a", "b")], 5, "edge-1: no earlier generation 5 (kept: 4)"],
  [
    "what another host no longer keeps",
    [on("edge-1", 4, "a", "b"), on("edge-2", 9, "b")],
    4,
    "edge-2: no longer has the equivalent of edge-1's generation 4",
  ],
  [
    "a site that is not there",
    [{ host: "edge-1", site: undefined }],
    undefined,
    "edge-1: the site is not on this host",
  ],
])("refused before anything changes: %s", (_, hosts, to, reason) => {
  expect(() => rollbackSteps(hosts, to)).toThrow(reason);
});
