/** Rules over who may enter for some time. */
import { siteRule } from "./rule.ts";

export const temporaryRules = [
  siteRule(["allowedGroups", "temporaryGroups"], ({ allowedGroups, temporaryGroups }) =>
    repeated([...allowedGroups, ...temporaryGroups.map(({ group }) => group)], allowedGroups.length).map(
      ({ name, index }) =>
        `temporaryGroups.${index}.group "${name}" is listed twice, so nobody could say when it ends`,
    ),
  ),
  siteRule(["roles"], ({ roles }) =>
    roles.flatMap(({ users, temporaryUsers }, number) =>
      repeated(
        users.map((it) => it.toLowerCase()),
        users.length - temporaryUsers.length,
      ).map(
        ({ name, index }) =>
          `roles.${number}.temporaryUsers.${index}.user "${name}" is listed twice, so nobody could say when it ends`,
      ),
    ),
  ),
  siteRule(
    ["identityHeaders", "roles"],
    ({ identityHeaders = [], roles, temporaryGroups }) =>
      identityHeaders.includes("idToken") &&
      (temporaryGroups.length > 0 ||
        roles.some(({ until, temporaryUsers }) => until !== undefined || temporaryUsers.length > 0))
        ? [
            "identityHeaders cannot include idToken where a role or group ends: to the backend, the token would go on naming it",
          ]
        : [],
    ["temporaryGroups"],
  ),
];

/** Of a list's names from `start` on, those that stand before as well; `index` counts from there. */
function repeated(names: readonly string[], start: number) {
  return names
    .slice(start)
    .map((name, index) => ({ name, index }))
    .filter(({ name, index }) => names.indexOf(name) < start + index);
}
