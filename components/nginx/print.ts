/** Prints Nginx directives. Knows Nginx's syntax and nothing about sites. */

/** One directive: its name (in a `map`, what to look for), its arguments and, for a block, what its body contains. */
export type Directive =
  | readonly [name: Arg, ...args: Arg[]]
  | { readonly block: readonly [name: string, ...args: Arg[]]; readonly body: readonly Item[] };
/** A directive, a comment on a line of its own, or a group of them that may be moved to a file of its own. */
export type Item = Directive | { readonly comment: string } | Group;
/** Directives that other sites may have alike; made by {@link group}. */
export interface Group {
  readonly group: readonly Item[];
}
/** A plain text is always literal; {@link expr} is what Nginx expands. */
export type Arg = string | number | Expression;
/** What Nginx expands; made by {@link expr}. */
export interface Expression {
  readonly expression: string;
}

/** An argument in which Nginx expands `$variables`, or which is a regular expression. */
export function expr(expression: string): Expression {
  return { expression };
}

/** A text as a regular expression that matches it alone. */
export function literal(text: string): string {
  return text.replaceAll(/[.[\]]/g, "\\$&");
}

/** A block such as `server { … }`. */
export function block(head: readonly [name: string, ...args: Arg[]], body: readonly Item[]): Directive {
  return { block: head, body };
}

/** `if (variable = value) { … }`, for `return` and what passes on: with most other directives Nginx's `if` is a trap. */
export function ifEquals(variable: string, value: string | number, then: Directive): Directive {
  return block(["if", expr(`(${variable}`), "=", expr(`${value})`)], [then]);
}

/** `if (variable !~ one|or|another) { … }`, for `return` only; see {@link ifEquals}. */
export function ifNoneOf(variable: string, values: readonly string[], then: Directive): Directive {
  return block(["if", expr(`(${variable}`), "!~", expr(`^(${values.join("|")})$)`)], [then]);
}

/** `if (variable !~ pattern) { … }`, for `return` only; see {@link ifEquals}. */
export function ifNotLike(variable: string, pattern: string, then: Directive): Directive {
  return block(["if", expr(`(${variable}`), "!~", expr(`${pattern})`)], [then]);
}

/** A comment on a line of its own. */
export function comment(text: string): Item {
  return { comment: text };
}

/** Directives that other sites may have alike. */
export function group(items: readonly Item[]): Group {
  return { group: items };
}

/** The same with others in place of each group. */
export function withGroupsAs(items: readonly Item[], as: (it: Group) => readonly Item[]): Item[] {
  return items.flatMap((item): readonly Item[] => {
    if ("group" in item) return as(item);
    if ("block" in item) return [block(item.block, withGroupsAs(item.body, as))];
    return [item];
  });
}

/** The text of a file, four spaces per level, a blank line before each comment and each outer block. */
export function printNginx(items: readonly Item[], indent = ""): string {
  const flat = withGroupsAs(items, (it) => withGroupsAs(it.group, ({ group }) => group)) as Single[];
  return flat
    .map((item, index) => {
      const before = flat[index - 1];
      const space = (wanted: boolean) =>
        wanted && before !== undefined && !("comment" in before) ? "\n" : "";
      if ("comment" in item) return `${space(true)}${indent}# ${oneLine(item.comment)}\n`;
      if (!("block" in item)) return `${indent}${words(item)};\n`;
      const head = `${space(indent === "")}${indent}${words(item.block)}`;
      return `${head} {\n${printNginx(item.body, `${indent}    `)}${indent}}\n`;
    })
    .join("");
}

type Single = Exclude<Item, Group>;

function words(args: readonly Arg[]): string {
  return args.map(quote).join(" ");
}

function quote(arg: Arg): string {
  const literal = typeof arg !== "object";
  const text = literal ? String(arg) : arg.expression;
  // Nginx has no escape for a dollar sign, so that a literal one cannot be written at all.
  if (literal && text.includes("$")) {
    throw new Error(`Nginx argument ${JSON.stringify(text)} contains "$"; use expr() if a variable is meant`);
  }
  oneLine(text);
  if (/^(?:[\w.:/@=,+*~^$%[\]|()!-]|\\\.)+$/.test(text)) return text;
  const mark = text.includes('"') && !text.includes("'") ? "'" : '"';
  return mark + text.replace(/\\/g, "\\\\").replaceAll(mark, `\\${mark}`) + mark;
}

function oneLine(text: string): string {
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new Error(`Nginx text ${JSON.stringify(text)} contains a control character`);
  }
  return text;
}
