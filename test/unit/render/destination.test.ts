import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { destinationMap } from "../../../components/render/nginx/destination.ts";
import type { Directive } from "../../../components/nginx/print.ts";
import type { SiteSettings } from "../../../components/site/settings.ts";
import { siteFrom } from "../../../components/site/site.ts";
import { codeRefolUsSettings } from "../../sites.ts";
import { mapped } from "./map-of-paths.ts";
import { anyPath, lenient, nginxReading, readingsOf } from "./readings.ts";
import { runs } from "../quick.ts";

const allowedGroups = ["7e57ab1e-0000-4000-8000-000000000002"];
const rules = [
  { path: "/admin", match: "prefix", allowedGroups },
  { path: "/admin/team", match: "prefix", allowedGroups },
  { path: "/api/v1/keys", match: "prefix", allowedGroups },
  { path: "/admin/audit.log", match: "exact", allowedGroups },
] as const;
const why = "A test.";
const open = [{ path: "/public/", match: "prefix", methods: ["GET", "MOVE"], why }];
const own = "https://code.refol.us";

function entriesFor(more: Partial<SiteSettings>): Directive[] {
  const [, map] = destinationMap(siteFrom("code", { ...codeRefolUsSettings, ...more }));
  const { body } = map as { body: readonly Directive[] };
  return body.slice(1);
}

const entries = entriesFor({ paths: [...rules], open });

/** By which rule a request with this path leads to this destination. */
function destined(destination: string, target = "/files/a", among = entries) {
  return mapped(among, `${destination} ${target}`) ?? "site";
}

/** The number of the rule for a path, 0 for none. */
function ruleOf(path: string, spelling: (path: string) => string): number {
  const at = spelling(path);
  const fitting = rules
    .map((it, index) => ({ own: spelling(it.path), match: it.match, number: index + 1 }))
    .filter(
      ({ own: its, match }) =>
        at === its || at === `${its}/` || (match === "prefix" && at.startsWith(`${its}/`)),
    );
  return fitting.sort((one, other) => other.own.length - one.own.length)[0]?.number ?? 0;
}

const holders = ["/", "/admin", "/api", "/api/v1"];
const isHolder = (path: string) =>
  holders.some((it) => lenient(`${path}/`).replace(/\/{2,}$/, "/") === `${it}/`.replace("//", "/"));

describe("no server reads", () => {
  test("a destination that can be read as a path of another rule, or as one that contains a path with a rule", () => {
    fc.assert(
      fc.property(anyPath, fc.constantFrom("", own, `${own}:443`), (path, origin) => {
        const found = destined(`${origin}${path}`);
        if (found === "refused") return;
        const number = Number(/^rule_(\d)$/.exec(String(found))?.[1] ?? 0);
        for (const reading of readingsOf(path)) {
          for (const spelling of [(it: string) => it, lenient])
            expect(ruleOf(reading, spelling), `${path} as ${reading}`).toBe(number);
          expect(isHolder(reading), `${path} as ${reading}`).toBe(false);
        }
      }),
      runs(6_000),
    );
  });

  test("a path that may be moved as one that contains a path with a rule", () => {
    fc.assert(
      fc.property(anyPath, (target) => {
        if (nginxReading(target) === undefined || destined("/files/b", target) === "refused") return;
        for (const reading of readingsOf(target))
          expect(isHolder(reading), `${target} as ${reading}`).toBe(false);
      }),
      runs(6_000),
    );
  });
});

test.each([
  ["", ""],
  ["/files/b", "site"],
  [`${own}/files/b`, "site"],
  [`HTTPS://Code.Refol.US:443/files/b`, "site"],
  ["/files/a%20b/caf%C3%A9.txt", "site"],
  ["/files/100%25.txt", "site"],
  ["/files/C%23%3F;v=1", "site"],
  ["/files/a%2Fb", "site"],
  ["/administrator/x", "site"],
  ["/admin.txt", "site"],
  ["/files/admin/x", "site"],
  ["/public/x", "open_1"],
  ["/admin/x", "rule_1"],
  [`${own}/admin/team/a%20b`, "rule_2"],
  ["/admin/audit.log", "rule_4"],
  ["/admin/audit.log/x", "rule_1"],
  ["https://elsewhere.test/files/b", "refused"],
  ["http://code.refol.us/files/b", "refused"],
  ["https://code.refol.us.elsewhere.test/b", "refused"],
  ["https://code.refol.us@elsewhere.test/b", "refused"],
  ["//elsewhere.test/b", "refused"],
  ["files/b", "refused"],
  [own, "refused"],
  ["/files/b?x", "refused"],
  ["/files/a b", "refused"],
  ["/files/b /admin/x", "refused"],
  ["/", "refused"],
  ["/api/v1/", "refused"],
  ["/admin", "refused"],
  ["/Admin/x", "refused"],
  ["/admin;x", "refused"],
  ["/%61dmin/x", "refused"],
  ["/files/../admin/x", "refused"],
  ["/files/..%2fadmin/x", "refused"],
])("a destination %s is %s", (destination, rule) => {
  expect(destined(destination)).toBe(rule);
});

test.each([
  ["/", "refused"],
  ["/api", "refused"],
  ["/api/v1/", "refused"],
  ["/API%20", "refused"],
  ["/api/v1;x/", "refused"],
  ["/api%20docs", "site"],
  ["/api/v2", "site"],
  ["/api/v1/x", "site"],
])("%s may be moved: %s", (target, rule) => {
  expect(destined("/files/b", target)).toBe(rule);
});

test("on a site without rules that exposes a part of a backend, nothing leads out of that part", () => {
  const parts = entriesFor({ upstream: "http://10.0.0.5/app/" });
  const leads = (destination: string) => destined(destination, "/a", parts);
  for (const destination of ["/b", `${own}/b`, "/"]) expect(leads(destination), destination).toBe("site");
  for (const destination of [
    "/../b",
    "/..;/b",
    "/%2e%2e/b",
    "/x/..%2f..%2fb",
    "http://10.0.0.5/b",
    "//10.0.0.5/b",
  ])
    expect(leads(destination), destination).toBe("refused");
});

test("even for the longest path, a pattern fits into Nginx's limit for a word", () => {
  const path = `/${"abcdefghi/".repeat(19)}abcdefgh`;
  for (const entry of entriesFor({ paths: [{ path, allowedGroups }] }))
    expect(JSON.stringify(entry).length).toBeLessThan(4000);
});
