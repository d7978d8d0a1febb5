import { describe, expect, test } from "vitest";

import { ConfigError } from "../../../components/site/errors.ts";
import { siteShape } from "../../../components/site/shape.ts";
import { environmentFrom } from "../../../infra/environment.ts";
import { tenantId } from "../../sites.ts";

const hostKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)} lab`;
const wiki = {
  domain: "wiki.example.com",
  port: 4180,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["example.com"],
};
const code = { ...wiki, domain: "code.example.com", port: 4181 };
const edge1 = { name: "edge-1", address: "10.0.0.11", hostKey };

function environment(given: Record<string, unknown> = {}): Record<string, unknown> {
  return { tenantId, hosts: [edge1], sites: { code, wiki }, ...given };
}

function refusal(settings: unknown): string[] {
  try {
    environmentFrom(settings, "stacks/Pulumi.prod.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

const withWiki = (given: Record<string, unknown>) =>
  environment({ sites: { code, wiki: { ...wiki, ...given } } });
const withHost = (given: Record<string, unknown>) => environment({ hosts: [{ ...edge1, ...given }] });

test("a valid environment is accepted, and its defaults are filled in", () => {
  const checked = environmentFrom(environment(), "stacks/Pulumi.prod.yaml");
  expect(checked.hosts[0]).toMatchObject({ name: "edge-1", port: 22 });
  expect(checked.sites.map((site) => site.name)).toEqual(["code", "wiki"]);
  expect(checked.sites[1]).toMatchObject({
    metricsPort: 14180,
    certificates: "/data/certs/wiki.example.com",
  });
  expect(checked.oauth2Proxy.version).toBe("7.15.5");
});

describe("one mistake, one sentence", () => {
  test.each([
    [
      "a URL where a domain belongs",
      withWiki({ domain: "https://wiki.example.com" }),
      'site "wiki": domain must be a bare host name in lower case like "wiki.example.com", got "https://wiki.example.com"',
    ],
    [
      "a port used twice",
      withWiki({ port: 4181 }),
      'site "wiki": port 4181 is already used by site "code"; each site needs its own',
    ],
    [
      "a port out of range",
      withWiki({ port: 80 }),
      'site "wiki": port must be a whole number from 1024 to 65535, got 80',
    ],
    [
      "a metrics port in collision",
      withWiki({ metricsPort: 4181 }),
      'site "wiki": metricsPort 4181 is already used by site "code"; each site needs its own',
    ],
    [
      "a port on another site's metrics",
      withWiki({ port: 14181 }),
      'site "wiki": port 14181 is already used by the metrics of site "code"; each site needs its own',
    ],
    [
      "a metrics port that is the site's own port",
      withWiki({ metricsPort: 4180 }),
      'site "wiki": metricsPort 4180 is also the site\'s port; use another one',
    ],
    [
      "no room for the default metrics port",
      withWiki({ port: 60000 }),
      'site "wiki": port 60000 leaves no default for metricsPort (port + 10000); set it to a number from 1024 to 65535',
    ],
    [
      "a domain twice",
      withWiki({ domain: "code.example.com" }),
      'site "wiki": domain code.example.com is already used by site "code"; each site needs its own',
    ],
    [
      "a cookie's name twice where sessions are in a Redis",
      environment({
        siteDefaults: { sessionStore: "redis", redis: { host: "redis.example.com" } },
        sites: {
          code: { ...code, cookieName: "_oauth2_proxy" },
          wiki: { ...wiki, cookieName: "_oauth2_proxy" },
        },
      }),
      'site "wiki": cookieName _oauth2_proxy is already used by site "code", which also uses a Redis; each site needs its own',
    ],
    [
      "another site's sign-in for a backend",
      withWiki({ upstream: "http://127.0.0.1:4181" }),
      'site "wiki": upstream "http://127.0.0.1:4181" is on the port of site "code"; expected the backend\'s own port',
    ],
    [
      "another site's metrics for a backend",
      withWiki({ backupUpstreams: ["http://localhost:14181"] }),
      'site "wiki": backupUpstreams "http://localhost:14181" is on the port of the metrics of site "code"; expected the backend\'s own port',
    ],
    [
      "another site's sign-in for a part's backend",
      withWiki({ upstreams: [{ path: "/api", upstream: "http://127.0.0.1:4181" }] }),
      'site "wiki": upstreams "http://127.0.0.1:4181" is on the port of site "code"; expected the backend\'s own port',
    ],
    [
      "an upstream without a scheme",
      withWiki({ upstream: "127.0.0.1:3000" }),
      'site "wiki": upstream must be the scheme, host and port of the backend like "http://127.0.0.1:3000", with a path like "http://10.0.0.5/app/", gRPC like "grpc://10.0.0.5:50051", or a socket like "unix:/run/app.sock", got "127.0.0.1:3000"',
    ],
    [
      "an upstream whose port does not exist",
      withWiki({ upstream: "http://127.0.0.1:70000" }),
      'site "wiki": upstream must be the scheme, host and port of the backend like "http://127.0.0.1:3000", with a path like "http://10.0.0.5/app/", gRPC like "grpc://10.0.0.5:50051", or a socket like "unix:/run/app.sock", got "http://127.0.0.1:70000"',
    ],
    [
      "an upstream that is half an address",
      withWiki({ upstream: "http://10.0.0" }),
      'site "wiki": upstream must be the scheme, host and port of the backend like "http://127.0.0.1:3000", with a path like "http://10.0.0.5/app/", gRPC like "grpc://10.0.0.5:50051", or a socket like "unix:/run/app.sock", got "http://10.0.0"',
    ],
    [
      "an unknown key of a site",
      withWiki({ emailDomain: ["example.com"] }),
      'site "wiki": "emailDomain" is not a known key; did you mean "emailDomains"?',
    ],
    [
      "an unknown key of a host",
      withHost({ adress: "10.0.0.11" }),
      'host "edge-1": "adress" is not a known key; did you mean "address"?',
    ],
    [
      "an unknown key of the environment",
      environment({ tenant: "x" }),
      '"tenant" is not a known key; did you mean "tenantId"?',
    ],
    [
      "a host key that is none",
      withHost({ hostKey: "SHA256:abc" }),
      'host "edge-1": hostKey must be the host\'s public key as "ssh-ed25519 AAAA…", the line in its /etc/ssh/ssh_host_ed25519_key.pub, got "SHA256:abc"',
    ],
    ["an empty site list", environment({ sites: {} }), "sites must have at least one site"],
    [
      "no host",
      environment({ hosts: [] }),
      "hosts must be a list with at least one host; the first is the canary, got []",
    ],
    [
      "a host named twice",
      environment({ hosts: [edge1, { ...edge1, address: "10.0.0.12" }] }),
      "host 2 of the list: name edge-1 is already used by host 1; each host needs its own",
    ],
    [
      "nobody who may enter",
      withWiki({ emailDomains: [] }),
      'site "wiki": emailDomains must be a list with at least one e-mail domain like "example.com", got []',
    ],
    [
      "everybody may enter",
      withWiki({ emailDomains: ["*"] }),
      'site "wiki": emailDomains.0 must be a bare host name in lower case like "wiki.example.com", got "*"',
    ],
    [
      "a refresh that never comes",
      withWiki({ cookieExpire: "30m" }),
      'site "wiki": cookieRefresh must be shorter than cookieExpire (30m), got "50m"',
    ],
    [
      "a missing port",
      withWiki({ port: undefined }),
      'site "wiki": port must be a whole number from 1024 to 65535, but it is missing',
    ],
    [
      "a site's name that no resource can have",
      environment({ sites: { "My Wiki": wiki } }),
      'site "My Wiki": its name must be a name of at most 40 lower-case letters, digits and "-", like "edge-1", got "My Wiki"',
    ],
  ])("%s", (_, settings, sentence) => {
    expect(refusal(settings)).toEqual(
      [sentence].map(
        (it) =>
          `stacks/Pulumi.prod.yaml${it.startsWith("site ") || it.startsWith("host ") ? ", " : ": "}${it}`,
      ),
    );
  });
});

test("by default, programs with known vulnerabilities are refused, and drift is repaired", () => {
  expect(environmentFrom(environment(), "stacks/Pulumi.prod.yaml")).toMatchObject({
    allowVulnerableOauth2Proxy: false,
    allowVulnerableNginx: false,
    repairDrift: true,
    onHostFailure: "stop",
  });
});

test.each([
  "domain",
  "port",
  "clientSecrets",
  "cookieSecretGeneration",
  "cookieName",
  "adoptedRegistration",
  "open",
])("what is a site's own cannot be given to all of them: %s", (key) => {
  expect(refusal(environment({ siteDefaults: { [key]: 1 } })).join("\n")).toContain(
    `siteDefaults: ${key} is specific to each site; set it there`,
  );
});

test("a template's zeros are no tenant", () => {
  const zeros = "00000000-0000-0000-0000-000000000000";
  expect(refusal(environment({ tenantId: zeros }))).toEqual([
    `stacks/Pulumi.prod.yaml: tenantId must be your tenant's ID (az account show --query tenantId), got "${zeros}"`,
  ]);
});

test("all errors are reported at once", () => {
  const settings = environment({
    tenantId: "contoso",
    hosts: [{ ...edge1, hostKey: "?" }],
    sites: { code, wiki: { ...wiki, port: 4181, upstream: "x", colour: "red" } },
  });
  const told = refusal(settings);
  expect(told).toHaveLength(5);
  expect(told.join("\n")).toMatch(/tenantId.*hostKey.*upstream.*colour.*port 4181/s);
});

test.each(Object.keys(siteShape).filter((key) => !["sessionStore", "redis"].includes(key)))(
  "a contradiction is told although %s is wrong, too",
  (key) => {
    const told = refusal(withWiki({ redis: { host: "redis.example.com" }, [key]: ["?"] })).join("\n");
    expect(told).toMatch(new RegExp(`site "wiki": ${key}(\\.0)? must be`));
    expect(told).toContain('site "wiki": redis is not used with sessionStore "cookie"');
  },
);

test("a setting that is invalid by itself is reported before a contradiction that involves it", () => {
  expect(refusal(withWiki({ redis: { host: "redis.example.com" }, sessionStore: "file" }))).toEqual([
    'stacks/Pulumi.prod.yaml, site "wiki": sessionStore must be one of cookie, minimal, redis, got "file"',
  ]);
  const roles = [{ value: "reader", groops: ["Readers"] }];
  const told = refusal(withWiki({ roles, allowedGroups: ["7e57ab1e-0000-4000-8000-000000000001"] }));
  // How many roles there are is known although one is wrong.
  expect(told).toEqual([
    expect.stringContaining('"roles.0.groops" is not a known key; did you mean "groups"?'),
    expect.stringContaining("allowedGroups and roles are mutually exclusive"),
  ]);
});

test("sites and hosts are compared with each other even if something else is invalid", () => {
  const told = refusal({
    tenantId,
    hosts: [edge1, { ...edge1, hostKey: 1 }],
    sites: { code: { ...code, upstream: 1 }, wiki: { ...wiki, port: 4181, clientMaxBodySize: 1 } },
  }).join("\n");
  expect(told).toMatch(/hostKey must .*\n.*address 10\.0\.0\.11 is already used by host 1/s);
  expect(told).toContain('site "wiki": port 4181 is already used by site "code"');
});

test.each([
  [{ generations: [1, 1] }, "generations must not have duplicates, got 1, 1"],
  [
    { generations: [1, 2], signingGeneration: 3 },
    "signingGeneration must be one of generations (1, 2), got 3",
  ],
  [{ renewalDays: 90 }, "renewalDays must be less than certificateDays (90), got 90"],
])("a CA of the stack's own that cannot work: %j", (internalCa, sentence) => {
  expect(refusal(environment({ internalCa }))).toEqual([`stacks/Pulumi.prod.yaml, internalCa: ${sentence}`]);
});

test("the deployer's keys are named in order", () => {
  expect(refusal(environment({ deployerKeyGenerations: [2, 1] }))).toEqual([
    "stacks/Pulumi.prod.yaml: deployerKeyGenerations must be in ascending order without duplicates, got 1 out of order",
  ]);
});

describe("what sites share", () => {
  const shared = (siteDefaults: unknown, own: object = {}) =>
    environment({ siteDefaults, sites: { code, wiki: { ...wiki, ...own } } });

  test("counts for every site that does not say otherwise", () => {
    const settings = shared({ sessionStore: "minimal", cookieExpire: "4h" }, { cookieExpire: "2h" });
    const { sites } = environmentFrom(settings, "stacks/Pulumi.prod.yaml");
    expect(sites).toMatchObject([
      { name: "code", sessionStore: "minimal", cookieExpire: "4h" },
      { name: "wiki", sessionStore: "minimal", cookieExpire: "2h" },
    ]);
  });

  test.each([
    [
      "a wrong value, told once",
      { cookieExpire: "soon" },
      'siteDefaults: cookieExpire must be a duration like "30s", "50m" or "168h", got "soon"',
    ],
    [
      "an unknown key",
      { cookieExpires: "4h" },
      'siteDefaults: "cookieExpires" is not a known key; did you mean "cookieExpire"?',
    ],
    [
      "what anybody may reach, which stands where the site does",
      { open: [{ path: "/health", why: "monitoring" }] },
      "siteDefaults: open is specific to each site; set it there",
    ],
    [
      "no settings at all",
      "minimal",
      'siteDefaults: must be settings that the sites share (emailDomains, sessionStore, …), got "minimal"',
    ],
  ])("%s", (_, siteDefaults, sentence) => {
    expect(refusal(shared(siteDefaults))).toEqual([`stacks/Pulumi.prod.yaml, ${sentence}`]);
  });

  test("that contradicts a site is reported for that site", () => {
    expect(refusal(shared({ sessionStore: "minimal" }, { cookieRefresh: "30m" }))).toEqual([
      expect.stringMatching(/^stacks\/Pulumi.prod.yaml, site "wiki": cookieRefresh/),
    ]);
  });
});

describe("nothing reaches a host that its programs could read as their own", () => {
  const texts = [
    "domain",
    "upstream",
    "clientMaxBodySize",
    "proxyReadTimeout",
    "cookieExpire",
    "certificates",
  ] as const;
  const poison = ["\n", "\r", "\0", '"', "'", "$", ";", "{", "}", "\\", "#", " ", "%", "`", "ä"];
  const good: Record<(typeof texts)[number], string> = {
    domain: "wiki.example.com",
    upstream: "http://127.0.0.1:3000",
    clientMaxBodySize: "10m",
    proxyReadTimeout: "60s",
    cookieExpire: "168h",
    certificates: "/data/certs/wiki",
  };
  test.each(texts)("%s", (field) => {
    expect(refusal(withWiki({ [field]: good[field] }))).toEqual([]);
    for (const character of poison) {
      for (const value of [
        good[field] + character,
        character + good[field],
        `${good[field].slice(0, 2)}${character}${good[field].slice(2)}`,
      ]) {
        expect(refusal(withWiki({ [field]: value })), JSON.stringify(value)).not.toEqual([]);
      }
    }
  });
  test.each(["name", "address", "hostKey"])("a host's %s", (field) => {
    const value = edge1[field as keyof typeof edge1];
    for (const character of poison.filter((it) => !(field === "hostKey" && it === " "))) {
      expect(refusal(withHost({ [field]: value + character })), JSON.stringify(character)).not.toEqual([]);
    }
  });
});
