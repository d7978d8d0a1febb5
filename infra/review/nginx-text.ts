/** Reads Nginx's configuration language into directives with their lines. Knows nothing about what they mean. */

/** One directive; a block has a body. */
export interface ReadDirective {
  readonly name: string;
  readonly args: readonly string[];
  /** The line on which it starts, 1 and up. */
  readonly line: number;
  readonly body?: readonly ReadDirective[];
  /** The file, where it was included. */
  readonly file?: "inherited.conf";
}

interface Token {
  readonly text: string;
  readonly line: number;
  /** `{`, `}` and `;` that are not part of a word. */
  readonly mark: boolean;
}

/** @throws Error where the text is not Nginx's language */
export function readNginx(text: string): ReadDirective[] {
  const tokens = tokensOf(text);
  let at = 0;
  const body = (nested: boolean): ReadDirective[] => {
    const directives: ReadDirective[] = [];
    for (;;) {
      const first = tokens[at];
      if (first === undefined) {
        if (nested) throw new Error("a block has no end");
        return directives;
      }
      at += 1;
      if (first.mark) {
        if (first.text === "}" && nested) return directives;
        throw new Error(`line ${first.line}: a "${first.text}" stands where a directive should`);
      }
      const args: string[] = [];
      let next = tokens[at];
      while (next !== undefined && !next.mark) {
        args.push(next.text);
        at += 1;
        next = tokens[at];
      }
      at += 1;
      const { text: name, line } = first;
      if (next?.text === ";") directives.push({ name, args, line });
      else if (next?.text === "{") directives.push({ name, args, line, body: body(true) });
      else throw new Error(`line ${line}: the directive ${name} has no end`);
    }
  };
  return body(false);
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r" };

/** Words and marks, quotes and escapes resolved as in Nginx's ngx_conf_read_token. */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === "\n") line += 1;
    if (/\s/.test(char)) at += 1;
    else if (char === "#") while (at < text.length && text[at] !== "\n") at += 1;
    else if (/[{};]/.test(char)) {
      tokens.push({ text: char, line, mark: true });
      at += 1;
    } else {
      const start = line;
      const quote = char === '"' || char === "'" ? char : undefined;
      if (quote !== undefined) at += 1;
      let word = "";
      for (;;) {
        const next = text[at];
        if (next === undefined) {
          if (quote !== undefined) throw new Error(`line ${start}: a quote has no end`);
          break;
        }
        if (next === "\n") line += 1;
        if (
          quote === undefined ? /[\s;{]/.test(next) && !(next === "{" && word.endsWith("$")) : next === quote
        )
          break;
        if (next === "\\") {
          const escaped = text[at + 1] ?? "";
          word += /["'\\]/.test(escaped) ? escaped : (escapes[escaped] ?? `\\${escaped}`);
          at += 2;
        } else {
          word += next;
          at += 1;
        }
      }
      if (quote !== undefined) at += 1;
      else if (text[at] === "\n") line -= 1;
      tokens.push({ text: word, line: start, mark: false });
    }
  }
  return tokens;
}
