/** Somebody who gets in by one side's rules, and by none of the others'. */
import type { Role } from "../../components/site/roles.ts";
import { counts, type Gate, type Needs, passes } from "./needs.ts";

/** A representative of all people like them: a UPN and groups, or nobody signed in. */
export interface Person {
  readonly upn: string;
  readonly groups: readonly string[];
}

/** Who passes: nobody (undefined), anybody, or those who meet the needs. */
export type Entry = "anybody" | Known | undefined;

/** What is needed, and who holds the roles of that. */
interface Known extends Needs {
  readonly roles: readonly Role[];
}

/** Who passes a gate. @param roles of the site, with those who hold them */
export function entryOf(gate: Gate | undefined, roles: readonly Role[] = []): Entry {
  if (gate?.to.kind !== "content") return undefined;
  return gate.needs === undefined ? "anybody" : { ...gate.needs, roles };
}

/** Who holds a role: groups, and users as groups of one. Other groups are their own. */
function holders(group: string, roles: readonly Role[]): string[] {
  const role = roles.find(({ value }) => group === `role ${value}`);
  return role === undefined
    ? [group]
    : [
        ...role.groups,
        ...role.users.map((upn) => `user ${upn}`),
        ...role.applications.map((id) => `application ${id}`),
      ];
}

/** Whether somebody passes, with users as groups of one. */
function enters(needs: Known, { upn, groups }: Person): boolean {
  const own = [...groups, `user ${upn}`];
  const isHeld = (it: string) => holders(it, needs.roles).some((holder) => own.includes(holder));
  return passes(needs, { upn, groups: needs.groups.flat().filter(isHeld) });
}

/**
 * Somebody whom `one` lets in and none of the others does. Complete: of the people whom `one` lets in, the others refuse
 * those with the fewest groups first, and all of these are tried.
 */
export function someoneOnlyIn(
  one: Entry,
  ...others: readonly Entry[]
): { readonly person?: Person } | undefined {
  if (one === undefined || others.includes("anybody")) return undefined;
  if (one === "anybody") return {};
  const needs = others.filter((it) => typeof it === "object");
  if (needs.includes(one)) return undefined;
  for (const person of fewestGroups(one, needs)) {
    if (!needs.some((it) => enters(it, person))) return { person };
  }
  return undefined;
}

function* fewestGroups(needs: Known, others: readonly Known[]): Generator<Person> {
  const wild = needs.emailDomains.some((it) => it === "*");
  const domains = wild
    ? ["elsewhere.invalid", ...others.flatMap(({ emailDomains }) => emailDomains)]
    : needs.emailDomains;
  const named = [needs, ...others].flatMap(singledOut);
  const lists = needs.groups.map((any) => any.filter((it) => counts(needs, it)));
  for (const groups of choices(lists.map((any) => any.flatMap((it) => holders(it, needs.roles))))) {
    if (groups.some((it) => it.startsWith("application "))) {
      // An application is in no group and has no other's roles.
      const program = { upn: groups[0]?.slice("application ".length) ?? "", groups };
      if (groups.length === 1 && enters(needs, program)) yield program;
      continue;
    }
    const users = groups.filter((it) => it.startsWith("user ")).map((it) => it.slice("user ".length));
    const [upn] = users;
    if (upn !== undefined) {
      const user = { upn, groups: groups.filter((it) => !it.startsWith("user ")) };
      if (enters(needs, user)) yield user;
      continue;
    }
    for (const domain of domains)
      yield { upn: someoneAt(domain.startsWith(".") ? `any${domain}` : domain, [needs, ...others]), groups };
    for (const upn of named) if (enters(needs, { upn, groups })) yield { upn, groups };
  }
}

/** People who are refused whatever groups they are in: blocked, or without a role that has ended for them. */
function singledOut({ blocked = [], ended = [] }: Needs): string[] {
  return [...blocked, ...ended.flatMap(({ user }) => user ?? [])];
}

/** Somebody whom no side singles out or gives a role by name: they stand for all others. */
function someoneAt(domain: string, sides: readonly Known[]): string {
  const users = sides.flatMap(({ roles }) => roles.flatMap((it) => it.users));
  const named = new Set([...sides.flatMap(singledOut), ...users].map((it) => it.toLowerCase()));
  let upn = `someone@${domain}`;
  for (let number = 2; named.has(upn.toLowerCase()); number++) upn = `someone-${number}@${domain}`;
  return upn;
}

/** One group from each list. */
function choices(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (made, list) => made.flatMap((groups) => list.map((group) => [...new Set([...groups, group])])),
    [[]],
  );
}
