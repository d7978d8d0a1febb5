/** What is no YAML in a stack's file, in words of ours: the library's are about its own functions and its grammar. */
import type { Document, ErrorCode } from "yaml";

import type { Problem } from "../components/site/errors.ts";

type Sentence = (text: string) => string;

const brackets: Sentence = () => "a bracket, a quote or a comma is missing, or there is one too many";
const outOfPlace: Sentence = () => "an anchor or a tag is out of place; leave it out";
const ownLine: Sentence = () =>
  'a key must stand on a line of its own, as far in as those beside it, and a text that holds ": " in quotes';

/** What would be right, by the library's code; each gets the text from where the mistake is. */
const sentences: Readonly<Record<ErrorCode, Sentence>> = {
  ALIAS_PROPS: outOfPlace,
  BAD_ALIAS: () => "an alias must name an anchor that stands before it; write what it stands for",
  BAD_COLLECTION_TYPE: outOfPlace,
  BAD_DIRECTIVE: () => 'a line that begins with "%" must be in quotes',
  BAD_DQ_ESCAPE: (text) =>
    `a "\\" within double quotes must be doubled, or the quotes single, got ${text.slice(0, 2)}`,
  BAD_INDENT: brackets,
  BAD_PROP_ORDER: outOfPlace,
  BAD_SCALAR_START: (text) => `a text that begins with "${text.slice(0, 1)}" must be in quotes`,
  BLOCK_AS_IMPLICIT_KEY: ownLine,
  BLOCK_IN_FLOW: () => "within [ ] or { } lists and maps must be in brackets, too",
  DUPLICATE_KEY: (text) =>
    `"${/^["']?([^"'\n]+?)["']?\s*:(?:\s|$)/m.exec(text)?.[1] ?? ""}" is already there; give each key once`,
  IMPOSSIBLE: brackets,
  KEY_OVER_1024_CHARS: () => "a key must have at most 1024 characters",
  MISSING_CHAR: (text) =>
    /^[\w.:-]+\s*(?:\n|$)/.test(text)
      ? `a key must have ":" and a space behind it, got ${text.split(/\s/)[0] ?? ""}`
      : brackets(text),
  MULTILINE_IMPLICIT_KEY: ownLine,
  MULTIPLE_ANCHORS: outOfPlace,
  MULTIPLE_DOCS: () => 'a file holds one environment, but "---" begins another; leave the line out',
  MULTIPLE_TAGS: outOfPlace,
  NON_STRING_KEY: () => "a key must be a text",
  RESOURCE_EXHAUSTION: () => "it is nested too deep",
  TAB_AS_INDENT: () => "lines must be indented by spaces, got a tab",
  TAG_RESOLVE_FAILED: outOfPlace,
  UNEXPECTED_TOKEN: brackets,
};

/** Every line that cannot be read; of several mistakes on one, which mostly follow from each other, the first. */
export function yamlMistakes({ errors }: Document, text: string): Problem[] {
  const found = new Map<number, Problem>();
  for (const { code, pos, linePos } of errors) {
    const line = linePos?.[0].line ?? 1;
    const problem = { where: `line ${line}`, what: sentences[code](text.slice(pos[0])) };
    if (!found.has(line)) found.set(line, problem);
  }
  return [...found.values()];
}
