import { expect, test } from "vitest";

import { historyIn, hostHistorySchema } from "../../../infra/history.ts";

const from = (host: string, ...entries: readonly object[]) => ({
  host,
  answer: hostHistorySchema.parse({
    ...{ lines: entries.length, invalid: 0, begins: 5, unread: [] },
    entries: entries.map((it) => ({ ok: true, verdict: "", action: "push", ...it })),
  }),
});

test("all hosts' lines are in the order of time, each with its host, and without what the command does not know", () => {
  const { entries, gaps } = historyIn([
    from("edge-1", { when: "2027-01-01T10:00:00Z", later: true }, { when: "2027-01-03T10:00:00Z" }),
    from(
      "edge-2",
      { when: "2027-01-02T10:00:00Z", action: "block", user: "ada@example.com" },
      { when: "soon" },
    ),
    { host: "edge-3", problem: "no route to host" },
  ]);
  expect(entries.map(({ host, action }) => [host, action])).toEqual([
    ["edge-1", "push"],
    ["edge-2", "block"],
    ["edge-1", "push"],
  ]);
  expect(entries[0]).not.toHaveProperty("later");
  expect(gaps).toEqual([
    "edge-2: lines of another format, left out: 1",
    "edge-3: could not be reached: no route to host",
  ]);
});
