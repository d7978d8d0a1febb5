/** Generated settings of one site, and everybody and everything whose access they can tell apart. */
import fc from "fast-check";

import { siteSchema } from "../../../components/site/site.ts";
import { group } from "./environments.ts";

/** Somebody of the tenant, or a guest of it: the domain of the UPN, and the groups. */
export interface GeneratedPerson {
  readonly domain: string;
  readonly groups: readonly string[];
  /** Before the `@`. @default someone, whom roles may name */
  readonly name?: string;
}

/** Object IDs of programs, which come with a token of their own. */
export const programs = ["7e57ab1e-0000-4000-8000-0000000000a1", "7e57ab1e-0000-4000-8000-0000000000a2"];

const domains = ["example.com", "partner.test"];
const groups = [group(1), group(2), group(3)];
const paths = ["/admin", "/admin/audit", "/health", "/public"];

export const methods = ["GET", "POST"];

/** Every kind of person that the generated settings can tell from another: roles name one person of each domain. */
export const people: readonly GeneratedPerson[] = [
  ...domains.flatMap((domain) => ofAllGroups({ domain })),
  ...ofAllGroups({ domain: "elsewhere.test" }),
  ...domains.flatMap((domain) => ofAllGroups({ domain, name: "colleague" })),
];

function ofAllGroups(person: Omit<GeneratedPerson, "groups">): GeneratedPerson[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
    ...person,
    groups: groups.filter((_, index) => bits & (1 << index)),
  }));
}

/** In all groups, and blocked at every site. */
export const blockedPerson: GeneratedPerson = { domain: "example.com", groups, name: "blocked" };

/** The one person of a domain whom roles may name. */
export const upnAt = (domain: string, name = "someone") => `${name}@${domain}`;

/** Every path that the generated settings name, beside it and below it. */
export const targets = ["/", "/other", ...paths.flatMap((it) => [it, `${it}/`, `${it}/below`, `${it}x`])];

const someOf = (all: string[], minLength: number) => fc.uniqueArray(fc.constantFrom(...all), { minLength });
const match = fc.constantFrom("prefix", "exact");
/** Whether answers of oauth2-proxy are kept, which must make no difference. */
const authCache = fc.option(fc.constantFrom("5s", "60s"), { nil: undefined });
/** Where the sign-in is; no target lies below it, since what it leaves to the application is as open as the rest. */
const proxyPrefix = fc.option(fc.constant("/_sign-in"), { nil: undefined });
/** Whether the backend gets a client's own Authorization, which must make no difference. Not where programs come by it. */
const passAuthorization = fc.option(fc.constant(true), { nil: undefined });
/**
 * A backend that no other site and no other path has, so without bias to small numbers: somebody who reaches by one path
 * what was closed to them by another is a newcomer to reviews, although no path is open to more people.
 */
const otherBackend = fc
  .tuple(fc.constantFrom("http", "grpc"), fc.noBias(fc.nat(254)), fc.noBias(fc.nat(254)))
  .map(([scheme, one, other]) => `${scheme}://127.1.${one}.${other + 1}:${scheme === "http" ? 3000 : 3001}`);
/** The same one before and after, or another, which must make no difference to who reaches it. */
const upstream = fc.oneof(fc.constant("http://127.0.0.1:3000"), otherBackend);
/** Whether parts have a backend of their own, which must make no difference to who reaches them. */
const upstreams = fc.option(
  fc.uniqueArray(fc.record({ path: fc.constantFrom(...paths), upstream: otherBackend }), {
    selector: (it) => it.path,
    maxLength: 2,
  }),
  { nil: undefined },
);
/** Last days of what ends: one that has passed, and one that has not. */
export const ends = { over: "2020-02-29", toCome: "2099-12-31" };
/** Of a role or a group. */
const until = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constantFrom(ends.over, ends.toCome) },
);
const open = (authorization: fc.Arbitrary<true | undefined>) =>
  fc
    .record(
      {
        path: fc.constantFrom(...paths),
        match,
        methods: someOf(methods, 1),
        passAuthorization: authorization,
        why: fc.constant("for the test"),
        until: fc.constantFrom(ends.over, ends.toCome),
      },
      { requiredKeys: ["path", "match", "methods", "passAuthorization", "why"] },
    )
    .map((it) => (it.match === "prefix" ? { ...it, path: `${it.path}/` } : it));

/** Path rules and open paths, of which none has the path of another. */
function withPaths<T extends object>(
  site: fc.Arbitrary<T>,
  gate: fc.Arbitrary<object>,
  authorization: fc.Arbitrary<true | undefined> = fc.constant(undefined),
) {
  const rule = fc
    .record({ path: fc.constantFrom(...paths), match })
    .chain((it) => gate.map((needs) => ({ ...it, ...needs })));
  return fc
    .record({
      site,
      paths: fc.uniqueArray(rule, { selector: (it) => it.path, maxLength: 2 }),
      upstream,
      upstreams,
      open: fc.uniqueArray(open(authorization), {
        selector: (it) => it.path.replace(/\/$/, ""),
        maxLength: 2,
      }),
    })
    .filter(({ paths: rules, open: opened }) =>
      opened.every((it) => !rules.some((other) => other.path === it.path.replace(/\/$/, ""))),
    )
    .map(({ site: own, ...rules }) => ({ ...own, ...rules }));
}

/** Sites whose people are told apart by groups. */
export const byGroup = withPaths(
  fc
    .record({
      emailDomains: someOf(domains, 1),
      groups: fc.uniqueArray(fc.tuple(fc.constantFrom(...groups), until), { selector: ([group]) => group }),
      authCache,
      passAuthorization,
      proxyPrefix,
    })
    .map(({ groups: allowed, ...it }) => ({
      ...it,
      allowedGroups: allowed.flatMap(([group, last]) => (last === undefined ? [group] : [])),
      temporaryGroups: allowed.flatMap(([group, last]) =>
        last === undefined ? [] : [{ group, until: last }],
      ),
    })),
  fc.record({ allowedGroups: someOf(groups, 1) }),
  passAuthorization,
);

const role = fc
  .record({
    value: fc.constantFrom("reader", "editor"),
    groups: someOf(groups, 0),
    users: fc.oneof(
      fc.constant<string[]>([]),
      someOf(
        domains.map((it) => upnAt(it)),
        0,
      ),
    ),
    applications: fc.oneof(fc.constant<string[]>([]), someOf(programs, 0)),
    until,
    usersUntil: until,
  })
  .map(({ until: last, usersUntil, users, ...it }) => ({
    ...it,
    ...(last === undefined ? {} : { until: last }),
    ...(usersUntil === undefined
      ? { users, temporaryUsers: [] }
      : { users: [], temporaryUsers: users.map((user) => ({ user, until: usersUntil })) }),
  }))
  .filter(
    ({ groups: some, users, temporaryUsers, applications }) =>
      some.length + users.length + temporaryUsers.length + applications.length > 0,
  );

/** Sites whose people and programs are told apart by roles, which Entra gives to groups, people and programs. */
const byRole = fc.uniqueArray(role, { selector: (it) => it.value, minLength: 1 }).chain((roles) =>
  withPaths(
    fc.oneof(
      fc.record({ emailDomains: someOf(domains, 1), authCache }),
      fc.record({ guests: fc.constant(true), authCache }),
    ),
    fc.record({
      allowedRoles: someOf(
        roles.map(({ value }) => value),
        1,
      ),
    }),
  ).map((it) => ({ ...it, roles })),
);

/** Two sides of a change: two sites of any kind, or one whose one setting becomes another's. */
export const anyChange: fc.Arbitrary<readonly [before: object, after: object]> = fc.oneof(
  fc.tuple(fc.oneof(byGroup, byRole), fc.oneof(byGroup, byRole)),
  oneSetting(byGroup),
  oneSetting(byRole),
);

function oneSetting(sites: fc.Arbitrary<object>) {
  return fc
    .tuple(sites, sites, fc.nat())
    .map(([one, other, number]) => {
      const keys = Object.keys({ ...one, ...other });
      const key = keys[number % keys.length] as keyof typeof one;
      return [one, { ...one, [key]: other[key] }] as const;
    })
    .filter(
      ([, after]) => siteSchema.safeParse({ domain: "wiki.example.com", port: 4000, ...after }).success,
    );
}
