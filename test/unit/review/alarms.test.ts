/** Each alarm about a setting: a change that raises it, and the closest one that does not. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { type Site, siteSchema, withDefaults } from "../../../components/site/site.ts";
import { type Environment, environmentFrom } from "../../../infra/environment.ts";
import { environmentMeaning } from "../../../infra/review/environment-meaning.ts";
import { siteMeaning } from "../../../infra/review/meaning.ts";
import { type AlarmsOf, changes, type Effect } from "../../../infra/review/statements.ts";
import { generatedSettings } from "../generated-settings.ts";
import { group, host, settings, withWiki } from "./environments.ts";

/** Settings before and after a change. */
type Change = readonly [before: object, after: object];

interface Cases {
  readonly catches: Change;
  readonly passes: Change;
}

const roles = (...groups: string[]) => ({
  allowedGroups: [],
  roles: [{ value: "reader", groups: [group(1), ...groups] }],
});
const temporary = (until: string) => ({ temporaryGroups: [{ group: group(2), until }] });
const rule = (...allowedGroups: string[]) => ({ paths: [{ path: "/admin", allowedGroups }] });
const part = (given: object) => ({ open: [{ path: "/health", why: "the monitoring asks here", ...given }] });
const redis = (given: object) => ({
  sessionStore: "redis",
  redis: { host: "redis.example.com", ...given },
});
const frames = (...frameAncestors: string[]) => ({ securityHeaders: { frameAncestors } });
const adopted = (application: string, given: object = {}) => ({
  adoptedRegistration: { application, servicePrincipal: group(8), ...given },
});

/** What the wiki is given. One that is missing or superfluous does not compile. */
const ofSites: Readonly<Record<AlarmsOf<typeof siteMeaning>, Cases>> = {
  "domain opens": {
    catches: [{}, { domain: "handbook.example.com" }],
    passes: [{}, { contact: "it@example.com" }],
  },
  "domain signs out": { catches: [{}, { domain: "handbook.example.com" }], passes: [{}, { port: 4190 }] },
  "upstream weakens": {
    catches: [{ upstream: "https://app.example.com" }, { upstream: "http://app.example.com" }],
    passes: [{ upstream: "http://app.example.com" }, { upstream: "https://app.example.com" }],
  },
  "emailDomains opens": {
    catches: [{}, { emailDomains: ["example.com", "partner.test"] }],
    passes: [{ emailDomains: ["example.com", "partner.test"] }, {}],
  },
  "allowedGroups opens": {
    catches: [{}, { allowedGroups: [group(1), group(2)] }],
    passes: [{ allowedGroups: [group(1), group(2)] }, {}],
  },
  "temporaryGroups opens": {
    catches: [temporary("2999-01-31"), temporary("2999-12-31")],
    passes: [temporary("2999-12-31"), temporary("2999-01-31")],
  },
  "roles opens": { catches: [roles(), roles(group(2))], passes: [roles(group(2)), roles()] },
  "paths opens": {
    catches: [rule(group(2)), rule(group(2), group(3))],
    passes: [rule(group(2), group(3)), rule(group(2))],
  },
  "open opens": {
    catches: [part({ until: "2999-01-31" }), part({})],
    passes: [part({ methods: ["GET", "HEAD", "POST"] }), part({ until: "2999-01-31" })],
  },
  "open weakens": {
    catches: [part({}), part({ passAuthorization: true })],
    passes: [part({ passAuthorization: true }), part({})],
  },
  "identityHeaders weakens": {
    catches: [{ identityHeaders: ["user"] }, { identityHeaders: ["user", "email"] }],
    passes: [{ identityHeaders: ["user", "email"] }, { identityHeaders: ["user"] }],
  },
  "passAuthorization weakens": {
    catches: [{}, { passAuthorization: true }],
    passes: [{ passAuthorization: true }, {}],
  },
  "cookieExpire weakens": {
    catches: [{ cookieExpire: "60m" }, { cookieExpire: "2h" }],
    passes: [{ cookieExpire: "60m" }, { cookieExpire: "1h" }],
  },
  "cookieRefresh weakens": {
    catches: [{ cookieRefresh: "50m" }, { cookieRefresh: "55m" }],
    passes: [{ cookieRefresh: "50m" }, { cookieRefresh: "45m" }],
  },
  "conditionalAccess weakens": {
    catches: [{ conditionalAccess: { mfa: true } }, {}],
    passes: [{}, { conditionalAccess: { mfa: true } }],
  },
  "accessTokenScope weakens": {
    catches: [
      { identityHeaders: ["accessToken"] },
      { identityHeaders: ["accessToken"], accessTokenScope: `api://${group(9)}/read` },
    ],
    passes: [
      { identityHeaders: ["accessToken"], accessTokenScope: `api://${group(9)}/read` },
      { identityHeaders: ["accessToken"] },
    ],
  },
  "sessionStore signs out": {
    catches: [{}, redis({})],
    passes: [redis({}), redis({ username: "wiki" })],
  },
  "redis weakens": {
    catches: [redis({ tls: true }), redis({ tls: false })],
    passes: [redis({ tls: false }), redis({ tls: true })],
  },
  "redis signs out": {
    catches: [redis({}), redis({ host: "other.example.com" })],
    passes: [redis({}), redis({ username: "wiki" })],
  },
  "authCache weakens": {
    catches: [{ authCache: "5s" }, { authCache: "6s" }],
    passes: [{ authCache: "6s" }, { authCache: "5s" }],
  },
  "signInRate weakens": {
    catches: [{ signInRate: "1r/s" }, { signInRate: "61r/m" }],
    passes: [{ signInRate: "1r/s" }, { signInRate: "60r/m" }],
  },
  "maintenance opens": {
    catches: [{ maintenance: "It moves" }, {}],
    passes: [{ maintenance: "It moves" }, { maintenance: "Back at 14:00" }],
  },
  "securityHeaders weakens": {
    catches: [frames("self"), frames("self", "https://portal.example.com")],
    passes: [frames("self", "https://portal.example.com"), frames("self")],
  },
  "cookieSecretGeneration signs out": {
    catches: [{}, { cookieSecretGeneration: 2 }],
    passes: [{}, { clientSecrets: [{ generation: 1 }, { generation: 2 }] }],
  },
  "cookieName signs out": {
    catches: [{}, { cookieName: "_oauth2_proxy_wiki" }],
    passes: [{}, { cookieExpire: "24h" }],
  },
  "owners opens": {
    catches: [{ owners: ["ada@example.com"] }, { owners: ["ada@example.com", "grace@example.com"] }],
    passes: [{ owners: ["ada@example.com", "grace@example.com"] }, { owners: ["ada@example.com"] }],
  },
  "adoptedRegistration signs out": {
    catches: [adopted(group(7)), adopted(group(6))],
    passes: [adopted(group(7)), adopted(group(7), { servicePrincipal: group(9) })],
  },
};

const release = (version: string) => ({
  oauth2Proxy: { version, url: "https://downloads.example.com/oauth2-proxy.tar.gz", sha256: "0".repeat(64) },
});
const hosts = (key: string, address = host(1).address) => ({
  hosts: [{ ...host(1), address, hostKey: host(1).hostKey.replace("IAAAA", `I${key}`) }],
});

const blocked = { user: "ada@example.com", why: "She has left." };

/** What the environment is given. */
const ofEnvironments: Readonly<Record<AlarmsOf<typeof environmentMeaning>, Cases>> = {
  "tenantId opens": { catches: [{}, { tenantId: group(9) }], passes: [{}, { adminUser: "ops" }] },
  "tenantId signs out": { catches: [{}, { tenantId: group(9) }], passes: [{}, { adminUser: "ops" }] },
  "oauth2Proxy weakens": {
    catches: [release("7.16.0"), release("7.15.9")],
    passes: [release("7.15.9"), release("7.16.0")],
  },
  "blocked opens": {
    catches: [{ blocked: [blocked] }, { blocked: [{ ...blocked, until: "2999-01-31" }] }],
    passes: [{ blocked: [{ ...blocked, until: "2999-01-31" }] }, { blocked: [blocked] }],
  },
  "repairDrift weakens": { catches: [{}, { repairDrift: false }], passes: [{ repairDrift: false }, {}] },
  "allowVulnerableOauth2Proxy weakens": {
    catches: [{}, { allowVulnerableOauth2Proxy: true }],
    passes: [{ allowVulnerableOauth2Proxy: true }, {}],
  },
  "allowVulnerableNginx weakens": {
    catches: [{}, { allowVulnerableNginx: true }],
    passes: [{ allowVulnerableNginx: true }, {}],
  },
  "hosts weakens": {
    catches: [hosts("AAAA"), hosts("BBBB")],
    passes: [hosts("AAAA"), hosts("AAAA", "10.0.0.99")],
  },
};

/** The alarms of a change, and whether it says anything. */
function toldOf(before: Record<string, unknown>, after: Record<string, unknown>) {
  const [was, is] = [environmentFrom(before, ""), environmentFrom(after, "")];
  const statements = [
    ...changes<Omit<Environment, "sites">>(environmentMeaning, was, is),
    ...is.sites.flatMap((site) => {
      const old = was.sites.find(({ name }) => name === site.name);
      return old === undefined ? [] : changes<Site>(siteMeaning, old, site);
    }),
  ];
  return { said: statements.length > 0, alarms: statements.map(named) };
}

function named({ field, effect }: { readonly field: string; readonly effect: Effect }): string {
  return `${field} ${effect}`;
}

const all = [
  ...Object.entries(ofSites).map(([alarm, cases]) => ({ alarm, cases, whole: withWiki })),
  ...Object.entries(ofEnvironments).map(([alarm, cases]) => ({ alarm, cases, whole: settings })),
];

test.each(all)("$alarm: raised, but not by the closest harmless change", ({ alarm, cases, whole }) => {
  const told = ([before, after]: Change) => toldOf(whole(before), whole(after));
  expect(told(cases.catches).alarms).toContain(alarm);
  const passes = told(cases.passes);
  expect(passes.said).toBe(true);
  expect(passes.alarms).not.toContain(alarm);
});

test("every alarm that changes of generated settings raise has its cases, and the reverse", () => {
  const alarms: readonly Effect[] = ["opens", "weakens", "signs out"];
  const sites = generatedSettings.map((given) => {
    const checked = siteSchema.safeParse(given).data;
    return checked && withDefaults("wiki", checked);
  });
  const raised = new Set<string>();
  fc.assert(
    fc.property(sites, sites, (before, after) => {
      fc.pre(before !== undefined && after !== undefined);
      for (const statement of changes(siteMeaning, before, after))
        if (alarms.includes(statement.effect)) raised.add(named(statement));
    }),
    { numRuns: 300, seed: 1 },
  );
  expect([...raised].sort()).toEqual(Object.keys(ofSites).sort());
});
