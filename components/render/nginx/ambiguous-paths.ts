/**
 * Paths that Nginx and a backend may read differently. Nginx chooses a rule by the decoded, normalised path and hands
 * the path on as it came, so what a backend reads as another path than Nginx would get past the rules.
 */
import type { OpenPath, PathRule } from "../../site/path-access.ts";
import { block, type Directive, expr, literal } from "./nginx-conf.ts";

/** 1 where the request's path has more than one reading; shared by all sites of a host. */
export const ambiguousPath = "$protected_sites_ambiguous_path";

/** The `map` behind {@link ambiguousPath}. */
export function ambiguousPathMap(): Directive {
  const readings = [
    "//",
    // Segments "." and "..", which some servers resolve and some do not.
    "/\\.{1,2}(?:[/?#]|$)",
    // An encoded "/", "\" or ".": one server decodes it before it splits the path, another after.
    "%2f|%5c|%2e",
    // Windows takes "\" for "/".
    "\\\\",
    // What follows a ";" is no part of the path for Java's servers.
    ";|%3b",
    "#",
    // Encoded twice, or not in UTF-8: a lenient decoder makes a "/" or a "." of it.
    "%25[0-9a-f][0-9a-f]|%c[01]",
    "%[01][0-9a-f]|%7f",
  ];
  return block(
    ["map", expr("$request_uri"), expr(ambiguousPath)],
    [
      ["default", ""],
      [expr(`~*^[^?]*(?:${readings.join("|")})`), 1],
    ],
  );
}

/**
 * A pattern for the decoded path: 1 where a server that takes no heed of case, or of a dot or space at the end of a
 * name (as Windows does), would read a path that a rule is about and Nginx would not.
 */
export function misspelt({ path }: Pick<PathRule | OpenPath, "path">): string {
  const names = path
    .split("/")
    .filter((name) => name !== "")
    .map(literal);
  const whole = (join: string) => `${names.map((name) => `/${name}${join}`).join("")}(?:/|$)`;
  return `~*^(?!(?-i:${whole("")}))${whole("[. ]*")}`;
}
