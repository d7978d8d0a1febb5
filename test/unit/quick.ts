/** How much of what is generated the quick loop tries: `npm run test:unit` a fixed part, `npm test` all of it. */
const part = process.env["QUICK"] === undefined ? undefined : 1 / 15;

/** For what takes seconds by its size alone. */
export const isQuick = part !== undefined;

/** For fast-check. The quick loop tries the same ones every time, so that only a change turns it red. */
export function runs(all: number): { readonly numRuns: number; readonly seed?: number } {
  return part === undefined ? { numRuns: all } : { numRuns: Math.ceil(all * part), seed: 1 };
}

/** Of a list, evenly spread, as much as is tried. */
export function tried<Item>(all: readonly Item[]): Item[] {
  return part === undefined ? [...all] : all.filter((_, index) => index % Math.round(1 / part) === 0);
}
