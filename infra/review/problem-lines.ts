/** The line of an error in an environment's file. */
import { type Document, isMap, isScalar, isSeq, type Node } from "yaml";

import type { Problem } from "../../components/site/errors.ts";
import { configPath, settingPrefix } from "../stack-file.ts";

/**
 * The line, from 1, of the deepest setting that the problem names; for a missing setting, that of its parent.
 * @param document undefined if the text is not valid YAML; the problem then names the line itself
 */
export function lineOf(problem: Problem, text: string, document: Document | undefined): number {
  const said = /^line (\d+)$/.exec(problem.where)?.[1];
  if (said !== undefined) return Number(said);
  if (document === undefined) return 1;
  return lineAt(text, document, pathOf(problem));
}

/** The line of the deepest part of a path that the document has. */
export function lineAt(text: string, document: Document, path: readonly (string | number)[]): number {
  let offset = 0;
  let node: unknown = document.contents;
  for (const key of path) {
    const next = childOf(node, key);
    if (next === undefined) break;
    offset = next.offset;
    node = next.node;
  }
  return text.slice(0, offset).split("\n").length;
}

function childOf(
  node: unknown,
  key: string | number,
): { readonly offset: number; readonly node: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    const at = pair === undefined ? undefined : startOf(pair.key);
    return at === undefined ? undefined : { offset: at, node: pair?.value };
  }
  if (isSeq(node)) {
    const index = typeof key === "number" ? key : nameAt(node.items, key);
    const at = startOf(node.items[index]);
    return at === undefined ? undefined : { offset: at, node: node.items[index] };
  }
  return undefined;
}

/** An entry of a list by its number, or by its `name`. */
function nameAt(items: readonly unknown[], key: string): number {
  if (/^\d+$/.test(key)) return Number(key);
  return items.findIndex((item) => isMap(item) && item.get("name") === key);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | undefined)?.range?.[0];
}

/** The path of the setting that a problem names, parsed from its text; see `placeIn` in infra/environment.ts. */
function pathOf({ where, what }: Problem): (string | number)[] {
  const site = /^site "(.*)"$/.exec(where)?.[1];
  const host = /^host "(.*)"$/.exec(where)?.[1];
  const place = /^host (\d+) of the list$/.exec(where)?.[1];
  const setting = (/^"(.+?)" is not a known key/.exec(what)?.[1] ?? what.split(" ")[0] ?? "").split(".");
  if (site !== undefined) return configPath("sites", site, ...setting);
  if (host !== undefined) return configPath("hosts", host, ...setting);
  if (place !== undefined) return configPath("hosts", Number(place) - 1, ...setting);
  if (where === "siteDefaults") return configPath("siteDefaults", ...setting);
  const [first = "", ...rest] = setting;
  const key = first.startsWith(settingPrefix) ? first.slice(settingPrefix.length) : first;
  return configPath(key, ...rest);
}
