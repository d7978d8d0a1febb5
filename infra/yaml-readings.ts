/**
 * What the engine reads differently in a stack's file from the commands that read it without the engine. Its parser is
 * Go's yaml.v3, which keeps parts of YAML 1.1 (https://github.com/go-yaml/yaml#compatibility); theirs is YAML 1.2.
 */
import { closest } from "fastest-levenshtein";
import { type Document, isCollection, isMap, isScalar, visit } from "yaml";

import type { Problem } from "../components/site/errors.ts";

/** Everything in a file that the two read differently, by its line. */
export function ambiguousYaml(document: Document, text: string, prefix: string): Problem[] {
  const problems: Problem[] = [];
  const refuse = (offset: number | undefined, what: string) => {
    problems.push({ where: `line ${text.slice(0, offset ?? 0).split("\n").length}`, what });
  };
  const refuseTag = (tag: string | undefined, offset: number | undefined) => {
    if (tag !== undefined) refuse(offset, `the engine and the commands read tags differently; remove ${tag}`);
  };
  if (document.directives?.yaml.explicit) refuse(0, "a %YAML directive is not supported; remove it");
  visit(document, {
    Collection: (_, { tag, range }) => {
      refuseTag(tag, range?.[0]);
    },
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined)
        refuse(
          alias.range?.[0],
          `"*${alias.source}" has no "&${alias.source}" before it; write its value instead, or put a string in quotes`,
        );
    },
    Pair: (_, { key }) => {
      if (isCollection(key)) refuse(key.range?.[0], "a key must be a string");
      if (isScalar(key) && key.type === "PLAIN" && key.value === "<<")
        refuse(key.range?.[0], `only the engine supports "<<"; write the keys out`);
    },
    Scalar: (_, { tag, type, source, range, value }) => {
      refuseTag(tag, range?.[0]);
      // The engine (3.259.0) loses it.
      if (typeof value === "string" && value.startsWith("\n"))
        refuse(range?.[0], "a string must not begin with a line break");
      if (type !== "PLAIN" || source === undefined) return;
      if (/^\d{4}-\d\d?-\d\d?(?:[Tt ].*)?$/.test(source))
        refuse(range?.[0], `a date must be in quotes, "${source}", got ${source}`);
      else if (isDoubtfulNumber(source))
        refuse(
          range?.[0],
          `a number must be in plain digits like 4180, and a string in quotes, got ${source}`,
        );
    },
  });
  refuseUnknownKeys(document, prefix, refuse);
  return problems;
}

/** Namespaces whose settings only the providers get. */
const providers = ["azuread", "command", "pulumi", "random", "tls"];

/** The engine's own keys in the file. */
const ofTheEngine = ["config", "encryptionsalt", "encryptedkey", "environment", "secretsprovider"];

/** The program and the review would silently ignore an unknown key. */
function refuseUnknownKeys(
  document: Document,
  prefix: string,
  refuse: (offset: number | undefined, what: string) => void,
): void {
  const keysOf = (node: unknown) =>
    (isMap(node) ? node.items : []).map(({ key }) =>
      isScalar(key) ? { name: String(key.value), at: key.range?.[0] } : { name: "", at: 0 },
    );
  for (const { name, at } of keysOf(document.contents))
    if (!ofTheEngine.includes(name))
      refuse(at, `"${name}" is not a known key; did you mean "${closest(name, ofTheEngine)}"?`);
  for (const { name, at } of keysOf(document.get("config"))) {
    const own = name.startsWith(prefix) && !name.startsWith(`${prefix}config:`);
    if (own || providers.includes(name.split(":")[0] ?? "")) continue;
    refuse(at, `"${name}" must be "${prefix}${name.split(/[:.]/).at(-1) ?? ""}"`);
  }
}

/** To the engine a leading zero is octal; it skips `_`, supports more prefixes, and cannot pass on infinity or NaN. */
function isDoubtfulNumber(source: string): boolean {
  if (/^[-+]?\.inf$|^\.nan$/i.test(source)) return true;
  if (/^[-+]?0[xob]/i.test(source)) return !/^0(?:x[\da-fA-F]+|o[0-7]+)$/.test(source);
  const digits = source.replaceAll("_", "");
  if (!/^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i.test(digits)) return false;
  return digits !== source || /^[-+]?0\d/.test(source) || !Number.isFinite(Number(digits));
}
