import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { accessMatrixOf, isJudged, siteAccess } from "../../../infra/access-matrix.ts";
import { asMarkdown, asText } from "../../../infra/access-matrix-formats.ts";
import { explainer } from "../../../infra/commands/explain.ts";
import { SiteReading } from "../../../infra/review/gate.ts";
import { renderedEnvironment } from "../../../infra/review/rendering.ts";
import { siteTexts } from "../../../infra/review/site-texts.ts";
import { environmentOf, parseStackFile } from "../../../infra/stack-file.ts";
import { whoMeets } from "../../../infra/who-meets.ts";
import { groupsOf, rolesOf, upnOf } from "../../access/asking.ts";
import { tenantId } from "../../sites.ts";
import { runs } from "../quick.ts";
import { group, settings, siteArgs } from "../review/environments.ts";
import { anyChange, methods, people, programs, targets } from "../review/generated-sites.ts";
import { admits, examplesOf, forMethod, rowFor } from "../review/matrix-cells.ts";

function stackFile(sites: Record<string, object>, more: object = {}) {
  const config = Object.fromEntries(
    Object.entries(settings({ sites, ...more })).map(([key, value]) => [`protected-sites:${key}`, value]),
  );
  return parseStackFile("prod", stringify({ config }, { defaultStringType: "QUOTE_DOUBLE" }));
}

const application = programs[0] ?? "";
const usual = {
  wiki: siteArgs("wiki", 4181, {
    emailDomains: ["example.com", "partner.test"],
    allowedGroups: [group(1), group(2)],
    paths: [
      { path: "/admin", allowedGroups: [group(3)] },
      { path: "/help", match: "exact", allowedGroups: [group(1), group(2)] },
    ],
    open: [{ path: "/public/", match: "prefix", why: "pages | for *all* @everybody" }],
    clientSecrets: [{ generation: 1, endDate: "2027-05-28" }],
  }),
  build: siteArgs("build", 4182, {
    roles: [
      { value: "developer", groups: ["Developers"], applications: [application] },
      {
        value: "operator",
        groups: ["Operations", "Developers"],
        users: ["ada@example.com", "eve@elsewhere.test"],
      },
    ],
    paths: [{ path: "/settings", allowedRoles: ["operator"] }],
    open: [{ path: "/hooks", methods: ["POST"], why: "the code host signs its calls" }],
  }),
  partners: siteArgs("partners", 4183, {
    emailDomains: undefined,
    guests: true,
    roles: [{ value: "partner", groups: ["Partner portal"] }],
  }),
  shop: siteArgs("shop", 4184, {
    maintenance: "back at noon",
    open: [{ path: "/health", why: "monitoring" }],
  }),
};
const matrixOf = accessMatrixOf(stackFile(usual));
const golden = (name: string) => join(import.meta.dirname, "../../golden/access-matrix", name);

describe("the usual environment", () => {
  test.each([
    ["text.txt", asText(matrixOf(), "site")],
    ["by-who.txt", asText(matrixOf(), "who")],
    ["url.txt", asText(matrixOf("https://wiki.example.com/admin/users"), "site")],
    ["markdown.md", asMarkdown(matrixOf(), "site")],
    ["url.json", `${JSON.stringify(matrixOf("https://build.example.com/hooks"), null, 2)}\n`],
  ])("%s", async (name, text) => {
    await expect(text).toMatchFileSnapshot(golden(name));
  });

  test("is in the same order, in whichever the file has its sites", () => {
    const otherwise = accessMatrixOf(stackFile(Object.fromEntries(Object.entries(usual).toReversed())));
    expect(otherwise()).toEqual(matrixOf());
  });

  test("no row is about a path of the sign-in that reaches the backend", () => {
    for (const { rows } of matrixOf().sites)
      for (const path of ["/oauth2/start", "/oauth2/auth", "/.well-known/acme-challenge/x", "/x/.htaccess"])
        expect(rowFor(rows, path, "GET")).not.toHaveProperty("who");
  });
});

test("an application or a person without what else is needed is not listed", () => {
  const roles = [
    {
      value: "reader",
      displayName: "reader",
      groups: ["Staff"],
      users: [],
      temporaryUsers: [],
      applications: [application],
    },
    {
      value: "editor",
      displayName: "editor",
      groups: ["Staff"],
      users: ["ada@example.com"],
      temporaryUsers: [],
      applications: [],
    },
  ];
  const needs = {
    emailDomains: ["example.com"],
    programs: [application],
    groups: [["role editor"], ["role reader"]],
  };
  expect(whoMeets(needs, roles)).toEqual([
    { kind: "group", group: "Staff", roles: ["editor"], emailDomains: ["example.com"], and: [] },
    { kind: "user", user: "ada@example.com", roles: ["editor"], and: [["role reader"]] },
  ]);
});

test("who is blocked is named, and a person with a role of their own is in no row", () => {
  const roles = [{ value: "editor", groups: [group(1)], users: ["ada@example.com", "bob@example.com"] }];
  const blocked = [{ user: "Ada@example.com", why: "She has left." }];
  const matrix = accessMatrixOf(stackFile({ wiki: siteArgs("wiki", 4181, { roles }) }, { blocked }))();
  const text = asText(matrix, "site");
  expect(text).toContain("Blocked at every site, whatever is said above: Ada@example.com.");
  expect(text).toContain("user bob@example.com");
  expect(text).not.toContain("user ada@example.com");
});

test("somebody whose role has ended is no user of it, and an exception of its groups", () => {
  const temporaryUsers = [{ user: "ada@example.com", until: "2020-01-31" }];
  const roles = [
    { value: "reader", groups: [group(1)] },
    { value: "editor", groups: [group(2)], temporaryUsers },
    { value: "guest", groups: [group(3)], until: "2020-01-31" },
  ];
  const wiki = siteArgs("wiki", 4181, { roles, paths: [{ path: "/edit", allowedRoles: ["editor"] }] });
  const text = asText(accessMatrixOf(stackFile({ wiki }))(), "site");
  expect(text).not.toContain("user ada@example.com");
  expect(text).not.toContain(group(3));
  expect(text).toContain(
    `group ${group(2)} (role editor), except ada@example.com, for whom that has ended; only @example.com`,
  );
  expect(text).toContain(`group ${group(1)} (role reader); only @example.com`);
});

describe("what cannot be judged is said so", () => {
  const file = stackFile({ wiki: usual.wiki });
  const environment = environmentOf(file);
  const { hostFiles, siteFiles } = renderedEnvironment(environment);
  const matrixWith = (change: (nginx: string) => string) => {
    const [site] = environment.sites;
    if (site === undefined) throw new Error("no site");
    const texts = siteTexts(site.domain, tenantId, siteFiles?.["wiki"], hostFiles);
    if (texts === undefined) throw new Error("no files");
    const read = () => new SiteReading({ ...texts, nginx: change(texts.nginx) });
    return { stack: "prod", source: file.source, blocked: [], sites: [siteAccess(site, read)] };
  };

  test("of a whole site", () => {
    const matrix = matrixWith((nginx) => `js_import x.js;\n${nginx}`);
    expect(isJudged(matrix)).toBe(false);
    expect(asText(matrix, "site")).toMatch(
      /NOT ALL OF IT CAN BE JUDGED\n[^]*wiki +everything +any +CANNOT BE JUDGED: .*js_import/,
    );
  });

  test("of one part, while the rest is judged", () => {
    const matrix = matrixWith((nginx) =>
      nginx.replace("location /admin/ {", "location /admin/ {\n        rewrite ^ /x;"),
    );
    expect(isJudged(matrix)).toBe(false);
    const text = asText(matrix, "site");
    expect(text).toMatch(/^wiki +\/admin\/\* +any +CANNOT BE JUDGED: nginx\.conf line \d+: rewrite/m);
    expect(text).toMatch(/^wiki +everything else +any +group/m);
  });

  test("of one path among others that are judged", () => {
    const matrix = matrixWith((nginx) =>
      nginx.replace(
        "location / {",
        "location / {\n        if ($uri = /anything) {\n            rewrite ^ /x;\n        }",
      ),
    );
    expect(asText(matrix, "site")).toMatch(/^wiki +everything else +any +CANNOT BE JUDGED: .*anything/m);
  });

  test("a role that is required and that the site does not have", () => {
    const needs = { emailDomains: ["example.com"], programs: [], groups: [["role boss"]] };
    expect(() => whoMeets(needs, [])).toThrow("role boss is required");
  });
});

test("over generated sites, every cell is what explain says of its requests", () => {
  fc.assert(
    fc.property(anyChange, ([given]) => {
      const file = stackFile({ wiki: { ...siteArgs("wiki", 4181), emailDomains: undefined, ...given } });
      const explain = explainer(file);
      const matrix = accessMatrixOf(file);
      const rows = matrix().sites[0]?.rows ?? [];
      const examples = rows.map(examplesOf);
      const asked = [
        ...targets.flatMap((target) => methods.map((method) => ({ target, method }))),
        ...examples.flatMap(({ targets: some, method }) => some.map((target) => ({ target, method }))),
      ];
      const [site] = environmentOf(file).sites;
      if (site === undefined) throw new Error("no site");
      const everybody = [undefined, ...people, ...programs.map((program) => ({ program }))];
      for (const { target, method } of asked) {
        const url = `https://wiki.example.com${target}`;
        const at = forMethod(matrix(url).sites[0]?.rows ?? [], method);
        for (const person of everybody) {
          const signedIn = person && {
            upn: upnOf(person),
            groups: [...groupsOf(person), ...rolesOf(site, person).map((it) => `role ${it}`)],
          };
          const { passes } = explain(url, method, signedIn);
          for (const row of [at, rowFor(rows, target, method)])
            expect(row && admits(row, person), `${method} ${url} by ${JSON.stringify(person)}`).toBe(passes);
        }
      }
    }),
    runs(15),
  );
});
