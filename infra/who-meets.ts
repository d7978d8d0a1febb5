/** Who meets what a part of a site requires: groups, people and applications, as the settings give them roles. */
import { CannotJudge } from "../components/nginx/cannot-judge.ts";
import type { Role } from "../components/site/roles.ts";
import { counts, type Needs, passes } from "./review/needs.ts";

/**
 * Somebody who may open a part. Groups are as in the file: object IDs, or the display names of a role's groups. `roles`
 * are those which they have and of which one is required; empty on a site without roles. Of each list of `and`, one
 * group (or `role <value>`) is required as well; usually there is none. The UPNs of accounts and groups' members have to
 * be in one of `emailDomains`; `*` is any account of the tenant, guests included.
 */
export type Who =
  /** Without signing in. */
  | { readonly kind: "anybody" }
  | { readonly kind: "account"; readonly emailDomains: readonly string[] }
  | {
      readonly kind: "group";
      readonly group: string;
      readonly roles: readonly string[];
      readonly emailDomains: readonly string[];
      readonly and: Needs["groups"];
      /** UPNs for whom these roles have ended, so that the group does not let them in. @default nobody */
      readonly except?: readonly string[];
    }
  | {
      readonly kind: "user";
      readonly user: string;
      readonly roles: readonly string[];
      readonly and: Needs["groups"];
    }
  /** The object ID of a service principal, which calls with a token of its own. */
  | { readonly kind: "application"; readonly application: string; readonly roles: readonly string[] };

/**
 * Everybody who meets the needs, and nobody else.
 * @param roles of the site, which the files only name
 * @throws CannotJudge if the files name another
 */
export function whoMeets(needs: Needs, all: readonly Role[]): Who[] {
  const { emailDomains } = needs;
  const roles = all
    .filter(({ value }) => counts(needs, `role ${value}`))
    .map((it) => ({ ...it, users: it.users.filter((user) => counts(needs, `role ${it.value}`, user)) }));
  const lasting = needs.groups.map((any) => any.filter((it) => counts(needs, it)));
  const [first, ...others] = withoutImplied(lasting);
  const known = (group: string) => roles.find(({ value }) => group === `role ${value}`);
  const unknown = needs.groups
    .flat()
    .find((it) => it.startsWith("role ") && !all.some(({ value }) => it === `role ${value}`));
  if (unknown !== undefined)
    throw new CannotJudge("unknown-role", `${unknown} is required, which is not one of the site's`);

  const rolesOf = (holds: (role: Role) => boolean) => roles.filter(holds).map(({ value }) => `role ${value}`);
  const required = (held: readonly string[]) =>
    held.filter((it) => it.startsWith("role ") && first?.includes(it)).map((it) => it.slice("role ".length));
  const and = (held: readonly string[]) => others.filter((list) => !list.some((it) => held.includes(it)));
  const holders = (kind: "groups" | "users") => [
    ...new Set(first?.flatMap((it) => known(it)?.[kind] ?? (kind === "groups" ? [it] : []))),
  ];

  const groups = holders("groups").map((group): Who => {
    const held = [group, ...rolesOf((it) => it.groups.includes(group))];
    const enough = [first ?? [], ...others].filter((list) => list.some((it) => held.includes(it)));
    const except = (needs.ended ?? [])
      .flatMap(({ user }) => user ?? [])
      .filter(
        (user) => !enough.every((list) => list.some((it) => held.includes(it) && counts(needs, it, user))),
      );
    return {
      ...{ kind: "group", group, roles: required(held), emailDomains, and: and(held) },
      ...(except.length === 0 ? {} : { except: [...new Set(except)] }),
    };
  });
  const users = holders("users")
    .filter((user) => passes({ ...needs, groups: [] }, { upn: user, groups: [] }))
    .map((user): Who => {
      const held = rolesOf((it) => it.users.includes(user));
      return { kind: "user", user, roles: required(held), and: and(held) };
    });
  const applications = needs.programs.flatMap((application): Who[] => {
    const held = rolesOf((it) => it.applications.includes(application));
    return passes(needs, { upn: application, groups: held })
      ? [{ kind: "application", application, roles: required(held) }]
      : [];
  });
  const anyone: Who[] = first === undefined ? [{ kind: "account", emailDomains }] : [];
  const people = emailDomains.length === 0 ? [] : [...anyone, ...groups, ...users];
  return [...people, ...applications];
}

/** Without lists that whoever is in one of another list is in one of, too. */
function withoutImplied(lists: Needs["groups"]): Needs["groups"] {
  return lists.filter(
    (list, index) =>
      !lists.some(
        (other, at) =>
          at !== index &&
          other.every((it) => list.includes(it)) &&
          // Of two with the same groups, the first stays.
          (at < index || !list.every((it) => other.includes(it))),
      ),
  );
}
