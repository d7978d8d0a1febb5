/**
 * Reads Nginx's configuration language into directives with their lines, as its `ngx_conf_read_token` does. Knows
 * nothing about what they mean.
 */

/** One directive; a block has a body. */
export interface ReadDirective {
  readonly name: string;
  /** Without the quotes and escapes with which they are written. */
  readonly args: readonly string[];
  /** The line on which it starts, 1 and up. */
  readonly line: number;
  readonly body?: readonly ReadDirective[];
  /** The file that contains it, as `include` names it; undefined in the text that was read first. */
  readonly file?: string;
}

interface Token {
  readonly text: string;
  readonly line: number;
  /** `{`, `}` and `;` that are not part of a word. */
  readonly mark: boolean;
}

/**
 * @param file what each directive says of where it stands
 * @throws Error where Nginx would refuse the text as no text of its language
 */
export function readNginx(text: string, file?: string): ReadDirective[] {
  return bodyOf(tokensOf(text), false, file === undefined ? {} : { file });
}

function bodyOf(
  tokens: Generator<Token, undefined>,
  nested: boolean,
  place: Pick<ReadDirective, "file">,
): ReadDirective[] {
  const directives: ReadDirective[] = [];
  for (;;) {
    const first = tokens.next();
    if (first.done) {
      if (nested) throw new Error('unexpected end of file, expected "}"');
      return directives;
    }
    const { text: name, line, mark } = first.value;
    if (mark) {
      if (name === "}" && nested) return directives;
      throw new Error(`line ${line}: unexpected "${name}"`);
    }
    const args: string[] = [];
    let next = tokens.next();
    for (; !next.done && !next.value.mark; next = tokens.next()) args.push(next.value.text);
    const end = next.value?.text;
    if (end === ";") directives.push({ name, args, line, ...place });
    else if (end === "{") directives.push({ name, args, line, ...place, body: bodyOf(tokens, true, place) });
    else throw new Error(`line ${line}: the directive ${name} is not terminated by ";"`);
  }
}

function* tokensOf(text: string): Generator<Token, undefined> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    let end = at + 1;
    if (char === "#") end = text.indexOf("\n", at) === -1 ? text.length : text.indexOf("\n", at);
    else if (/[{};]/.test(char)) yield { text: char, line, mark: true };
    else if (!space.test(char)) {
      end = endOfWord(text, at, line);
      yield { text: wordOf(text.slice(at, end)), line, mark: false };
    }
    line += text.slice(at, end).split("\n").length - 1;
    at = end;
  }
  return undefined;
}

/** To Nginx; others are parts of words. */
const space = /[ \t\r\n]/;

/** Behind the quote that ends the word, or before what ends one without quotes. */
function endOfWord(text: string, start: number, line: number): number {
  const [quote] = /^["']/.exec(text.charAt(start)) ?? [];
  let inVariable = false;
  for (let at = quote === undefined ? start : start + 1; at < text.length; at += 1) {
    const char = text.charAt(at);
    // As in ${name}.
    if (char === "{" && inVariable) continue;
    inVariable = char === "$";
    if (char === "\\") at += 1;
    else if (quote === undefined && /[ \t\r\n;{]/.test(char)) return at;
    else if (char === quote) {
      const next = text.charAt(at + 1);
      if (next !== "" && !/[ \t\r\n;{)]/.test(next)) throw new Error(`line ${line}: unexpected "${next}"`);
      return at + 1;
    }
  }
  if (quote !== undefined) throw new Error(`line ${line}: unterminated quote`);
  return text.length;
}

const escapes: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n" };

/** The value of a word; a backslash before any other character is literal. */
function wordOf(written: string): string {
  const bare = /^["']/.test(written) ? written.slice(1, -1) : written;
  return bare.replaceAll(/\\(["'\\trn])/g, (_, char: string) => escapes[char] ?? char);
}
