import { expect, test } from "vitest";

import { ConfigError } from "../../../components/site/errors.ts";
import type { SiteSettings } from "../../../components/site/settings.ts";
import { siteFrom } from "../../../components/site/site.ts";
import { endings } from "../../../infra/ends.ts";

const group = (number: number) => `7e57ab1e-0000-4000-8000-00000000000${number}`;
const [until, user] = ["2027-01-31", "ada@example.com"];
const wiki = (given: Partial<SiteSettings>) =>
  siteFrom("wiki", {
    domain: "wiki.example.com",
    port: 4181,
    upstream: "http://10.0.0.5:3000",
    emailDomains: ["example.com"],
    ...given,
  });
function problems(given: Partial<SiteSettings>): string[] {
  try {
    wiki(given);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ what }) => what);
    throw error;
  }
}

test.each([
  [
    "a group twice",
    { temporaryGroups: [1, 1].map((it) => ({ group: group(it), until })) },
    "temporaryGroups.1.group",
  ],
  [
    "a group with an end and without",
    { allowedGroups: [group(1)], temporaryGroups: [{ group: group(1), until }] },
    "temporaryGroups.0.group",
  ],
  [
    "somebody with an end and without",
    { roles: [{ value: "reader", users: ["Ada@example.com"], temporaryUsers: [{ user, until }] }] },
    "roles.0.temporaryUsers.0.user",
  ],
  [
    "groups on a site with roles",
    { roles: [{ value: "reader", users: [user] }], temporaryGroups: [{ group: group(1), until }] },
    "mutually exclusive",
  ],
  [
    "an ID token, which would go on naming the role",
    { roles: [{ value: "reader", users: [user], until }], identityHeaders: ["idToken"] },
    "cannot include idToken",
  ],
  [
    "an ID token, which would go on naming the group",
    { temporaryGroups: [{ group: group(1), until }], identityHeaders: ["idToken"] },
    "cannot include idToken",
  ],
] satisfies [string, Partial<SiteSettings>, string][])("is refused: %s", (_, given, problem) => {
  expect(problems(given)).toEqual([expect.stringContaining(problem)]);
});

test("somebody in two roles may have one of them for some time", () => {
  const roles = [
    { value: "reader", users: [user] },
    { value: "editor", temporaryUsers: [{ user, until }] },
  ];
  expect(problems({ roles })).toEqual([]);
  expect(wiki({ roles }).roles.map(({ users }) => users)).toEqual([[user], [user]]);
});

test("groups for some time alone say who may enter, guests included", () => {
  expect(
    problems({
      emailDomains: undefined as never,
      guests: true,
      temporaryGroups: [{ group: group(1), until }],
    }),
  ).toEqual([]);
  expect(wiki({ temporaryGroups: [{ group: group(1), until }] }).allowedGroups).toEqual([group(1)]);
});

test("what ends is listed by its site, the next first", () => {
  const byRole = wiki({
    roles: [
      { value: "reader", groups: ["Staff"], temporaryUsers: [{ user, until: "2027-02-28" }] },
      { value: "guest", groups: ["Guests"], until },
    ],
  });
  const byGroup = wiki({ temporaryGroups: [{ group: group(1), until: "2020-01-31" }] });
  const now = new Date("2027-01-31T12:00:00Z");
  expect(endings({ sites: [byRole, byGroup], blocked: [] }, now)).toMatchObject([
    { site: "wiki", what: `group ${group(1)}`, status: "has ended" },
    { site: "wiki", what: "role guest", until, days: 0, status: "ends" },
    { site: "wiki", what: "role reader of ada@example.com", days: 28, status: "ends" },
  ]);
});
