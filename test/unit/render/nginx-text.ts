/**
 * Reads an Nginx configuration the way Nginx does (`ngx_conf_read_token`), so that a test judges what Nginx will
 * understand and not what the renderer meant. Knows words, quotes, escapes, comments and blocks; no Lua, no includes.
 */

/** A directive as Nginx takes it: quotes and escapes are gone; a block also holds directives. */
export interface Statement {
  readonly name: string;
  readonly args: readonly string[];
  readonly holds?: readonly Statement[];
}

/** @throws Error where Nginx would refuse the text */
export function readNginx(text: string): Statement[] {
  const tokens = tokensOf(text);
  const level = (inside: boolean): Statement[] => {
    const found: Statement[] = [];
    let words: string[] = [];
    for (;;) {
      const token = tokens.next();
      if (token.done === true) {
        if (inside || words.length > 0) throw new Error(`ends within ${words.join(" ") || "a block"}`);
        return found;
      }
      if ("word" in token.value) {
        words.push(token.value.word);
        continue;
      }
      const [name, ...args] = words;
      words = [];
      if (token.value.mark === "}") {
        if (!inside || name !== undefined) throw new Error(`unexpected "}" after ${name ?? "nothing"}`);
        return found;
      }
      if (name === undefined) throw new Error(`unexpected "${token.value.mark}"`);
      found.push(token.value.mark === "{" ? { name, args, holds: level(true) } : { name, args });
    }
  };
  return level(false);
}

type Token = { readonly word: string } | { readonly mark: ";" | "{" | "}" };

function* tokensOf(text: string): Generator<Token, undefined> {
  let rest = text;
  for (;;) {
    rest = rest.replace(/^(?:\s+|#.*(?:\n|$))+/, "");
    if (rest === "") return undefined;
    const mark = /^[;{}]/.exec(rest)?.[0] as ";" | "{" | "}" | undefined;
    // Nginx ends a plain word at white space, ";" or "{", and a quoted one at its quote.
    const taken =
      mark ??
      (/^"(?:[^"\\]|\\[^])*"(?=[\s;{)])/.exec(rest) ??
        /^'(?:[^'\\]|\\[^])*'(?=[\s;{)])/.exec(rest) ??
        /^(?!["'])(?:[^\s;{\\$]|\\[^]|\$\{?)+/.exec(rest))?.[0];
    if (taken === undefined) throw new Error(`cannot be read: ${rest.slice(0, 40)}`);
    rest = rest.slice(taken.length);
    yield mark === undefined
      ? { word: unescaped(/^["']/.test(taken) ? taken.slice(1, -1) : taken) }
      : { mark };
  }
}

function unescaped(word: string): string {
  return word.replace(
    /\\(["'\\trn])/g,
    (_, letter: string) => ({ t: "\t", r: "\r", n: "\n" })[letter] ?? letter,
  );
}
