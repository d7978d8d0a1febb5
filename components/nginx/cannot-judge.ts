import type { ReadDirective } from "./read.ts";

/** What is not judged, by name; test/unit/review/rules.test.ts has cases of each. */
export const rules = [
  "answer-intercepted",
  "answer-replaced",
  "backend-from-request",
  "cache-across-sessions",
  "error-page-from-request",
  "error-page-loop",
  "if-without-return",
  "include-loop",
  "limit-except",
  "nested-location",
  "other-auth-service",
  "other-tenant",
  "pass-within-if",
  "refusal-leads-to-content",
  "regular-expression",
  "rewrite",
  "set-from-request",
  "token-without-role",
  "unknown-auth-location",
  "unknown-auth-parameter",
  "unknown-condition",
  "unknown-directive",
  "unknown-end",
  "unknown-include",
  "unknown-option",
  "unknown-role",
  "unknown-variable",
] as const;
export type Rule = (typeof rules)[number];

/** Something in a configuration that is not known here: no judgement is better than a wrong one. */
export class CannotJudge extends Error {
  override readonly name = "CannotJudge";
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(`${message} [${rule}]`);
    this.rule = rule;
  }
}

/** A directive that is not known where it stands; `why` is in place of its text. */
export function notRead(rule: Rule, directive: ReadDirective, why?: string): CannotJudge {
  const { name, args } = directive;
  const what = why ?? `${[name, ...args].join(" ")} is not supported by this review`;
  return new CannotJudge(rule, `${placeOf(directive)}: ${what}`);
}

/** As in `nginx.conf line 7`, for messages. */
function placeOf({ line, file = "nginx.conf" }: ReadDirective): string {
  return `${file} line ${line}`;
}
