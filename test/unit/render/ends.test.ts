/** What ends by the host's clock: the comparison of times that Nginx makes by an expression. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { digitsOf, endMap, isBefore, isTime } from "../../../components/render/nginx/ends.ts";
import { printNginx } from "../../../components/nginx/print.ts";
import { endOf, hasEnded } from "../../../components/site/ends.ts";
import { runs } from "../quick.ts";

const matches = (key: string, text: string) => new RegExp(key.replace(/^~/, "")).test(text);

test("a time is before another exactly when it is, to the second", () => {
  const time = fc.integer({ min: 0, max: 32_503_680_000 });
  const near = fc.tuple(time, fc.integer({ min: -12, max: 12 })).map(([one, by]) => [one, one + by] as const);
  fc.assert(
    fc.property(fc.oneof(fc.tuple(time, time), near), ([now, until]) => {
      if (until < 0) return;
      const [one, other] = [now, until].map((it) => String(it).padStart(11, "0"));
      const source = `${one ?? ""}.999 :blocked-until-${other ?? ""}`;
      expect(matches(isBefore(":blocked-until-"), source), source).toBe(now < until);
      expect(matches(isTime(":blocked-until-"), source)).toBe(true);
    }),
    runs(20_000),
  );
});

test.each(["0179602350.123 ", "01796023500.123 x", "01796023500.123 179602350", "-1.000 01796023500", " "])(
  '"%s" is before nothing: what is no time ends',
  (source) => {
    expect(matches(isBefore(), source)).toBe(false);
    expect(matches(isTime(), source)).toBe(false);
  },
);

test("the last day is the whole day in UTC", () => {
  expect(endOf("2027-01-31")).toBe(Date.UTC(2027, 1, 1) / 1000);
  expect(digitsOf("2001-01-01")).toBe("00978393600");
  expect(digitsOf("2999-12-31")).toBe("32503680000");
  const until = "2027-01-31";
  expect(hasEnded({ until }, new Date("2027-01-31T23:59:59.999Z"))).toBe(false);
  expect(hasEnded({ until }, new Date("2027-02-01T00:00:00Z"))).toBe(true);
  expect(hasEnded({}, new Date("2999-01-01"))).toBe(false);
});

test("what Nginx cannot compare has ended", () => {
  expect(printNginx(endMap())).toContain("default 1;");
});
