/** Rules over who may enter a site, and what the application is told of them. */
import { siteRule } from "./rule.ts";

/** Of somebody in more groups, Entra names none in a token. */
const mostGroups = 200;

export const accessRules = [
  siteRule(["emailDomains", "guests"], ({ emailDomains, guests }) =>
    emailDomains === undefined && !guests
      ? [
          "emailDomains is missing: it keeps guests from other organisations out; give your tenant's domains, or guests: true",
        ]
      : [],
  ),
  siteRule(
    ["emailDomains", "guests"],
    ({ emailDomains, guests, roles, allowedGroups }) =>
      emailDomains === undefined && guests && roles.length + allowedGroups.length === 0
        ? ["nothing says who may enter; give emailDomains, roles or allowedGroups"]
        : [],
    ["roles", "allowedGroups"],
  ),
  siteRule(
    [],
    ({ roles, allowedGroups }) =>
      roles.length > 0 && allowedGroups.length > 0
        ? [
            "allowedGroups and roles exclude each other, since a token brings one of the two; name the groups in roles.N.groups",
          ]
        : [],
    ["roles", "allowedGroups"],
  ),
  siteRule(["roles"], ({ roles }) =>
    roles.flatMap(({ value, groups, users, applications }, index) => [
      ...(roles.findIndex((other) => other.value === value) < index
        ? [`roles.${index}.value "${value}" is already there; give each role once`]
        : []),
      ...(groups.length + users.length + applications.length === 0
        ? [`roles.${index} "${value}" is given to nobody; name groups, users or applications`]
        : []),
    ]),
  ),
  siteRule(["allowedGroups", "paths"], ({ allowedGroups, paths }) => {
    const count = new Set([...allowedGroups, ...paths.flatMap((rule) => rule.allowedGroups)]).size;
    return count > mostGroups
      ? [
          `allowedGroups and paths name ${count} groups; of somebody in more than ${mostGroups} of them Entra names none, so name at most ${mostGroups}, or use roles`,
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
                `${at} names nobody, so that it would let everybody of the site in; give ${byRole ? "allowedRoles" : "allowedGroups"}`,
              ]
            : []),
          ...(byRole && allowedGroups.length > 0
            ? [`${at}.allowedGroups cannot be checked on a site with roles; give the groups a role`]
            : []),
          ...(!byRole && allowedRoles.length > 0
            ? [`${at}.allowedRoles needs the site's roles; give them in roles, or use allowedGroups`]
            : []),
        ];
      }),
    ["roles"],
  ),
  siteRule(["paths", "roles"], ({ paths, roles }) =>
    paths.flatMap(({ allowedRoles }, index) =>
      allowedRoles
        .filter((value) => roles.length > 0 && !roles.some((role) => role.value === value))
        .map((value) => `paths.${index}.allowedRoles names "${value}", which is none of the site's roles`),
    ),
  ),
  siteRule(
    ["identityHeaders"],
    ({ identityHeaders = [], roles }) => [
      ...(roles.length > 0 && identityHeaders.includes("groups")
        ? ["identityHeaders cannot tell groups on a site with roles; use roles"]
        : []),
      ...(roles.length === 0 && identityHeaders.includes("roles")
        ? ["identityHeaders can tell roles only where the site has roles"]
        : []),
    ],
    ["roles"],
  ),
];
