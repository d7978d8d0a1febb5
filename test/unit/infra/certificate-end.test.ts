import { expect, test } from "vitest";

import { certificateEnd } from "../../../infra/drift.ts";

const now = new Date("2028-03-01T00:00:00Z");

/** What is said of a certificate that is valid for `valid` days, of which `left` are left. */
function said(valid: number, left: number): string[] {
  const certificateEnds = now.getTime() / 1000 + left * 86_400;
  return certificateEnd({ certificateStarts: certificateEnds - valid * 86_400, certificateEnds }, { now });
}

test.each([
  [365, 14, 13],
  [90, 14, 13],
  [64, 14, 13],
  // Certbot renews it when 15 are left.
  [45, 12, 11],
  // Certbot renews it when three are left.
  [6, 2, 1],
])("a certificate that is valid for %i days is told of when fewer than %i are left", (valid, well, late) => {
  expect(said(valid, well)).toEqual([]);
  expect(said(valid, late)).toEqual([expect.stringMatching(/^the certificate expires on 2028-03-/)]);
});

test("an expired one is reported", () => {
  expect(said(90, -1)).toEqual(["the certificate expired on 2028-02-29"]);
});

test("if a host's program does not report the start of validity, the number of days decides", () => {
  const certificateEnds = now.getTime() / 1000 + 13 * 86_400;
  expect(certificateEnd({ certificateStarts: null, certificateEnds }, { now })).toHaveLength(1);
});
