import { notRead } from "./cannot-judge.ts";
import type { ReadDirective } from "./read.ts";

/** Directives of a location that nested ones do not inherit. */
const notInherited = /^(?:location|if|return|set|rewrite|break|internal|try_files|limit_except|\w+_pass)$/;

/**
 * The same directives with the locations that stand within others beside these, each with what it inherits. Only for
 * such as begin with "=" below the path around them: Nginx chooses among these as if they stood beside.
 * @throws CannotJudge for others
 */
export function withoutNested(directives: readonly ReadDirective[]): ReadDirective[] {
  return directives.flatMap((outer) => {
    if (outer.name !== "location" || outer.body === undefined) return [outer];
    const { body } = outer;
    const nested = body.filter(({ name }) => name === "location");
    return [
      { ...outer, body: body.filter(({ name }) => name !== "location") },
      ...nested.map((inner) => withInherited(inner, outer)),
    ];
  });
}

function withInherited(inner: ReadDirective, outer: ReadDirective): ReadDirective {
  const [modifier, path = ""] = inner.args;
  const around = outer.args.at(-1) ?? "";
  const isPrefix = outer.args.length === 1 || outer.args[0] === "^~";
  const own = inner.body ?? [];
  if (
    modifier !== "=" ||
    !isPrefix ||
    !path.startsWith(around) ||
    own.some(({ name }) => name === "location")
  )
    throw notRead(
      "nested-location",
      inner,
      `location ${inner.args.join(" ")} within ${around}: expected "=" below it`,
    );
  const said = new Set(own.map(({ name }) => name));
  const inherits = ({ name }: ReadDirective) => !said.has(name) && !notInherited.test(name);
  return { ...inner, body: [...(outer.body ?? []).filter(inherits), ...own] };
}
