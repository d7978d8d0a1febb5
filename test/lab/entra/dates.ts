/** Dates as Graph writes them: a provider compares them as texts, and makes anew what has another one. */

/** Of the directory's own objects: to the second. */
export function directoryDate(date = new Date()): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** A date that the caller gave: the fraction of a second has no zeros at its end, and no point where it has none. */
export function givenDate(text: string): string {
  return new Date(text).toISOString().replace(/\.?0*Z$/, "Z");
}

/** A date that Graph chooses for a secret: in ticks of 100 ns, as in its documentation of `addPassword`. */
export function secretDate(date: Date): string {
  return date.toISOString().replace("Z", "6381Z");
}
