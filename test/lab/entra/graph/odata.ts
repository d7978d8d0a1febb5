/** Lists of Graph: $filter, $select, $top, and further pages. */
import type { GraphAnswer, GraphCall } from "./call.ts";
import { badRequest } from "./errors.ts";

type Item = Readonly<Record<string, unknown>>;

/** One object. */
export function one(call: GraphCall, item: Item, status = 200): GraphAnswer {
  const context = `https://graph.microsoft.com/${call.version}/$metadata#${call.path.split("/")[1] ?? ""}/$entity`;
  return { status, body: { "@odata.context": context, ...selected(call, item) } };
}

/** The objects of a list that the query asks for. */
export function list(call: GraphCall, items: readonly Item[]): GraphAnswer {
  const { query, version, path } = call;
  const matching = items.filter(readFilter(query.get("$filter")));
  const size = Math.min(Number(query.get("$top") ?? 100), 999);
  const start = Number(query.get("$skiptoken") ?? 0);
  const rest = matching.length > start + size;
  const next = new URLSearchParams(query);
  next.set("$skiptoken", String(start + size));
  const base = `https://graph.microsoft.com/${version}`;
  return {
    status: 200,
    body: {
      "@odata.context": `${base}/$metadata#${path.split("/")[1] ?? ""}`,
      ...(query.get("$count") === "true" ? { "@odata.count": matching.length } : {}),
      ...(rest ? { "@odata.nextLink": `${base}${path}?${next.toString()}` } : {}),
      value: matching.slice(start, start + size).map((item) => selected(call, item)),
    },
  };
}

function selected({ query }: GraphCall, item: Item): Item {
  const names = query.get("$select")?.split(",");
  if (names === undefined) return item;
  const kept = Object.entries(item).filter(([name]) => names.includes(name) || name.startsWith("@odata."));
  return Object.fromEntries(kept);
}

/** `name eq 'text'`, `name eq true`, `startswith(name,'text')`, joined by `and`. */
function readFilter(filter: string | null): (item: Item) => boolean {
  if (filter === null) return () => true;
  const parts = filter.split(/ and (?=(?:[^']*'[^']*')*[^']*$)/).map((part) => {
    const [, start, text] = /^startswith\((\w+), ?'((?:[^']|'')*)'\)$/i.exec(part) ?? [];
    if (start !== undefined)
      return (item: Item) => asText(item[start]).startsWith(plain(text ?? "").toLowerCase());
    const [, name = "", quoted, bare] = /^(\w+) eq (?:'((?:[^']|'')*)'|(true|false))$/.exec(part) ?? [];
    if (name === "") throw badRequest(`Invalid filter clause: ${part}`);
    if (bare !== undefined) return (item: Item) => item[name] === (bare === "true");
    return (item: Item) => asText(item[name]) === plain(quoted ?? "").toLowerCase();
  });
  return (item) => parts.every((part) => part(item));
}

const plain = (quoted: string) => quoted.replaceAll("''", "'");

function asText(value: unknown): string {
  return typeof value === "string" ? value.toLowerCase() : "";
}
