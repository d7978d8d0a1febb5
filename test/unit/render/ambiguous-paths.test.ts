import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { leadsAbove, misreadAsRules } from "../../../components/render/nginx/ambiguous-paths.ts";
import type { Directive } from "../../../components/nginx/print.ts";
import { mapped, spellingOf } from "./map-of-paths.ts";
import { anyPath, lenient, nginxReading, readingsOf } from "./readings.ts";
import { runs } from "../quick.ts";

interface Part {
  readonly path: string;
  readonly match: "prefix" | "exact";
}

const rules: readonly Part[] = [
  { path: "/admin", match: "prefix" },
  { path: "/admin/team", match: "prefix" },
  { path: "/api/v1/keys", match: "prefix" },
  { path: "/admin/audit.log", match: "exact" },
];
const open: Part = { path: "/public/", match: "prefix" };

function statusOf(entries: readonly Directive[], target: string) {
  return mapped(entries, `${spellingOf(target)} ${target} -> ${nginxReading(target) ?? ""}`);
}

const entries = misreadAsRules(rules);
const refused = (target: string) => statusOf(entries, target) !== undefined;

/** The rule for a path: the exact one, or that with the longest prefix. */
function ruleOf(path: string, spelling: (path: string) => string = (it) => it): string {
  const at = spelling(path);
  const found = rules
    .filter((it) => {
      const own = spelling(it.path);
      return at === own || at === `${own}/` || (it.match === "prefix" && at.startsWith(`${own}/`));
    })
    .sort((one, other) => other.path.length - one.path.length)[0];
  return found?.path ?? "";
}

/** Whether some server applies a rule to the path that Nginx has not applied. */
function escapes(target: string): boolean {
  const applied = ruleOf(nginxReading(target) ?? "");
  return [...readingsOf(target)].some((path) =>
    [ruleOf(path), ruleOf(path, lenient)].some((rule) => rule !== "" && rule !== applied),
  );
}

test("no server reads a path that passes as one with a rule that Nginx has not applied", () => {
  fc.assert(
    fc.property(anyPath, (target) => {
      if (!refused(target)) expect(escapes(target), target).toBe(false);
    }),
    runs(4_000),
  );
});

test("what is refused is refused because some server would read it so, or because no browser and no program writes it", () => {
  /** Dots as names, parameters without a name, and letters or slashes encoded twice: nobody means them; and slashes
   * encoded within the names of a rule. */
  const unheardOf =
    /(?:^|\/|\\|%(?:25)*(?:2f|5c))(?:(?:\.|%(?:25)*2e){1,2}(?![^/\\;?#%])|;|%(?:25)*3b)|%(?:25)*(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])|%(?:25)*(?:[01][0-9a-f]|c0)|^\/admin(?:%(?:25)*(?:2f|5c)|\\)(?:team|audit)|^\/+(?:\/|\\|%(?:25)*(?:2f|5c))/i;
  fc.assert(
    fc.property(anyPath, (target) => {
      if (refused(target) && !unheardOf.test(target)) expect(escapes(target), target).toBe(true);
    }),
    runs(4_000),
  );
});

describe("paths of applications pass beside rules for other parts:", () => {
  test.each([
    [
      "GitLab",
      "/api/v4/projects/group%2Fproject/repository/files/app%2Fadmin%2Frb",
      "/group/project/-/tree/main//docs",
    ],
    ["RabbitMQ", "/api/queues/%2F/orders", "/api/exchanges/%2f/amq.direct"],
    ["Tomcat", "/shop/cart;jsessionid=0123456789ABCDEF?x=1", "/shop;jsessionid=1/cart"],
    ["an encoded slash behind a proxy of its own", "/artifacts/a%252Fb", "/x%252fy/z"],
    ["slashes too many", "//api/v4/x", "/static//css//main.css"],
    [
      "a percent sign, a letter that is encoded",
      "/100%25",
      "/%7Eada/%2Dx",
      "/caf%C3%A9/a%20b",
      "/search/100%2541",
    ],
    ["a query", "/x?next=//admin/../;&y=%2fadmin", "/x?/admin"],
    [
      "a name that begins like a rule's",
      "/administrator//x",
      "/admins;x",
      "/admin.json/a%2Fb",
      "/x/admin//y",
      "/admin%20panel//a",
    ],
    [
      "below a rule",
      "/admin/a%2Fb",
      "/admin/x;jsessionid=1",
      "/admin//x",
      "/admin/team/a%2Fb",
      "/api/v1/keys/a%252Fb",
    ],
  ])("%s", (_, ...targets) => {
    for (const target of targets) expect(statusOf(entries, target), target).toBe(undefined);
  });
});

test.each([
  ["/admin;x", 400],
  ["/admin%2f..%2fx", 400],
  ["/x/..;/admin", 400],
  ["//x/admin", 400],
  ["/admin%3fx", 400],
  ["/%2561dmin", 400],
  ["/%61dmin;x", 400],
  ["/admin/../x", 400],
  ["/x%5c..%5cadmin", 400],
  ["/admin//team", 400],
  ["/admin%2fteam/x", 400],
  ["/api;a%2fb/v1/keys", 400],
  ["/api/v1;/keys/x", 400],
  ["/admin/audit.log;x", 400],
  ["/admin/audit.log%23", 400],
  ["/Admin", 404],
  ["/admin./x", 404],
  ["/admin%20/x", 404],
])("%s is refused by %i", (target, status) => {
  expect(statusOf(entries, target)).toBe(status);
});

describe("what is open", () => {
  /** As the two conditions of an open location say. */
  const isOpen = (target: string) =>
    target.startsWith(open.path) && /^(?:plain|odd)$/.test(spellingOf(target));

  test("is read by every server as a path below the open one", () => {
    fc.assert(
      fc.property(anyPath, (rest) => {
        const target = `/public${rest}`;
        if (nginxReading(target)?.startsWith(open.path) !== true || !isOpen(target)) return;
        for (const path of readingsOf(target)) expect(`${path}/`, target).toMatch(/^\/public\//);
      }),
      runs(4_000),
    );
  });

  test.each([
    "/public/x",
    "/public/a%2Fb",
    "/public/x;v=1",
    "/public//x",
    "/public/a%252Fb",
    "/public/?..;/",
  ])("%s stays open", (target) => {
    expect(isOpen(target)).toBe(true);
  });
});

test("no server reads a path that passes as one above the part of a backend that a site shows", () => {
  const above = leadsAbove();
  fc.assert(
    fc.property(anyPath, (target) => {
      if (statusOf(above, target) !== undefined) return;
      // The host that "//name" is to some is none below a path of the backend's own.
      for (const path of readingsOf(`/app${target}`)) expect(path, target).toMatch(/^\/app(?![^/;])/);
    }),
    runs(4_000),
  );
  expect(["/a%2Fb", "/x;y", "//x", "/a/../b", "/a/%2e%2e/b"].map((it) => statusOf(above, it))).toEqual(
    Array.from({ length: 5 }),
  );
});

test("even for the longest path, a pattern fits into Nginx's limit for a word", () => {
  const path = `/${"abcdefghi/".repeat(19)}abcdefgh`;
  for (const [pattern] of misreadAsRules([{ path, match: "exact" }]) as unknown as [
    string | { expression: string },
  ][])
    expect(JSON.stringify(pattern).length).toBeLessThan(4000);
});
