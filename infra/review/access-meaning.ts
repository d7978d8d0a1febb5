/** What a change of who may open a site, and what, means. */
import { isEncrypted, protocolOf } from "../../components/site/backends.ts";
import type { PathRule } from "../../components/site/path-access.ts";
import type { Role } from "../../components/site/roles.ts";
import type { Site } from "../../components/site/site.ts";
import {
  authorization,
  below,
  type Entries,
  otherEnd,
  plain,
  says,
  type Statement,
  untilInWords,
  without,
} from "./statements.ts";

export const accessMeaning = {
  // See renames.ts.
  name: () => [],
  domain: (before, after) => [
    says("opens", `answers at https://${after}`),
    says("closes", `no longer answers at https://${before}`),
    says("signs out", `everybody has to sign in again: the session cookie belongs to ${before}`),
  ],
  port: (before, after) => [
    plain(
      `its oauth2-proxy listens on loopback port ${after}; was ${before}; requests fail for a moment during the change`,
    ),
  ],
  upstream: (before, after) => [
    plain(`backend: ${after}; was ${before}`),
    ...(protocolOf(before) === protocolOf(after)
      ? []
      : [
          protocolOf(after) === "grpc"
            ? plain("the backend speaks gRPC, for its clients only: no pages and no WebSockets")
            : plain("the backend speaks HTTP, and no longer gRPC"),
        ]),
    ...(isEncrypted(before) && !isEncrypted(after)
      ? [says("weakens", "the connection to the backend is no longer encrypted")]
      : []),
  ],
  emailDomains: (before, after) => {
    const [were, are] = [before, after].map((it) => it.map((domain) => `@${domain}`).join(" or "));
    if (after.length === 0)
      return [
        says("opens", `anybody with a role or group may sign in, including guests; was people of ${were}`),
      ];
    if (before.length === 0)
      return [says("closes", `only people of ${are} may sign in; was also guests with a role or group`)];
    return [
      ...without(after, before).map((it) => says("opens", `people of @${it} may sign in`)),
      ...without(before, after).map((it) => says("closes", `people of @${it} may no longer sign in`)),
    ];
  },
  allowedGroups: (before, after) => {
    if (after.length === 0)
      return [says("opens", `no group is required any more; was one of ${before.join(", ")}`)];
    if (before.length === 0)
      return [says("closes", `only members of ${after.join(" or ")} may enter; was no group required`)];
    return [
      ...without(after, before).map((it) => says("opens", `members of group ${it} may enter`)),
      ...without(before, after).map((it) =>
        says("closes", `members of group ${it} may no longer enter because of it`),
      ),
    ];
  },
  temporaryGroups: (before, after) =>
    after.flatMap(({ group, until }): Statement<"plain" | "opens" | "closes">[] => {
      const was = before.find((it) => it.group === group);
      const what = `members of group ${group} may enter`;
      return was === undefined
        ? [plain(`${what} until ${until}`)]
        : otherEnd(what, was, { until }, { later: "opens", earlier: "closes" });
    }),
  // Its only effect is that emailDomains may be omitted.
  guests: (_, after, whole) =>
    whole.before.emailDomains.length > 0 && whole.after.emailDomains.length > 0
      ? [plain(`guests: ${after} has no effect with emailDomains, which say who may sign in`)]
      : [],
  roles: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ value }) => value === now.value);
      const [has, had] = [now, was ?? { groups: [], users: [], applications: [] }].map(
        ({ groups, users, applications }) => [
          ...groups.map((it) => `group ${it}`),
          ...users,
          ...applications.map((it) => `application ${it}, with a bearer token instead of signing in,`),
        ],
      );
      return [
        ...(was === undefined ? [plain(`a new role: ${now.value}${untilInWords(now)}`)] : []),
        ...(was === undefined ? [] : otherEnds(was, now)),
        ...without(has ?? [], had ?? []).map((it) => says("opens", `${it} has the role ${now.value}`)),
        ...without(had ?? [], has ?? []).map((it) =>
          says("closes", `${it} no longer has the role ${now.value}`),
        ),
        ...(was === undefined || was.displayName === now.displayName
          ? []
          : [plain(`Entra shows the role ${now.value} as ${now.displayName}`)]),
      ];
    }),
    ...before
      .filter(({ value }) => !after.some((it) => it.value === value))
      .map((was) => says("closes", `the role ${was.value} is removed from everybody who had it`)),
  ],
  paths: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ path }) => path === now.path);
      if (was === undefined) return [says("closes", `${below(now)} additionally requires ${neededFor(now)}`)];
      return [
        ...(was.match === now.match
          ? []
          : [plain(`the rule for ${now.path} is for ${below(now)}; was ${below(was)}`)]),
        ...without(now.allowedGroups, was.allowedGroups).map((it) =>
          says("opens", `members of group ${it} may enter ${below(now)}`),
        ),
        ...without(was.allowedGroups, now.allowedGroups).map((it) =>
          says("closes", `members of group ${it} may no longer enter ${below(now)} because of it`),
        ),
        ...without(now.allowedRoles, was.allowedRoles).map((it) =>
          says("opens", `anybody with the role ${it} may enter ${below(now)}`),
        ),
        ...without(was.allowedRoles, now.allowedRoles).map((it) =>
          says("closes", `anybody with the role ${it} may no longer enter ${below(now)} because of it`),
        ),
      ];
    }),
    ...before
      .filter(({ path }) => !after.some((it) => it.path === path))
      .map((was) => says("opens", `${below(was)} requires no more than the site; was ${neededFor(was)}`)),
  ],
  open: (before, after) => [
    ...after.flatMap((now) => {
      const was = before.find(({ path }) => path === now.path);
      const methods = now.methods.join(", ");
      if (was === undefined)
        return [
          says(
            "opens",
            `${below(now)} is open to EVERYBODY without signing in${untilInWords(now)} (${methods}): ${now.why}`,
          ),
          ...(now.passAuthorization ? [authorization(true, `at ${below(now)} `)] : []),
        ];
      return [
        ...(was.match === now.match
          ? []
          : [plain(`the open part of ${now.path} is ${below(now)}; was ${below(was)}`)]),
        ...without(now.methods, was.methods).map((it) =>
          says("opens", `${it} ${below(now)} is open to EVERYBODY`),
        ),
        ...without(was.methods, now.methods).map((it) =>
          says("closes", `${it} ${below(now)} is no longer open`),
        ),
        ...(was.passAuthorization === now.passAuthorization
          ? []
          : [authorization(now.passAuthorization, `at ${below(now)} `)]),
        ...otherEnd(`${below(now)} is open to EVERYBODY`, was, now, { later: "opens", earlier: "closes" }),
        ...(was.why === now.why ? [] : [plain(`why ${below(now)} is open: ${now.why}`)]),
      ];
    }),
    ...before
      .filter(({ path }) => !after.some((it) => it.path === path))
      .map((was) => says("closes", `${below(was)} is no longer open to everybody`)),
  ],
} satisfies Partial<Entries<Site>>;

/** Of a role whose last day is another, and of the people who have it for some time. */
function otherEnds(was: Role, now: Role): Statement<"opens" | "closes">[] {
  const effect = { later: "opens", earlier: "closes" } as const;
  const has = `the role ${now.value}`;
  const endOf = ({ temporaryUsers }: Role, user: string) =>
    temporaryUsers.find((it) => it.user === user) ?? {};
  return [
    ...otherEnd(`everybody with ${has} has it`, was, now, effect),
    ...now.users
      .filter((user) => was.users.includes(user))
      .flatMap((user) => otherEnd(`${user} has ${has}`, endOf(was, user), endOf(now, user), effect)),
  ];
}

function neededFor({ allowedGroups, allowedRoles }: PathRule): string {
  return [...allowedGroups, ...allowedRoles.map((it) => `the role ${it}`)].join(" or ");
}
