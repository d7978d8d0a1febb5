import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { siteSchema, withDefaults } from "../../../components/site/site.ts";
import { environmentSchema } from "../../../infra/environment.ts";
import { asMarkdown, asText, commentLimit, statementsOf, verdict } from "../../../infra/review/formats.ts";
import { environmentMeaning } from "../../../infra/review/environment-meaning.ts";
import { siteMeaning } from "../../../infra/review/meaning.ts";
import { changes } from "../../../infra/review/statements.ts";
import { notForInstance, reviewStack } from "../../../infra/review/review.ts";
import { review } from "../../../infra/commands/review.ts";
import { generatedSettings } from "../generated-settings.ts";
import { isQuick } from "../quick.ts";
import { group, host, rendered, reviewed, settings, siteArgs, withWiki } from "./environments.ts";

const { sites: usual } = settings() as { sites: Record<"code" | "wiki", object> };

describe("typical changes, in one line and in words", () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    ["nothing", settings(), "prod: renders identically; no changes", ""],
    [
      "another e-mail domain",
      withWiki({ emailDomains: ["example.com", "partner.test"] }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; ACCESS WIDENS on wiki",
      "OPENS     people of @partner.test may sign in",
    ],
    [
      "no group any more",
      withWiki({ allowedGroups: [] }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; ACCESS WIDENS on wiki",
      `OPENS     no group is required any more; was one of ${group(1)}`,
    ],
    [
      "one group for another",
      withWiki({ allowedGroups: [group(2)] }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; ACCESS WIDENS on wiki; access narrows on wiki",
      `closes    members of group ${group(1)} may no longer enter because of it`,
    ],
    [
      "a first group",
      settings({ sites: { ...usual, code: siteArgs("code", 4180, { allowedGroups: [group(1)] }) } }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; access narrows on code",
      `closes    only members of ${group(1)} may enter; was no group required`,
    ],
    [
      "a path for everybody",
      withWiki({ open: [{ path: "/health", why: "the monitoring asks here" }] }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs; ACCESS WIDENS on wiki",
      "OPENS     /health is open to EVERYBODY without signing in (GET, HEAD): the monitoring asks here",
    ],
    [
      "a path for fewer",
      withWiki({ paths: [{ path: "/admin", allowedGroups: [group(2)] }] }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs; access narrows on wiki",
      `closes    /admin/ and everything below additionally requires ${group(2)}`,
    ],
    [
      "a sign-in that moves, which opens nothing",
      withWiki({ proxyPrefix: "/_sign-in" }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs",
      "          the sign-in is below /_sign-in/; was below /oauth2/",
    ],
    [
      "a sign-in that moves on without its former place",
      withWiki({ proxyPrefix: "/_sign-in", formerProxyPrefixes: [] }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs",
      "without /oauth2 in formerProxyPrefixes, its registration no longer has the old address",
    ],
    [
      "a part for everybody in what a sign-in that moves leaves to the application",
      withWiki({
        proxyPrefix: "/_sign-in",
        open: [{ path: "/oauth2/health", why: "the monitoring asks here" }],
      }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; ACCESS WIDENS on wiki",
      "OPENS     /oauth2/health is open to EVERYBODY without signing in (GET, HEAD): the monitoring asks here",
    ],
    [
      "a part with a backend of its own, which opens nothing",
      withWiki({ upstreams: [{ path: "/api", upstream: "http://10.0.0.6:9000" }] }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs",
      "          requests to /api/ and everything below go to http://10.0.0.6:9000",
    ],
    [
      "a part that is asked by gRPC, which opens nothing",
      withWiki({ upstreams: [{ path: "/wiki.v1.Pages", upstream: "grpc://10.0.0.6:50051" }] }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs",
      "          requests to /wiki.v1.Pages/ and everything below go to grpc://10.0.0.6:50051",
    ],
    [
      "a backend that is asked by gRPC",
      withWiki({ upstream: "grpc://10.0.0.6:50051" }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs",
      "          the backend speaks gRPC, for its clients only: no pages and no WebSockets",
    ],
    [
      "a role for one more",
      withWiki({ allowedGroups: [], roles: [{ value: "reader", users: ["ada@example.com"] }] }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; ACCESS WIDENS on wiki; access narrows on wiki",
      "OPENS     ada@example.com has the role reader",
    ],
    [
      "roles instead of everybody, for some of them",
      settings({
        sites: {
          ...usual,
          code: siteArgs("code", 4180, { roles: [{ value: "reader", groups: [group(1)] }] }),
        },
      }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; access narrows on code",
      "a new role: reader",
    ],
    [
      "a new site",
      settings({ sites: { ...usual, news: siteArgs("news", 4182) } }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; ACCESS WIDENS on news",
      "OPENS     a new site: https://news.example.com is open to everybody of @example.com, from http://127.0.0.1:3182",
    ],
    [
      "a site less",
      settings({ sites: { code: usual.code } }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs; access narrows on wiki",
      "closes    https://wiki.example.com is removed from every host, and its registration from Entra",
    ],
    [
      "another backend",
      withWiki({ upstream: "http://127.0.0.1:9999" }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs",
      "          backend: http://127.0.0.1:9999; was http://127.0.0.1:3181",
    ],
    [
      "a closed site's backend behind an open one",
      settings({ sites: { ...usual, code: siteArgs("code", 4180, { upstream: "http://127.0.0.1:3181" }) } }),
      "prod: 1 site on 2 hosts; 1 reload, 0 restarts, 0 sign-outs; ACCESS WIDENS on code",
      "OPENS     someone@example.com, in no group, now reaches http://127.0.0.1:3181, which was closed to them",
    ],
    [
      "the user's token for the backend",
      withWiki({ identityHeaders: ["user", "accessToken"] }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs",
      "WEAKENS   the backend gets the ACCESS TOKEN, with which it can act as the user (X-Auth-Request-Access-Token)",
    ],
    [
      "longer sessions",
      withWiki({ cookieExpire: "720h" }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 0 sign-outs",
      "WEAKENS   a session lasts 720h without a request; was 168h",
    ],
    [
      "a new cookie secret",
      withWiki({ cookieSecretGeneration: 2 }),
      "prod: 1 site on 2 hosts; 0 reloads, 0 restarts, 1 sign-out",
      "SIGN-OUT  a new cookie secret (2; was 1): everybody has to sign in again",
    ],
    [
      "a new client secret",
      withWiki({ clientSecrets: [{ generation: 1 }, { generation: 2, endDate: "2027-11-01" }] }),
      "prod: 1 site on 2 hosts; 0 reloads, 0 restarts, 0 sign-outs",
      "rotates   hosts use client secret 2; was 1",
    ],
    [
      "an owner of the registration",
      withWiki({ owners: ["ada@example.com"] }),
      "prod: 1 site on 2 hosts; 0 reloads, 0 restarts, 0 sign-outs",
      "OPENS     ada@example.com owns its registration in Entra, and may add secrets and redirect URIs to it",
    ],
    [
      "a site that moves",
      withWiki({ domain: "handbook.example.com" }),
      "prod: 1 site on 2 hosts; 1 reload, 1 restart, 1 sign-out",
      "SIGN-OUT  everybody has to sign in again: the session cookie belongs to wiki.example.com",
    ],
    [
      "another tenant",
      settings({ tenantId: "00000000-0000-4000-8000-000000000009" }),
      "prod: 2 sites on 2 hosts; 2 reloads, 2 restarts, 2 sign-outs; ACCESS WIDENS on environment",
      "OPENS     people of tenant 00000000-0000-4000-8000-000000000009 may sign in",
    ],
    [
      "a host's new key",
      settings({ hosts: [host(1), { ...host(2), hostKey: host(2).hostKey.replace("IAAAA", "IBBBB") }] }),
      "prod: no site changes",
      "WEAKENS   host edge-2 has a DIFFERENT KEY: make sure that it is the same machine",
    ],
    [
      "a third host",
      settings({ hosts: [host(1), host(2), host(3)] }),
      "prod: no site changes",
      "          host edge-3 (10.0.0.13) is set up and serves every site",
    ],
  ])("%s", (_, after, line, words) => {
    const review = reviewed(after);
    // How many files a site has is not what these tests are about.
    expect(verdict(review).replace(/; \d+ files? changes?/, "")).toBe(line);
    expect(asText({ base: "main", head: "change", notes: [], stacks: [review] })).toContain(words);
  });
});

test("people of a group lose their access where only roles that name people remain, whatever their names", () => {
  for (const name of ["someone", "someone-2", "ada"]) {
    const users = ["someone@example.com", `${name}@example.com`];
    const roles = [{ value: "reader", users: [...new Set(users)] }];
    const review = reviewed(withWiki({ allowedGroups: [], roles }));
    expect(review).toMatchObject({ widens: ["wiki"], narrows: ["wiki"] });
  }
});

test("an open path whose backend becomes one that was closed opens that backend", () => {
  const withBackends = (upstream: string, ofHooks: string) =>
    withWiki({
      upstream,
      upstreams: [{ path: "/hooks", upstream: ofHooks }],
      open: [{ path: "/hooks/", match: "prefix", methods: ["POST"], why: "web hooks" }],
    });
  const [own, other] = ["http://127.0.0.1:3181", "http://127.0.0.1:9999"];
  const review = reviewed(withBackends(other, own), withBackends(own, other));
  expect(verdict(review)).toContain("ACCESS WIDENS on wiki");
  expect(asText({ base: "main", head: "change", notes: [], stacks: [review] })).toContain(
    `OPENS     anybody now reaches ${own}, which was closed to them`,
  );
});

describe("a site that has another name", () => {
  const renamed = (given: object = {}, after: object = {}) =>
    reviewed(
      settings({
        sites: {
          code: usual.code,
          handbook: siteArgs("wiki", 4181, { allowedGroups: [group(1)], ...after }),
        },
        ...given,
      }),
    );
  const said = (review: ReturnType<typeof renamed>) =>
    asText({ base: "main", head: "change", notes: [], stacks: [review] });

  test("is a different one to Entra: everybody has to sign in again, and the review says how to avoid that", () => {
    const review = renamed();
    expect(verdict(review)).toContain("1 sign-out");
    expect(verdict(review)).not.toMatch(/access/i);
    expect(said(review)).toContain(
      "SIGN-OUT  is called handbook in this file; was wiki: everybody has to sign in again, since its registration in Entra and its secrets are recreated; with renamedSites: { handbook: wiki } they stay",
    );
  });

  test("keeps its registration if renamedSites says so", () => {
    const review = renamed({ renamedSites: { handbook: "wiki" } });
    expect(verdict(review)).toContain("0 sign-outs");
    expect(verdict(review)).not.toMatch(/access/i);
    expect(said(review)).toContain("is called handbook in this file; was wiki\n");
  });

  test("is compared with its former self, even if its domain changes", () => {
    const renamedSites = { handbook: "wiki" };
    const wider = renamed({ renamedSites }, { allowedGroups: [group(1), group(2)] });
    expect(verdict(wider)).toContain("ACCESS WIDENS on handbook");
    expect(said(wider)).toContain(`OPENS     members of group ${group(2)} may enter`);
    expect(said(wider)).not.toContain("a new site");
    const moved = renamed({ renamedSites }, { domain: "handbook.example.com" });
    expect(said(moved)).toContain(
      "SIGN-OUT  everybody has to sign in again: the session cookie belongs to wiki.example.com",
    );
  });
});

describe("guests", () => {
  const roles = [{ value: "reader", groups: [group(1)] }];
  const wiki = (given: object) => {
    const { allowedGroups: _, ...args } = siteArgs("wiki", 4181, { roles, ...given }) as Record<
      string,
      unknown
    >;
    return settings({ sites: { code: usual.code, wiki: args } });
  };
  const told = (after: object, before: object) => {
    const review = reviewed(wiki(after), wiki(before));
    return { verdict: verdict(review), text: asText({ base: "a", head: "b", notes: [], stacks: [review] }) };
  };
  const open = { guests: true, emailDomains: undefined };

  test("beside emailDomains open nothing, and are not reported to", () => {
    const { verdict: line, text } = told({ guests: true }, {});
    expect(line).not.toMatch(/access/i);
    expect(text).not.toContain("OPENS");
    expect(text).toContain("guests: true has no effect with emailDomains, which say who may sign in");
  });

  test("instead of emailDomains open the site", () => {
    const { verdict: line, text } = told(open, {});
    expect(line).toContain("ACCESS WIDENS on wiki");
    expect(text).toContain(
      "OPENS     anybody with a role or group may sign in, including guests; was people of @example.com",
    );
  });

  test("are removed when emailDomains are added", () => {
    const { verdict: line, text } = told({ guests: true }, open);
    expect(line).not.toContain("WIDENS");
    expect(line).toContain("access narrows on wiki");
    expect(text).not.toContain("OPENS");
    expect(text).toContain(
      "closes    only people of @example.com may sign in; was also guests with a role or group",
    );
  });
});

test("what is the same for many sites is stated once, with their names", () => {
  const sites = (given: object) =>
    Object.fromEntries(
      ["a", "b", "c", "d"].map((name, index) => [
        name,
        siteArgs(name, 5000 + index, index === 3 ? {} : given),
      ]),
    );
  const review = reviewed(
    settings({ sites: sites({ cookieExpire: "720h" }) }),
    settings({ sites: sites({}) }),
  );
  const text = asText({ base: "main", head: "change", notes: [], stacks: [review] });
  expect(text).toContain("\n  a, b, c\n    WEAKENS   a session lasts 720h without a request; was 168h\n");
  expect(text.match(/a session lasts/g)).toHaveLength(1);
  expect(text).not.toContain("(a.example.com)");
  const markdown = asMarkdown({ base: "main", head: "change", notes: [], stacks: [review] }, "the artifact");
  expect(markdown).toContain("**a, b, c**\n\n- **WEAKENS** a session lasts");
});

test("a new environment shows what all sites share once, and of each further site only the differences from the first", () => {
  const names = ["a", "b", "c"];
  const [before, after] = [settings(), settings()];
  Object.assign(after, {
    sites: Object.fromEntries(
      names.map((name, index) => [
        name,
        siteArgs(name, 5000 + index, index === 2 ? { allowedGroups: [group(1)] } : {}),
      ]),
    ),
  });
  for (const [was, is] of [
    [undefined, after],
    [before, after],
  ] as const) {
    const { files } = reviewed(is, was ?? null);
    const of = (title: string) => files.find((it) => it.title === title);
    expect(of("every host: shared/https.conf")).toBeUndefined();
    expect(of("a: nginx.conf")?.patch).toContain("+    server_name a.example.com;");
    expect(of("a: nginx.conf")).not.toHaveProperty("comparedWith");
    // The backend of its own, and no more.
    expect(of("b: nginx.conf")).toMatchObject({ comparedWith: "a" });
    expect(changedLines(of("b: nginx.conf")?.patch)).toEqual([
      "-    server 127.0.0.1:4000 max_fails=0;",
      "+    server 127.0.0.1:4001 max_fails=0;",
    ]);
    expect(changedLines(of("c: oauth2-proxy.cfg")?.patch)).toEqual([
      `+allowed_groups = [ "${group(1)}" ]`,
      expect.stringMatching(/^-footer = .*whose account ends in @example\.com\. /),
      expect.stringMatching(/^\+footer = .*@example\.com and who are in a group with access to it\. /),
    ]);
    // These are this repository's, and reviewed there.
    for (const [what, source] of [
      ["the push program", "components/host/protected_sites"],
      ["what sites share", "components/render/nginx/shared-files.ts"],
    ])
      expect(changedLines(of(`every host: ${what}`)?.patch)).toEqual(
        was === undefined
          ? [expect.stringMatching(`^\\+# ${source} of this commit: \\d+ files, \\d+ lines$`)]
          : [],
      );
  }
});

/** The lines of a patch that go and come. */
function changedLines(patch = ""): string[] {
  return patch.split("\n").filter((it) => /^[-+](?![-+]{2} )/.test(it));
}

test.each([
  ["one more who has it", [group(1), group(2)], "ACCESS WIDENS on wiki"],
  ["one less who has it", [], "access narrows on wiki"],
])("a role beside another, with %s", (_, editors, words) => {
  const roles = (groups: string[]) =>
    withWiki({
      allowedGroups: [],
      roles: [
        { value: "reader", groups: [group(1), group(2)] },
        { value: "editor", groups, users: ["ada@example.com"] },
      ],
    });
  expect(verdict(reviewed(roles(editors), roles([group(1)])))).toContain(words);
});

test("every setting has a description", () => {
  expect(Object.keys(siteMeaning).sort()).toEqual([...Object.keys(siteSchema.shape), "name"].sort());
  // What sites share changes the sites.
  expect([...Object.keys(environmentMeaning), "sites", "siteDefaults"].sort()).toEqual(
    Object.keys(environmentSchema.shape).sort(),
  );
});

test("adding or removing an optional setting is not reported as a setting that did not exist", () => {
  const told = new Set<string>();
  const sitesOf = generatedSettings.map((settings) => {
    const checked = siteSchema.safeParse(settings).data;
    return checked && withDefaults("wiki", checked);
  });
  fc.assert(
    fc.property(sitesOf, sitesOf, (before, after) => {
      fc.pre(before !== undefined && after !== undefined);
      for (const { field, text } of changes(siteMeaning, before, after)) {
        expect(text).not.toContain("not a setting yet");
        told.add(field);
      }
    }),
    { numRuns: 300 },
  );
  expect(Object.keys(siteSchema.shape).filter((key) => !told.has(key))).toEqual([]);
  const proxied = reviewed(settings({ outboundProxy: "http://proxy.example.com:3128" }));
  expect(JSON.stringify(proxied)).toContain(
    "hosts reach Entra through http://proxy.example.com:3128; was directly",
  );
});

test("the review and the host agree on the files that restart an instance", () => {
  const program = readFileSync(
    new URL("../../../components/host/protected_sites/undo.py", import.meta.url),
    "utf8",
  );
  const [, said = ""] = /^NOT_FOR_INSTANCE = \{([^}]*)\}$/m.exec(program) ?? [];
  expect([...said.matchAll(/"([^"]+)"/g)].map(([, name]) => name)).toEqual(notForInstance);
});

test("an instance restarts for the files that it reads, and for no others", () => {
  const whole = {
    paths: [{ path: "/a", allowedGroups: [group(1)] }],
    temporaryGroups: [{ group: group(2), until: "2999-01-31" }],
    maintenance: "It moves",
  };
  const files = rendered(withWiki(whole)).siteFiles?.["wiki"]?.map(({ name }) => name) ?? [];
  const instance = "oauth2-proxy_wiki.example.com";
  expect(files.filter((it) => !notForInstance.includes(it))).toEqual([
    "oauth2-proxy.cfg",
    `${instance}.socket`,
    `${instance}.service`,
  ]);
  // What generations have had of their own that all sites share by now.
  const former = ["begin", "return", "not-saved", "signed-out", "bad-request", "unavailable", "too-many"];
  expect(notForInstance.filter((it) => !files.includes(it))).toEqual([
    "inherited.conf",
    ...former.map((it) => `${it}.html`),
  ]);
});

test("instances restart for another version of the error page that they share, and for no other shared file", () => {
  const after = rendered(settings());
  const restartsWith = (name: string) => {
    const other = after.hostFiles?.map((it) =>
      it.name.endsWith(`/${name}`) ? { ...it, text: "other" } : it,
    );
    const { counts } = reviewStack("prod", { ...after, hostFiles: other ?? [] }, after);
    expect(counts.files).toBe(2);
    return counts.restarts;
  };
  expect(restartsWith("error.html")).toBe(2);
  expect(restartsWith("signed-out.html")).toBe(0);
});

test("a change with everything in it, as a comment", async () => {
  const after = settings({
    hosts: [host(1), host(2), host(3)],
    sites: {
      code: siteArgs("code", 4180, { identityHeaders: ["user", "idToken"], cookieExpire: "24h" }),
      wiki: siteArgs("wiki", 4181, { emailDomains: ["example.com", "partner.test"] }),
      news: siteArgs("news", 4182),
    },
  });
  const change = reviewed(after);
  const stack = {
    ...change,
    counts: { ...change.counts, files: 99 },
    // The renderers' texts have goldens of their own.
    files: change.files
      .slice(0, 2)
      .map((it) => ({ ...it, added: 1, removed: 1, patch: "@@\n-before\n+after" })),
  };
  const review = { base: "main (0123456789ab)", head: "change (ba9876543210)", notes: [], stacks: [stack] };
  await expect(asMarkdown(review, "the artifact")).toMatchFileSnapshot("golden/comment.md");
});

describe.skipIf(isQuick)("a comment fits, however big the change", { timeout: 120_000 }, () => {
  const many = (count: number, given: (index: number) => object) =>
    settings({
      sites: Object.fromEntries(
        Array.from({ length: count }, (_, index) => [
          `site-${index}`,
          siteArgs(`site-${index}`, 2000 + index, given(index)),
        ]),
      ),
    });

  test.each([
    [
      "many different diffs",
      100,
      (index: number) => ({ clientMaxBodySize: `${index + 11}m` }),
      /\*\*Truncated\*\*: \d+ diffs of \d+ did not fit.*the run's artifact/,
    ],
    [
      "more words than a comment holds",
      60,
      (index: number) => ({
        emailDomains: [
          "example.com",
          ...Array.from({ length: 20 }, (_, it) => `partner-${index}-${it}.test`),
        ],
      }),
      /\*\*Truncated\*\*: the change is too large.*the run's artifact/,
    ],
  ])("%s", (_, count, given, words) => {
    const stacks = [
      reviewed(
        many(count, given),
        many(count, () => ({})),
      ),
    ];
    const text = asMarkdown({ base: "a", head: "b", notes: [], stacks }, "the run's artifact");
    expect(text.length).toBeLessThanOrEqual(commentLimit);
    expect(text).toMatch(words);
    expect(text.split("\n").slice(0, 6).join("\n")).toContain(`${count} sites on 2 hosts`);
  });

  test("sites whose diffs differ only in their own names share one", () => {
    const stacks = [
      reviewed(
        many(50, () => ({ proxyReadTimeout: "90s" })),
        many(50, () => ({})),
      ),
    ];
    expect(stacks[0]?.files).toHaveLength(1);
    expect(stacks[0]?.files[0]?.alsoFor).toHaveLength(49);
  });
});

describe("an end date in the past", () => {
  const side = (name: string, endDate: string) => ({
    name,
    stacks: { prod: rendered(withWiki({ clientSecrets: [{ generation: 1, endDate }] })) },
  });
  const told = (before: string, after: string, more: object = {}) => {
    const head = side("b", after);
    const [stack] = review(
      side("a", before),
      { ...head, stacks: { prod: { ...head.stacks.prod, ...more } } },
      new Date("2026-11-29T12:00:00Z"),
    ).stacks;
    if (stack === undefined) throw new Error("no environment");
    return stack;
  };

  test("is refused if the change adds it", () => {
    const text =
      "config:\n  protected-sites:sites:\n    wiki:\n      clientSecrets:\n        - generation: 1\n          endDate: x\n";
    const stack = told("2026-11-30", "2026-11-28", { text });
    expect(verdict(stack)).toBe("prod: INVALID, 1 error; it cannot be deployed");
    expect(stack.problems).toEqual([
      {
        where: 'site "wiki"',
        what: 'clientSecrets.0.endDate must be in the future, got "2026-11-28": Entra creates no secret that has expired',
        line: 6,
      },
    ]);
    expect(told("2026-11-28", "2026-11-30").kind).toBe("changed");
  });

  test("of somebody who is blocked is refused if the change adds it, and stays valid where it has passed since", () => {
    const blockedUntil = (until: string) => ({
      name: "side",
      stacks: { prod: rendered(settings({ blocked: [{ user: "ada@example.com", why: "Left.", until }] })) },
    });
    const problems = (before: string, after: string) =>
      review(blockedUntil(before), blockedUntil(after), new Date("2026-11-29T12:00:00Z")).stacks[0]?.problems;
    expect(problems("2026-12-31", "2026-11-28")).toMatchObject([
      { where: "", what: 'blocked.0.until must not have passed, got "2026-11-28": nobody would be blocked' },
    ]);
    expect(problems("2026-12-31", "2026-11-29")).toEqual([]);
    expect(problems("2026-11-28", "2026-11-28")).toEqual([]);
  });

  const open = (until: string | undefined) => ({
    path: "/health",
    why: "Why.",
    ...(until === undefined ? {} : { until }),
  });

  test("of an open path is refused if the change adds it, and stays valid where it has passed since", () => {
    const openUntil = (until: string | undefined) => ({
      name: "side",
      stacks: { prod: rendered(withWiki({ open: [open(until)] })) },
    });
    const problems = (before: string | undefined, after: string) =>
      review(openUntil(before), openUntil(after), new Date("2026-11-29T12:00:00Z")).stacks[0]?.problems;
    expect(problems(undefined, "2026-11-28")).toMatchObject([
      {
        where: 'site "wiki"',
        what: 'open.0.until must not have passed, got "2026-11-28": the path would not be open',
      },
    ]);
    expect(problems("2026-11-29", "2026-11-28")).toHaveLength(1);
    expect(problems(undefined, "2026-11-29")).toEqual([]);
    expect(problems("2026-11-28", "2026-11-28")).toEqual([]);
  });

  const user = "ada@example.com";
  const ending = {
    "of somebody's role": (until: string) => ({
      roles: [{ value: "reader", groups: [group(1)], temporaryUsers: [{ user, until }] }],
    }),
    "of a role": (until: string) => ({
      roles: [
        { value: "reader", groups: [group(1)] },
        { value: "editor", groups: [group(2)], until },
      ],
    }),
    "of a group": (until: string) => ({
      allowedGroups: [group(1)],
      temporaryGroups: [{ group: group(2), until }],
    }),
  };
  const places = {
    "of somebody's role": "roles.0.temporaryUsers.0",
    "of a role": "roles.1",
    "of a group": "temporaryGroups.0",
  };

  describe.each(Object.keys(ending) as (keyof typeof ending)[])("%s", (what) => {
    const site = (until: string) => withWiki({ allowedGroups: [], ...ending[what](until) });

    test("is refused if the change adds it, and stays valid where it has passed since", () => {
      const side = (until: string) => ({ name: "side", stacks: { prod: rendered(site(until)) } });
      const problems = (before: string, after: string) =>
        review(side(before), side(after), new Date("2026-11-29T12:00:00Z")).stacks[0]?.problems;
      expect(problems("2026-12-31", "2026-11-28")).toMatchObject([
        {
          where: 'site "wiki"',
          what: `${places[what]}.until must not have passed, got "2026-11-28": nobody would get in by it`,
        },
      ]);
      expect(problems("2026-12-31", "2026-11-29")).toEqual([]);
      expect(problems("2026-11-28", "2026-11-28")).toEqual([]);
    });

    test("opens if it is later, and closes if it is earlier, from when on", () => {
      const told = (before: string, after: string) => {
        const { widens, narrows, sites } = reviewed(site(after), site(before));
        const [way] = sites.flatMap(({ opened, closed }) => [...opened, ...closed]);
        const alarms = sites.flatMap(({ statements }) => statements.map(({ effect }) => effect));
        return [widens.length, narrows.length, way?.from?.toJSON().slice(0, 10), ...alarms];
      };
      expect(told("2999-01-31", "2999-02-28")).toEqual([1, 0, "2999-02-01", "opens"]);
      expect(told("2999-02-28", "2999-01-31")).toEqual([0, 1, "2999-02-01", "closes"]);
      expect(told("2020-01-31", "2999-01-31")).toEqual([1, 0, undefined, "opens"]);
    });
  });

  test("of somebody's role closes what a group gives them, too", () => {
    const site = (...temporaryUsers: object[]) =>
      withWiki({
        allowedGroups: [],
        roles: [{ value: "reader", groups: [group(1)], temporaryUsers }],
      });
    const { widens, narrows, sites } = reviewed(site(), site({ user, until: "2020-01-31" }));
    expect([widens.length, narrows.length]).toEqual([1, 0]);
    expect(sites[0]?.opened[0]?.person).toEqual({ upn: user, groups: [group(1)] });
  });

  test("of an open path opens if it is later or gone, and closes if it is earlier or new, from when on", () => {
    const told = (before: string | undefined, after: string | undefined) => {
      const [was, is] = [before, after].map((until) => withWiki({ open: [open(until)] }));
      const { widens, narrows, sites } = reviewed(is ?? {}, was);
      const [way] = sites.flatMap(({ opened, closed }) => [...opened, ...closed]);
      return { widens, narrows, from: way?.from?.toJSON().slice(0, 10) };
    };
    const [sooner, later] = ["2098-01-31", "2099-06-30"];
    const opens = { widens: ["wiki"], narrows: [], from: "2098-02-01" };
    const closes = { widens: [], narrows: ["wiki"], from: "2098-02-01" };
    expect(told(sooner, later)).toEqual(opens);
    expect(told(sooner, undefined)).toEqual(opens);
    expect(told(later, sooner)).toEqual(closes);
    expect(told(undefined, sooner)).toEqual(closes);
    expect(told("2020-01-31", sooner)).toEqual({ widens: ["wiki"], narrows: [], from: undefined });
  });

  test("that has passed since is reported, and the file stays valid, so that the secret can be rotated", () => {
    const { sites } = withWiki({ clientSecrets: [{ generation: 1, endDate: "2026-11-28" }] });
    const rest = rendered(settings({ sites, outboundProxy: "http://proxy.example.com:3128" }));
    const stack = told("2026-11-28", "2026-11-28", rest);
    expect(stack.kind).toBe("changed");
    expect(stack.notes.join("\n")).toMatch(
      /An update would fail: site "wiki": client secret 1 expired on 2026-11-28: nobody can sign in; run /,
    );
  });
});

describe("what only the engine and the providers read", () => {
  const side = (text: string) => ({ ...rendered(settings()), text });
  const words = (before: string, after: string) =>
    reviewStack("prod", side(before), side(after)).environment.map(
      ({ effect, text }) => `${effect}: ${text}`,
    );
  const environment = 'config:\n  azuread:environment: china\n  protected-sites:adminUser: "1"\n';

  test.each([
    [
      "a provider's setting",
      "",
      environment,
      'weakens: azuread:environment, which this review cannot judge, is "china"; was not set',
    ],
    [
      "one that goes",
      environment,
      "config: {}\n",
      'weakens: azuread:environment, which this review cannot judge, is not set; was "china"',
    ],
    [
      "an environment of Pulumi ESC",
      "config: {}\n",
      "environment: [shared]\n",
      'weakens: environment, which this review cannot judge, is ["shared"]; was not set',
    ],
  ])("is an alarm: %s", (_, before, after, said) => {
    expect(words(before, after)).toEqual([said]);
  });

  test("raises no alarm if it stays, nor does the encryption salt or a setting of ours", () => {
    const other = environment.replace('"1"', '"2"');
    expect(words(environment, `encryptionsalt: v1:x\n${other}`)).toEqual([]);
  });
});

test("a user's text cannot become Markdown", () => {
  const review = reviewed(settings());
  const text = asMarkdown(
    {
      base: "a",
      head: "b",
      notes: [],
      stacks: [
        {
          ...review,
          kind: "invalid",
          problems: [{ line: 3, where: "", what: 'domain must be …, got "```\n# @everyone <img>"' }],
        },
      ],
    },
    "",
  );
  expect(text).toContain("````\nstacks/Pulumi.prod.yaml:3: domain must be …, got");
});

test("a site that cannot be judged is an alarm", () => {
  const [site] = reviewed(withWiki({ clientMaxBodySize: "11m" })).sites;
  if (site === undefined) throw new Error("no site changed");
  expect(statementsOf({ ...site, cannotJudge: "nginx.conf line 7: satisfy any" })).toContainEqual({
    effect: "opens",
    text: "MAYBE: this cannot be judged: nginx.conf line 7: satisfy any",
  });
});
