/**
 * `node test/bench/scale-plot.ts FILE [--hosts N]`: draws what `npm run bench:scale -- --out FILE` has found, as SVG on
 * standard output.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { costOf, type Figures, steps } from "./scale-figures.ts";

const width = 680;
const height = 400;
/** Where the lines are. On the right is room for their names. */
const plot = { left: 56, right: 468, top: 44, bottom: 336 };

const names = {
  first: "first up",
  "one site changed": "one site changed",
  "nothing changed": "preview, no change",
} as const;

/** Each with a contrast of at least 4.5 to the background. */
const style = `
  svg { font: 13px system-ui, sans-serif; --back: #fff; --text: #1f2328; --soft: #59636e; --grid: #e4e7eb; --a: #0b62ad; --b: #a8480a; --c: #0a7556 }
  @media (prefers-color-scheme: dark) {
    svg { --back: #1b1b1f; --text: #e6e6ea; --soft: #a0a4ad; --grid: #33353c; --a: #6cb6ff; --b: #f0a060; --c: #4cc9a0 }
  }
  .back { fill: var(--back) } text { fill: var(--text) } .soft { fill: var(--soft) }
  .grid { stroke: var(--grid) } path { fill: none; stroke-width: 2 } .beside { stroke-dasharray: 6 4 }
  path.first { stroke: var(--a) } circle.first, text.first { fill: var(--a) }
  path.changed { stroke: var(--b) } circle.changed, text.changed { fill: var(--b) }
  path.nothing { stroke: var(--c) } circle.nothing, text.nothing { fill: var(--c) }
`;
const classes = { first: "first", "one site changed": "changed", "nothing changed": "nothing" } as const;

interface Line {
  readonly name: string;
  readonly className: string;
  readonly isBeside: boolean;
  readonly points: readonly { readonly sites: number; readonly seconds: number }[];
}

/**
 * Both axes are logarithmic: what grows in proportion to the sites has the same slope everywhere, and twice the time the
 * same distance.
 *
 * @param hosts which of the numbers of hosts to draw
 * @throws Error if there are no figures for it
 */
export function scalePlot(measured: Figures, hosts?: number): string {
  const counts = [...new Set(measured.figures.map((it) => it.hosts))];
  const count = hosts ?? (counts.length === 1 ? counts[0] : undefined);
  if (count === undefined || !counts.includes(count))
    throw new Error(`--hosts must be one of ${counts.join(", ")}, got ${hosts ?? "none"}`);
  const lines = linesOf(measured, count);
  const all = lines.flatMap(({ points }) => points);
  const across = axis(
    all.map(({ sites }) => sites),
    [plot.left, plot.right],
    [...new Set(all.map(({ sites }) => sites))],
  );
  const seconds = all.map((it) => it.seconds);
  const up = axis(seconds, [plot.bottom, plot.top], ticksAround(seconds));
  const named = spread(lines.map((line) => ({ line, y: up.at(line.points.at(-1)?.seconds ?? 1) })));
  const on = `${count} ${count === 1 ? "host" : "hosts"}`;
  const title = `How long updates take as an environment grows, on ${on}`;
  const { pulumi: version, "pulumi beside": beside } = measured.versions;
  const description = lines.map(({ name, points, isBeside }) => {
    const told = points.map((it) => `${it.seconds.toFixed(1)} s with ${it.sites}`).join(", ");
    return `${name}${isBeside ? ", dashed" : ""}: ${told}`;
  });
  const dashes = beside === undefined ? "" : `; dashed: ${beside}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(`Seconds by number of sites. ${description.join(". ")}.`)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="back" width="${width}" height="${height}" rx="8"/>`,
    `<text class="soft" x="${plot.left}" y="24">seconds</text>`,
    ...up.ticks.map(({ value, at }) => {
      const line = `<line class="grid" x1="${plot.left}" y1="${at}" x2="${plot.right}" y2="${at}"/>`;
      return `${line}<text class="soft" x="${plot.left - 10}" y="${at + 4}" text-anchor="end">${value}</text>`;
    }),
    ...across.ticks.map(({ value, at }) => {
      return `<text class="soft" x="${at}" y="${plot.bottom + 22}" text-anchor="middle">${value}</text>`;
    }),
    `<text class="soft" x="${plot.right + 24}" y="${plot.bottom + 22}">sites on ${on}</text>`,
    ...lines.flatMap(({ className, isBeside, points }) => {
      const places = points.map((it) => ({ x: across.at(it.sites), y: up.at(it.seconds) }));
      const path = places.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
      return [
        `<path class="${className}${isBeside ? " beside" : ""}" d="${path}"/>`,
        ...places.map(({ x, y }) => `<circle class="${className}" cx="${x}" cy="${y}" r="3"/>`),
      ];
    }),
    ...named.map(({ line: { name, className, isBeside }, y }) => {
      const text = isBeside ? `${name}, dashed` : name;
      return `<text class="${className}" x="${plot.right + 14}" y="${y + 4}">${escaped(text)}</text>`;
    }),
    `<text class="soft" x="${plot.left}" y="${height - 14}">${escaped(
      `Both axes are logarithmic. Solid: ${version ?? "this checkout"}${dashes}. ${measured.date}`,
    )}</text>`,
    "</svg>\n",
  ].join("\n");
}

function linesOf(measured: Figures, hosts: number): readonly Line[] {
  const all = [...new Set(measured.figures.map((it) => it.sites))].sort((one, other) => one - other);
  return (["pulumi", "pulumi beside"] as const).flatMap((way) =>
    steps.flatMap((step): Line[] => {
      const points = all.flatMap((sites) => {
        const cost = costOf(measured, { sites, hosts }, way, step);
        return cost === undefined ? [] : [{ sites, seconds: cost.seconds }];
      });
      const isBeside = way === "pulumi beside";
      return points.length === 0 ? [] : [{ name: names[step], className: classes[step], isBeside, points }];
    }),
  );
}

interface Axis {
  /** A value's place. */
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly at: number }[];
}

function axis(
  values: readonly number[],
  [from, to]: readonly [number, number],
  ticks: readonly number[],
): Axis {
  const least = Math.log(Math.min(...values, ...ticks));
  const most = Math.log(Math.max(...values, ...ticks));
  const at = (value: number) => {
    const part = most === least ? 0.5 : (Math.log(value) - least) / (most - least);
    return Math.round((from + part * (to - from)) * 10) / 10;
  };
  return { at, ticks: ticks.map((value) => ({ value, at: at(value) })) };
}

/** 1, 2, 5, 10 and so on, from the last below all values to the first above them. */
function ticksAround(values: readonly number[]): number[] {
  const all = [0.1, 1, 10, 100, 1000, 10_000].flatMap((power) => [power, 2 * power, 5 * power]);
  const from = all.findLastIndex((it) => it <= Math.min(...values));
  const to = all.findIndex((it) => it >= Math.max(...values));
  return all.slice(Math.max(from, 0), to < 0 ? undefined : to + 1);
}

/** Moves names apart that would lie on each other; they keep their order. */
function spread<T extends { readonly y: number }>(given: readonly T[], apart = 18): readonly T[] {
  const sorted = given.toSorted((one, other) => one.y - other.y);
  const places: number[] = [];
  for (const { y } of sorted) places.push(Math.max(y, (places.at(-1) ?? -Infinity) + apart));
  // Back up where the last ones have left the plot.
  for (let index = places.length - 1, below = plot.bottom; index >= 0; index--, below -= apart)
    places[index] = Math.min(places[index] ?? below, below);
  return sorted.map((it, index) => ({ ...it, y: places[index] ?? it.y }));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { hosts: { type: "string" } },
    allowPositionals: true,
  });
  const [file] = positionals;
  if (file === undefined) throw new Error("usage: node test/bench/scale-plot.ts FILE [--hosts N]");
  const measured = JSON.parse(readFileSync(file, "utf8")) as Figures;
  process.stdout.write(scalePlot(measured, values.hosts === undefined ? undefined : Number(values.hosts)));
}
