import { describe, expect, test } from "vitest";

import { columns, printable } from "../../../infra/columns.ts";
import { since } from "../../../infra/commands/options.ts";
import { summarySchema, whoIn } from "../../../infra/who.ts";

const none = { requests: 0, refused: 0, refusedByBackend: 0 };
const environment = { sites: [{ name: "wiki", domain: "wiki.example.com" }] } as unknown as Parameters<
  typeof whoIn
>[1];

/** A host's summary of one site. */
function from(host: string, uses: readonly object[], given: object = {}) {
  const site = { domain: "wiki.example.com", lines: 1, invalid: 0, begins: null, unread: [], unnamed: none };
  return { host, answer: summarySchema.parse({ host, sites: [{ ...site, uses, ...given }] }) };
}

const use = (given: object) => ({
  ...{ user: "ada@example.com", client: "192.0.2.7", first: 100, last: 200 },
  ...{ requests: 2, refused: 1, refusedByBackend: 0 },
  ...given,
});

test("a person at a site from an address is one row, whichever hosts they were sent to; the latest come first", () => {
  const { uses, unnamed } = whoIn(
    [
      from("edge-1", [use({}), use({ client: "192.0.2.8" })], { unnamed: { ...none, requests: 4 } }),
      from("edge-2", [use({ first: 50, last: 300, requests: 3 })], { unnamed: { ...none, requests: 5 } }),
    ],
    environment,
  );
  expect(uses).toEqual([
    {
      ...{ user: "ada@example.com", site: "wiki", domain: "wiki.example.com", client: "192.0.2.7" },
      ...{ hosts: ["edge-1", "edge-2"], first: "1970-01-01T00:00:50Z", last: "1970-01-01T00:05:00Z" },
      ...{ requests: 5, refused: 2, refusedByBackend: 0 },
    },
    expect.objectContaining({ client: "192.0.2.8", hosts: ["edge-1"], requests: 2 }) as object,
  ]);
  expect(unnamed).toMatchObject([{ site: "wiki", requests: 9 }]);
});

test("what is missing is named: hosts, logs that begin too late, files and lines that could not be read", () => {
  const given = { begins: 100, invalid: 2, unread: ["/var/log/nginx/x.gz: Not a gzipped file"] };
  const { gaps, uses } = whoIn(
    [from("edge-1", [use({})], given), { host: "edge-2", problem: "no route to host" }],
    environment,
  );
  expect(uses).toHaveLength(1);
  expect(gaps).toEqual([
    "edge-1, wiki.example.com: the log begins at 1970-01-01T00:01:40Z, and knows nothing from before",
    "edge-1, wiki.example.com: could not be read to its end: /var/log/nginx/x.gz: Not a gzipped file",
    "edge-1, wiki.example.com: lines of another format, left out: 2",
    "edge-2: could not be reached: no route to host",
  ]);
});

test("no name commands the terminal, or is shown in another order", () => {
  expect(columns(["user"], [["a\u001b[2J\u009b31m\u202e\r\nb@example.com"]])).toBe(
    "user\na?[2J?31m???b@example.com",
  );
  expect(printable("ärger@example.com")).toBe("ärger@example.com");
});

describe("--since is", () => {
  test.each([
    ["30m", 30 * 60],
    ["12h", 12 * 3600],
    ["7d", 7 * 86_400],
  ])("how long ago: %s", (text, seconds) => {
    const ago = (Date.now() - since(text).getTime()) / 1000 - seconds;
    expect(Math.abs(ago)).toBeLessThan(60);
  });

  test.each([
    ["2027-01-31", "2027-01-31T00:00:00.000Z"],
    ["2027-01-31T08:00Z", "2027-01-31T08:00:00.000Z"],
    ["2027-01-31T08:00:05Z", "2027-01-31T08:00:05.000Z"],
  ])("a time in UTC: %s", (text, time) => {
    expect(since(text).toISOString()).toBe(time);
  });

  test.each(["1w", "", "yesterday", "2027-13-01", "2027-01-31T08:00", "-1h"])("nothing else: %j", (text) => {
    const parsing = () => since(text);
    expect(parsing).toThrow("Must be like 12h, 7d or 2027-01-31.");
  });
});
