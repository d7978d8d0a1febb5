import { notRead } from "./cannot-judge.ts";
import { type ReadDirective, readNginx } from "./read.ts";

/** More than any host's files have; Nginx itself runs out of open files. */
const deepest = 10;

/**
 * The directives with those of the included files in place of each `include`, at any depth. Each of them says in which
 * file it stands, and its line there.
 * @param textOf the text of a file by its path as `include` says it
 * @throws CannotJudge if there is none, or if files include each other
 */
export function included(
  directives: readonly ReadDirective[],
  textOf: (path: string) => string | undefined,
  depth = 0,
): ReadDirective[] {
  return directives.flatMap((directive) => {
    const { name, args, body } = directive;
    if (body !== undefined) return [{ ...directive, body: included(body, textOf, depth) }];
    if (name !== "include") return [directive];
    const [path = ""] = args;
    const text = textOf(path);
    if (text === undefined) throw notRead("unknown-include", directive);
    if (depth === deepest) throw notRead("include-loop", directive, `include ${path} includes itself`);
    return included(readNginx(text, path), textOf, depth + 1);
  });
}
