import { notRead } from "../../components/nginx/cannot-judge.ts";
import type { ReadDirective } from "../../components/nginx/read.ts";
import { expand, regularExpression, type Variables } from "../../components/nginx/variables.ts";

/** Whether the condition of an `if` is true. */
export function isMet(condition: ReadDirective, variables: Variables): boolean {
  const { args } = condition;
  const words = args.map((it) => it);
  const text = words.join(" ").replace(/^\(/, "").replace(/\)$/, "");
  const [variable = "", operator, ...rest] = text.split(" ");
  const value = expand(variable, variables);
  const other = rest.join(" ");
  switch (operator) {
    case undefined:
      return value !== "" && value !== "0";
    case "=":
      return value === expand(other, variables);
    case "!=":
      return value !== expand(other, variables);
    case "~":
      return regularExpression(other).test(value);
    case "~*":
      return regularExpression(`*${other}`).test(value);
    case "!~":
      return !regularExpression(other).test(value);
    default:
      throw notRead("unknown-condition", condition);
  }
}
