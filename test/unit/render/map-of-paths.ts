/** What `map` gives for a path, by patterns that Nginx and JavaScript read alike. */
import { spellingMap } from "../../../components/render/nginx/ambiguous-paths.ts";
import type { Directive } from "../../../components/nginx/print.ts";

/** What the entries of a `map` give for a text: the first pattern that matches. */
export function mapped(entries: readonly Directive[], text: string): string | number | undefined {
  for (const entry of entries) {
    const [pattern, value] = entry as unknown as [string | { expression: string }, string | number];
    const { expression } = typeof pattern === "string" ? { expression: pattern } : pattern;
    if (new RegExp(expression.replace(/^~\*?/, ""), expression.startsWith("~*") ? "i" : "").test(text))
      return value;
  }
  return undefined;
}

const [, spellings] = spellingMap() as unknown as [unknown, { body: readonly Directive[] }];

/** How a path is written, by the map of all sites. */
export function spellingOf(target: string): string {
  return String(mapped(spellings.body.slice(1), target) ?? "plain");
}
