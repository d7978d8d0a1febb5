import { expect, test } from "vitest";
import { stringify } from "yaml";

import { siteSchema } from "../../../components/site/site.ts";
import { promote, promotionOf } from "../../../infra/commands/promote.ts";
import { changedText } from "../../../infra/stack-file-change.ts";
import { parseStackFile } from "../../../infra/stack-file.ts";
import { group, settings, siteArgs } from "../review/environments.ts";

const fileOf = (stack: string, given: object) =>
  parseStackFile(
    stack,
    stringify({
      config: Object.fromEntries(
        Object.entries(settings(given)).map(([key, value]) => [`protected-sites:${key}`, value]),
      ),
    }),
  );
const wiki = (stack: string, given: object, more: object = {}) =>
  fileOf(stack, { sites: { wiki: siteArgs(`wiki-${stack}`, 4181, given) }, ...more });

const adopted = {
  application: group(11),
  servicePrincipal: group(12),
  consent: "l5eW7x0ga0-WDOntXzHateXDNpSH5-lPk9HjD3Sarjk",
};
const scope = "api://7e57ab1e-0000-4000-8000-00000000000a/read";
const secureUpstream = {
  upstream: "https://10.0.0.9",
  upstreamCa: "/etc/ssl/staging.pem",
  upstreamServerName: "app.staging.example.com",
};

/** The lines of `prod` that go and come. */
function change(from: object, to: object, more: object = {}) {
  const prod = wiki("prod", to, more);
  const { changed, left } = promote(wiki("staging", from), prod);
  const [before, after] = [prod.text, changedText(prod)].map((text) =>
    text.split("\n").map((it) => it.trim()),
  );
  return {
    changed,
    left,
    gone: before?.filter((line) => after?.includes(line) === false),
    new: after?.filter((line) => before?.includes(line) === false),
  };
}

test("a site's behaviour is promoted, one line per setting; what is specific to an environment stays", () => {
  const own = { allowedGroups: [group(1)], cookieSecretGeneration: 3 };
  expect(change({ ...own, proxyReadTimeout: "90s" }, { proxyReadTimeout: "60s" })).toEqual({
    changed: ['site "wiki": proxyReadTimeout as in staging'],
    left: [],
    gone: ["proxyReadTimeout: 60s"],
    new: ["proxyReadTimeout: 90s"],
  });
});

test("a setting that was removed there is removed here, too", () => {
  const open = [{ path: "/health", why: "the monitoring asks here" }];
  expect(change({}, { open })).toMatchObject({
    changed: ['site "wiki": open is unset, as in staging'],
    new: [],
  });
});

test("a setting that all sites of the first environment share becomes the site's own in the other", () => {
  const staging = wiki("staging", {}, { siteDefaults: { cookieExpire: "24h" } });
  const prod = wiki("prod", {});
  promote(staging, prod);
  expect(prod.document.getIn(["config", "protected-sites:sites", "wiki", "cookieExpire"])).toBe("24h");
});

test("rules with groups are not promoted, nor are settings that all sites of the other environment share", () => {
  const paths = [{ path: "/admin", allowedGroups: [group(2)] }];
  const { changed, left } = change({ paths }, {}, { siteDefaults: { cookieExpire: "24h" } });
  expect({ changed, left }).toEqual({
    changed: [],
    left: [
      'site "wiki": paths names groups, which are specific to each environment; change it by hand',
      'site "wiki": cookieExpire comes from siteDefaults, which all sites of prod share; change it by hand',
    ],
  });
});

test("a site that the other environment lacks is reported, and one that neither has is an error", () => {
  const both = fileOf("staging", {});
  const { left } = promote(both, wiki("prod", {}), ["code"]);
  expect(left).toEqual([
    'site "code" is not in stacks/Pulumi.prod.yaml: copy its lines, and change what is specific to that environment',
  ]);
  expect(() => promote(both, wiki("prod", {}), ["news"])).toThrow(
    'stacks/Pulumi.staging.yaml, site "news": no such site; expected one of code (code.example.com), wiki (wiki.example.com)',
  );
});

test("every setting of a site is either promoted or specific to an environment", () => {
  expect(Object.keys(promotionOf).sort()).toEqual(Object.keys(siteSchema.shape).sort());
});

test.each<[string, object]>([
  ["its client secrets, which are not in the other's registration", { clientSecrets: [{ generation: 7 }] }],
  ["its cookie secret, whose change signs everybody out", { cookieSecretGeneration: 4 }],
  ["the name of its cookie, by which sessions are found", { cookieName: "_oauth2_proxy" }],
  ["the registration that it took over", { adoptedRegistration: adopted }],
  ["the API for which its tokens are", { identityHeaders: ["accessToken"], accessTokenScope: scope }],
  ["its application", { upstream: "http://10.0.0.9:3000", backupUpstreams: ["http://10.0.0.8:3000"] }],
  ["by what its application is verified", secureUpstream],
  ["whose people may enter", { emailDomains: ["staging.example.com"] }],
  ["whether guests may enter", { guests: true, allowedGroups: [group(3)] }],
  ["its groups", { allowedGroups: [group(3)] }],
  ["its roles", { roles: [{ value: "reader", groups: [group(3)] }] }],
  ["what Entra asks for at the sign-in", { conditionalAccess: { mfa: false, signInFrequencyHours: 4 } }],
  ["its ports and its name", { domain: "staging.example.com", port: 4999, metricsPort: 5999 }],
  ["its certificate", { certificates: "/data/certs/staging" }],
])("an environment keeps to itself %s", (_, given) => {
  const { identityHeaders } = given as { identityHeaders?: string[] };
  const to = identityHeaders === undefined ? {} : { identityHeaders };
  expect(change(given, to)).toMatchObject({ changed: [], left: [], gone: [], new: [] });
});

test("session store, contact and certificate are specific to the environment", () => {
  const prod = {
    sessionStore: "redis",
    redis: { host: "redis.example.com" },
    contact: "the help desk",
    certificateFrom: "acme",
    roles: [{ value: "reader", groups: [group(1)], applications: [group(2)] }],
    maintenance: "Back at noon.",
  };
  expect(change({}, prod)).toMatchObject({ changed: [], left: [] });
  expect(change({ authCache: "5s", securityHeaders: { frameAncestors: [] } }, {}).changed).toEqual([
    'site "wiki": authCache as in staging',
    'site "wiki": securityHeaders as in staging',
  ]);
});
