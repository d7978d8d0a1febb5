import { describe, expect, test } from "vitest";

import { ambiguousPathMap, misspelt } from "../../../components/render/nginx/ambiguous-paths.ts";
import { printNginx } from "../../../components/render/nginx/nginx-conf.ts";

/** Nginx's patterns as JavaScript's: `~*` says that case does not matter, and a backslash in quotes is doubled. */
function pattern(text: string): RegExp {
  return new RegExp(text.replace(/^~\*/, ""), "i");
}

describe("a path with more than one reading", () => {
  const printed = /"(~\*.*)" 1;/.exec(printNginx([ambiguousPathMap()]))?.[1] ?? "";
  const ambiguous = pattern(printed.replaceAll("\\\\", "\\"));

  test.each([
    ["/../admin", "/x/../admin", "/admin/..", "/./admin", "/x/.?y"],
    ["//admin", "/x//admin"],
    ["/x%2fadmin", "/x%2Fadmin", "/x%5cadmin", "/%2e%2e/admin", "/x\\admin"],
    ["/admin;x/", "/admin%3Bx", "/public/..;/admin"],
    ["/%252e%252e/admin", "/x%252Fadmin", "/%c0%ae/admin", "/x%00", "/x%0d%0a", "/x#y"],
  ])("%s, %s, …", (...paths) => {
    for (const path of paths) expect(path).toMatch(ambiguous);
  });

  test.each([
    "/",
    "/a.b/..c/d..",
    "/100%25",
    "/%C3%A9/a%20b",
    "/a?x=//&y=%2f..;",
    "/a/?/../",
    "/.well-known/x",
  ])("%s has one", (path) => {
    expect(path).not.toMatch(ambiguous);
  });
});

describe("a path that only Nginx reads otherwise than a rule for /admin/audit.log", () => {
  const rule = pattern(misspelt({ path: "/admin/audit.log" }));
  test.each([
    "/Admin/audit.log",
    "/admin/AUDIT.LOG/x",
    "/admin./audit.log",
    "/admin /audit.log",
    "/admin/audit.log.",
  ])("%s", (path) => {
    expect(path).toMatch(rule);
  });
  test.each([
    "/admin/audit.log",
    "/admin/audit.log/x",
    "/admin/auditxlog",
    "/Admin/audit.logs",
    "/x/Admin/audit.log",
  ])("not %s", (path) => {
    expect(path).not.toMatch(rule);
  });
});
