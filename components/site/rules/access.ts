/** Rules over who may enter a site, and what the backend gets to know about them. */
import { siteRule } from "./rule.ts";
import { temporaryRules } from "./temporary.ts";

/** For members of more groups, Entra lists none in a token. */
const mostGroups = 200;

export const accessRules = [
  siteRule(["emailDomains", "guests"], ({ emailDomains, guests }) =>
    emailDomains === undefined && !guests
      ? [
          "emailDomains is missing; set your tenant's domains to keep out guests from other organisations, or guests: true",
        ]
      : [],
  ),
  siteRule(
    ["emailDomains", "guests"],
    ({ emailDomains, guests, roles, allowedGroups, temporaryGroups }) =>
      emailDomains === undefined &&
      guests &&
      roles.length + allowedGroups.length + temporaryGroups.length === 0
        ? ["nothing says who may enter; set emailDomains, roles or allowedGroups"]
        : [],
    ["roles", "allowedGroups", "temporaryGroups"],
  ),
  siteRule(
    [],
    ({ roles, allowedGroups, temporaryGroups }) =>
      roles.length > 0 && allowedGroups.length + temporaryGroups.length > 0
        ? [
            "allowedGroups and roles are mutually exclusive, since a token has one of the two; list the groups in roles.N.groups",
          ]
        : [],
    ["roles", "allowedGroups", "temporaryGroups"],
  ),
  ...temporaryRules,
  siteRule(["roles"], ({ roles }) =>
    roles.flatMap(({ value, groups, users, applications }, index) => [
      ...(roles.findIndex((other) => other.value === value) < index
        ? [`roles.${index}.value "${value}" is a duplicate`]
        : []),
      ...(groups.length + users.length + applications.length === 0
        ? [`roles.${index} "${value}" is assigned to nobody; list groups, users or applications`]
        : []),
    ]),
  ),
  siteRule(["allowedGroups", "temporaryGroups", "paths"], ({ allowedGroups, temporaryGroups, paths }) => {
    const atSite = [...allowedGroups, ...temporaryGroups.map(({ group }) => group)];
    const count = new Set([...atSite, ...paths.flatMap((rule) => rule.allowedGroups)]).size;
    return count > mostGroups
      ? [
          `allowedGroups and paths name ${count} groups; for members of more than ${mostGroups} of them Entra lists none, so use at most ${mostGroups}, or roles`,
        ]
      : [];
  }),
  siteRule(
    ["paths"],
    ({ paths, roles }) =>
      paths.flatMap(({ allowedGroups, allowedRoles }, index) => {
        const at = `paths.${index}`;
        const byRole = roles.length > 0;
        return [
          ...(allowedGroups.length + allowedRoles.length === 0
            ? [
                `${at} names nobody, so it would let in everybody on the site; set ${byRole ? "allowedRoles" : "allowedGroups"}`,
              ]
            : []),
          ...(byRole && allowedGroups.length > 0
            ? [`${at}.allowedGroups cannot be checked on a site with roles; assign a role to the groups`]
            : []),
          ...(!byRole && allowedRoles.length > 0
            ? [`${at}.allowedRoles requires roles on the site; define them in roles, or use allowedGroups`]
            : []),
        ];
      }),
    ["roles"],
  ),
  siteRule(["paths", "roles"], ({ paths, roles }) =>
    paths.flatMap(({ allowedRoles }, index) =>
      allowedRoles
        .filter((value) => roles.length > 0 && !roles.some((role) => role.value === value))
        .map((value) => `paths.${index}.allowedRoles names "${value}", which is not one of the site's roles`),
    ),
  ),
  siteRule(
    ["identityHeaders"],
    ({ identityHeaders = [], roles }) => [
      ...(roles.length > 0 && identityHeaders.includes("groups")
        ? ["identityHeaders cannot include groups on a site with roles; use roles"]
        : []),
      ...(roles.length === 0 && identityHeaders.includes("roles")
        ? ["identityHeaders can include roles only on a site with roles"]
        : []),
    ],
    ["roles"],
  ),
];
