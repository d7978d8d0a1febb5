import type { ReadDirective } from "./read.ts";

/** Something in a configuration that is not known here: no judgement is better than a wrong one. */
export class CannotJudge extends Error {
  override readonly name = "CannotJudge";
}

/** A directive that is not known where it stands. */
export function notRead(directive: ReadDirective): CannotJudge {
  const { name, args } = directive;
  return new CannotJudge(`${placeOf(directive)}: ${[name, ...args].join(" ")} is not read by this review`);
}

/** As in `nginx.conf line 7`, for messages. */
export function placeOf({ line, file = "nginx.conf" }: ReadDirective): string {
  return `${file} line ${line}`;
}
