/** How much of what is generated is tried: `npm run test:generated` all of it, `npm test` a part, the quick loop less. */
const isWhole = process.env["EVERY_CASE"] !== undefined;

/** For what takes seconds by its size alone. */
export const isQuick = process.env["QUICK"] !== undefined;

/** One case of so many. */
const every = isWhole ? 1 : isQuick ? 15 : 3;

/** For fast-check. The quick loop tries the same ones every time, so that only a change turns it red. */
export function runs(all: number): { readonly numRuns: number; readonly seed?: number } {
  const numRuns = Math.ceil(all / every);
  return isQuick ? { numRuns, seed: 1 } : { numRuns };
}

/** Of a list, evenly spread, as much as is tried; others at each run, except in the quick loop. */
export function tried<Item>(all: readonly Item[]): Item[] {
  const first = isQuick ? 0 : Math.floor(Math.random() * every);
  return all.filter((_, index) => index % every === first);
}
