/** The values of Nginx's variables for one request, `map` and `geo` included. */
import { CannotJudge } from "./cannot-judge.ts";
import type { ReadDirective } from "./read.ts";

/** Gives a variable's value, without its `$`; nothing where it has none. */
export type Variables = (name: string) => string | undefined;

/** `map` and `geo` blocks by the variable that they define. */
export type Definitions = ReadonlyMap<string, ReadDirective>;

export function definitionsOf(blocks: readonly ReadDirective[]): Definitions {
  return new Map(blocks.map((it) => [(it.args.at(-1) ?? "").slice(1), it]));
}

/**
 * @param request the variables that the request itself gives
 */
export function variablesOf(defined: Definitions, request: Variables): Variables {
  // What `map` has captured; Nginx keeps captures for the request.
  const captured = new Map<string, string>();
  const known = new Map<string, string>();
  const value: Variables = (name) => {
    const before = captured.get(name) ?? known.get(name);
    if (before !== undefined) return before;
    const definition = defined.get(name);
    if (definition === undefined) return request(name);
    known.set(name, "");
    const found =
      definition.name === "geo"
        ? geo(definition)
        : mapped(definition, expand(definition.args[0] ?? "", value));
    known.set(name, found);
    return found;
  };
  const mapped = (definition: ReadDirective, source: string): string => {
    const entries = (definition.body ?? []).filter(({ name }) => !["hostnames", "volatile"].includes(name));
    const result = (entry: ReadDirective | undefined) => expand(entry?.args[0] ?? "", value);
    const literal = entries.find(
      ({ name }) =>
        name !== "default" &&
        !name.startsWith("~") &&
        name.replace(/^\\/, "").toLowerCase() === source.toLowerCase(),
    );
    if (literal !== undefined) return result(literal);
    for (const entry of entries.filter(({ name }) => name.startsWith("~"))) {
      const found = regularExpression(entry.name.slice(1)).exec(source);
      if (found === null) continue;
      for (const [key, text] of Object.entries(found.groups ?? {})) captured.set(key, text);
      return result(entry);
    }
    return result(entries.find(({ name }) => name === "default"));
  };
  // Reviews look at requests from elsewhere, for which every address block but the default is another's.
  const geo = (definition: ReadDirective) =>
    definition.body?.find(({ name }) => name === "default")?.args[0] ?? "";
  return value;
}

const compiled = new Map<string, RegExp>();

/** A regular expression as Nginx writes it: `*` first for one that ignores case. */
export function regularExpression(text: string): RegExp {
  const before = compiled.get(text);
  if (before !== undefined) return before;
  const ignoresCase = text.startsWith("*");
  try {
    const made = new RegExp(ignoresCase ? text.slice(1) : text, ignoresCase ? "i" : "");
    compiled.set(text, made);
    return made;
  } catch {
    throw new CannotJudge(
      "regular-expression",
      `the regular expression ${text} is not supported by this review`,
    );
  }
}

/** Puts the values of variables into a text. */
export function expand(text: string, value: Variables): string {
  if (!text.includes("$")) return text;
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, plain?: string) => {
    const name = braced ?? plain ?? "";
    const found = value(name);
    if (found === undefined)
      throw new CannotJudge("unknown-variable", `the variable $${name} is not supported by this review`);
    return found;
  });
}
