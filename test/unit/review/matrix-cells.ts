/** Reads an access matrix as docs/access-matrix.md says, without the code that made it. */
import type { Row } from "../../../infra/access-matrix.ts";
import { blockedPerson, type GeneratedPerson, upnAt } from "./generated-sites.ts";

/** Somebody of the tenant, one of its applications, or nobody. */
export type Somebody = GeneratedPerson | { readonly program: string } | undefined;

/** The row about a path, as plainly written, and a method over TLS. */
export function rowFor(rows: readonly Row[], path: string, method: string): Row | undefined {
  const all = rows
    .filter(({ scheme }) => scheme === "https")
    .flatMap((row) => row.paths.map((it) => ({ row, ...it })));
  const prefix = all
    .filter(({ modifier, match }) => ["", "^~"].includes(modifier) && path.startsWith(match))
    .reduce((longest, it) => (it.match.length > longest.match.length ? it : longest), {
      match: "",
      modifier: "",
    });
  const expression = all.find(({ modifier, match }) => modifier === "~" && new RegExp(match).test(path));
  const taken =
    all.find(({ modifier, match }) => modifier === "=" && match === path) ??
    (prefix.modifier === "^~" ? prefix : (expression ?? prefix));
  return forMethod(
    all.filter((it) => it.modifier === taken.modifier && it.match === taken.match).map(({ row }) => row),
    method,
  );
}

/** Of rows about the same paths, the one about a method. */
export function forMethod(rows: readonly Row[], method: string): Row | undefined {
  return (
    rows.find(({ methods }) => methods.includes(method) || methods.includes("any")) ??
    rows.find(({ methods }) => methods.includes("others"))
  );
}

/** Whether somebody gets to the backend. */
export function admits(row: Row, person: Somebody): boolean {
  if (!("who" in row)) return false;
  return row.who.some((who) => {
    if (who.kind === "anybody") return true;
    if (person === undefined) return false;
    if (person === blockedPerson) return false;
    if ("program" in person) return who.kind === "application" && who.application === person.program;
    if (who.kind === "application") return false;
    if (who.kind === "user") return who.user === upnAt(person.domain, person.name) && who.and.length === 0;
    const domain = who.emailDomains.some((it) => it === "*" || it === person.domain);
    if (who.kind === "account") return domain;
    if (who.except?.includes(upnAt(person.domain, person.name)) === true) return false;
    const isIn = (group: string) => person.groups.includes(group);
    return domain && isIn(who.group) && who.and.every((list) => list.some(isIn));
  });
}

/** Requests that a row is about: their paths, and a method. */
export function examplesOf({ paths, methods }: Row): { readonly targets: string[]; readonly method: string } {
  const [first = "any"] = methods;
  return {
    targets: paths.flatMap(({ modifier, match }) => {
      if (modifier.startsWith("~")) return [match.replaceAll("\\", "")];
      return modifier === "=" ? [match] : [match, `${match}-`];
    }),
    method: first === "any" ? "GET" : first === "others" ? "PURGE" : first,
  };
}
