import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { type Figures, scaleTables, type Way } from "../../bench/scale-figures.ts";
import { scalePlot } from "../../bench/scale-plot.ts";

const docs = join(import.meta.dirname, "../../../docs");
const measured = JSON.parse(readFileSync(join(docs, "pictures/scale.json"), "utf8")) as Figures;

describe("the page on benchmarks", () => {
  // `npm run docs` writes both anew.
  test("has the tables of the figures of bench:scale", async () => {
    const page = readFileSync(join(docs, "benchmarks.md"), "utf8");
    const marks = /(?<=<!-- figures of bench:scale -->\n\n).*?(?=\n\n<!-- end of figures -->)/s;
    expect(page).toMatch(marks);
    await expect(page.replace(marks, () => scaleTables(measured))).toMatchFileSnapshot(
      join(docs, "benchmarks.md"),
    );
  });

  test("has the picture of them, on the first number of hosts", async () => {
    await expect(scalePlot(measured, measured.figures[0]?.hosts)).toMatchFileSnapshot(
      join(docs, "pictures/scale.svg"),
    );
  });
});

/** Figures of the first update, by the number of sites. */
function figures(seconds: Readonly<Record<number, number>>, hosts = 2, way: Way = "pulumi"): Figures {
  return {
    date: "2026-11-30",
    processors: "2 × processor",
    load: 0.1,
    versions: { pulumi: "v1.0.0" },
    stocks: [],
    figures: Object.entries(seconds).map(([sites, time]) => ({
      sites: Number(sites),
      hosts,
      way,
      step: "first",
      cost: { seconds: time, program: 1, engine: 2, hosts: 3, memory: 300 },
    })),
  };
}

const merged = (...all: readonly Figures[]): Figures => ({
  ...figures({}),
  figures: all.flatMap((it) => it.figures),
});

describe("the picture of how updates grow", () => {
  const heights = (svg: string) => [...svg.matchAll(/<circle .* cy="([\d.]+)"/g)].map(([, y]) => Number(y));

  test("shows twice the time at the same distance everywhere", () => {
    const [one = 0, two = 0, four = 0] = heights(scalePlot(figures({ 1: 10, 10: 20, 100: 40 })));
    expect(one - two).toBeCloseTo(two - four, 0);
    expect(one - two).toBeGreaterThan(50);
  });

  test("has names that do not lie on each other where lines end at the same place", () => {
    const same = { 1: 10, 10: 20 };
    const svg = scalePlot(merged(figures(same), figures(same, 2, "pulumi beside")));
    const places = [...svg.matchAll(/y="([\d.]+)">first up(?:, dashed)?</g)].map(([, y]) => Number(y));
    expect(places).toHaveLength(2);
    expect(Math.abs((places[0] ?? 0) - (places[1] ?? 0))).toBeGreaterThanOrEqual(18);
  });

  test("says its figures to those who do not see it", () => {
    const svg = scalePlot(figures({ 1: 10, 10: 20 }));
    expect(svg).toContain(
      '<title id="title">How long updates take as an environment grows, on 2 hosts</title>',
    );
    expect(svg).toContain("first up: 10.0 s with 1, 20.0 s with 10.</desc>");
  });

  test("is of one number of hosts, which has to be told where there are several", () => {
    const several = merged(figures({ 1: 10 }, 1), figures({ 1: 20 }, 4));
    expect(() => scalePlot(several)).toThrow("--hosts must be one of 1, 4, got none");
    expect(() => scalePlot(several, 2)).toThrow("--hosts must be one of 1, 4, got 2");
    expect(scalePlot(several, 4)).toContain("first up: 20.0 s with 1.</desc>");
  });
});
