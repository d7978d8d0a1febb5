/** Reports invalid YAML in a stack's file in our own words: the library's are about its functions and its grammar. */
import type { Document, ErrorCode } from "yaml";

import type { Problem } from "../components/site/errors.ts";

type Sentence = (text: string) => string;

const brackets: Sentence = () => "a bracket, quote or comma is missing or superfluous";
const outOfPlace: Sentence = () => "misplaced anchor or tag; remove it";
const ownLine: Sentence = () =>
  'a key must be on a line of its own, indented like its siblings, and a string that contains ": " in quotes';

/** What is expected, by the library's error code; each gets the text from the error on. */
const sentences: Readonly<Record<ErrorCode, Sentence>> = {
  ALIAS_PROPS: outOfPlace,
  BAD_ALIAS: () => "an alias must name an earlier anchor; write its value instead",
  BAD_COLLECTION_TYPE: outOfPlace,
  BAD_DIRECTIVE: () => 'a line that begins with "%" must be in quotes',
  BAD_DQ_ESCAPE: (text) =>
    `a "\\" within double quotes must be doubled, or the quotes single, got ${text.slice(0, 2)}`,
  BAD_INDENT: brackets,
  BAD_PROP_ORDER: outOfPlace,
  BAD_SCALAR_START: (text) => `a string that begins with "${text.slice(0, 1)}" must be in quotes`,
  BLOCK_AS_IMPLICIT_KEY: ownLine,
  BLOCK_IN_FLOW: () => "within [ ] or { } lists and maps must be in brackets as well",
  DUPLICATE_KEY: (text) =>
    `"${/^["']?([^"'\n]+?)["']?\s*:(?:\s|$)/m.exec(text)?.[1] ?? ""}" is a duplicate key`,
  IMPOSSIBLE: brackets,
  KEY_OVER_1024_CHARS: () => "a key must have at most 1024 characters",
  MISSING_CHAR: (text) =>
    /^[\w.:-]+\s*(?:\n|$)/.test(text)
      ? `a key must be followed by ":" and a space, got ${text.split(/\s/)[0] ?? ""}`
      : brackets(text),
  MULTILINE_IMPLICIT_KEY: ownLine,
  MULTIPLE_ANCHORS: outOfPlace,
  MULTIPLE_DOCS: () => 'a file describes one environment, but "---" begins another; remove the line',
  MULTIPLE_TAGS: outOfPlace,
  NON_STRING_KEY: () => "a key must be a string",
  RESOURCE_EXHAUSTION: () => "too deeply nested",
  TAB_AS_INDENT: () => "lines must be indented with spaces, got a tab",
  TAG_RESOLVE_FAILED: outOfPlace,
  UNEXPECTED_TOKEN: brackets,
};

/** One problem for each invalid line: further errors on it mostly follow from the first. */
export function yamlMistakes({ errors }: Document, text: string): Problem[] {
  const found = new Map<number, Problem>();
  for (const { code, pos, linePos } of errors) {
    const line = linePos?.[0].line ?? 1;
    const problem = { where: `line ${line}`, what: sentences[code](text.slice(pos[0])) };
    if (!found.has(line)) found.set(line, problem);
  }
  return [...found.values()];
}
