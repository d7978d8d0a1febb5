/** How much of what is generated is tried: `npm run test:generated` all of it, `npm test` a part, the quick loop less. */
const isWhole = process.env["EVERY_CASE"] !== undefined;

/** For what takes seconds by its size alone. */
export const isQuick = process.env["QUICK"] !== undefined;

/** One case of so many. */
const every = isWhole ? 1 : isQuick ? 15 : 3;

/** For fast-check. */
export function runs(all: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil(all / every) };
}

/** Of a list, evenly spread, as much as is tried. */
export function tried<Item>(all: readonly Item[]): Item[] {
  return all.filter((_, index) => index % every === 0);
}
