/**
 * What ends by the host's own clock, without a push or a reload: Nginx compares the end with `$msec` at each request
 * (docs/decisions/ends-by-itself.md). It compares no numbers, so both are digits of the same length, and an expression
 * finds the first digit in which they differ.
 */
import { endOf } from "../../site/ends.ts";
import { block, comment, type Directive, expr, ifNotLike, type Item } from "../../nginx/print.ts";

/** Until when a location is open, as {@link digitsOf}; a location that does not end has none. */
export const untilVariable = "$protected_sites_until";

/** Not empty where {@link untilVariable} is over, or is no time at all. */
const endedVariable = "$protected_sites_ended";

const digits = 11;

/** When something ends whose last day this is, in seconds since 1970. */
export function digitsOf(lastDay: string): string {
  return String(endOf(lastDay)).padStart(digits, "0");
}

/** The source of a `map`: now, and what {@link isBefore} compares it with. */
export function nowAnd(variable: string): string {
  return `0$msec ${variable}`;
}

/** As {@link isBefore}, at any time. */
export function isTime(before = ""): string {
  return `~^\\d{${digits}}\\.\\d+ ${before}\\d{${digits}}$`;
}

/**
 * The key of a `map` from {@link nowAnd} for a variable that holds a time to come.
 * @param before what it holds before the time
 * @param after what follows the time, as a regular expression
 */
export function isBefore(before = "", after = "$"): string {
  const differs = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(
    (digit) => `${digit}\\d*\\.\\d+ ${before}\\1[${digit + 1}-9]`,
  );
  return `~^(?=\\d{${digits}}\\.\\d+ ${before}\\d{${digits}}${after})(\\d*)(?:${differs.join("|")})`;
}

/** For all sites of a host: whether an open path has ended. */
export function endMap(): Item[] {
  return [
    comment("Open paths that end: Nginx compares the seconds since 1970, digit by digit."),
    block(
      ["map", expr(nowAnd(untilVariable)), expr(endedVariable)],
      [
        ["default", 1],
        [expr(isBefore()), ""],
      ],
    ),
  ];
}

/** Directives of a location that ends. @param then instead of what it does until then */
export function untilThen(lastDay: string | undefined, then: Directive): Directive[] {
  if (lastDay === undefined) return [];
  return [["set", expr(untilVariable), digitsOf(lastDay)], ifNotLike(endedVariable, "^$", then)];
}
