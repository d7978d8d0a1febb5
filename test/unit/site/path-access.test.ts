import { describe, expect, test } from "vitest";

import { site } from "../../sites.ts";

const group = "7e57ab1e-0000-4000-8000-000000000002";
const rule = (path: string, match?: string) => ({
  path,
  allowedGroups: [group],
  ...(match === undefined ? {} : { match }),
});
const open = (path: string, match?: string) => ({
  path,
  why: "for a test",
  ...(match === undefined ? {} : { match }),
});

test("a rule's path means the same with and without a / at its end", () => {
  expect(site({ paths: [rule("/admin/")] }).paths).toEqual(site({ paths: [rule("/admin")] }).paths);
});

test("by default an open path is open for reading only, and without what is below it", () => {
  expect(site({ open: [open("/health")] }).open).toEqual([
    {
      path: "/health",
      match: "exact",
      methods: ["GET", "HEAD"],
      passAuthorization: false,
      why: "for a test",
    },
  ]);
});

test("paths that the sign-in leaves to the backend may have rules", () => {
  const moved = site({ proxyPrefix: "/_sign-in", paths: [rule("/oauth2/admin")], open: [open("/oauth2")] });
  expect(moved.paths[0]?.path).toBe("/oauth2/admin");
});

describe("refused", () => {
  test.each([
    "admin",
    "/a//b",
    "/a/../b",
    "/a/.",
    "/a b",
    "/a%20b",
    "/a;b",
    "/a?b",
    "/a.",
    "/ä",
    "/a$b",
    "/a\nb",
  ])("the path %j", (path) => {
    expect(() => site({ paths: [rule(path)] })).toThrow(
      'paths.0.path must be a path like "/admin" of letters, digits and "-._~" between single slashes, got',
    );
    expect(() => site({ open: [open(path)] })).toThrow("open.0.path must be a path");
  });

  test("a rule that names nobody, since it would let everybody in", () => {
    expect(() => site({ paths: [{ path: "/admin", allowedGroups: [] }] })).toThrow(
      "paths.0 names nobody, so it would let in everybody on the site; set allowedGroups",
    );
  });

  test("an open path without a reason", () => {
    expect(() => site({ open: [{ path: "/health", why: "" }] })).toThrow(
      'open.0.why must be a line of text with 3 to 200 characters, got ""',
    );
  });

  test.each([
    [{ open: [open("/", "prefix")] }, 'open.0.path "/" would open the whole site'],
    [{ paths: [rule("/")] }, 'paths.0.path "/" is the whole site'],
    [{ paths: [rule("/oauth2/callback")] }, "is reserved for the sign-in or the push"],
    [{ open: [open("/OAuth2/auth")] }, "is reserved for the sign-in or the push"],
    [{ proxyPrefix: "/_Sign-in", paths: [rule("/_sign-in/x")] }, "is reserved for the sign-in or the push"],
    [{ proxyPrefix: "/_sign-in/" }, "proxyPrefix must be a path with one segment like"],
    [{ proxyPrefix: "/" }, "proxyPrefix must be a path with one segment like"],
    [{ proxyPrefix: "/.well-known" }, "proxyPrefix must be a path with one segment like"],
    [{ proxyPrefix: "/a/b" }, "proxyPrefix must be a path with one segment like"],
    [{ proxyPrefix: "/a b" }, "proxyPrefix must be a path with one segment like"],
    [{ open: [open("/.well-known/acme-challenge/x")] }, "is reserved for the sign-in or the push"],
    [{ paths: [rule("/a"), rule("/A/")] }, 'paths.1.path "/A" is a duplicate of paths.0.path "/a"'],
    [{ paths: [rule("/a")], open: [open("/a")] }, 'open.0.path "/a" is a duplicate of paths.0.path "/a"'],
    [{ open: [open("/pub", "prefix")] }, 'open.0.path "/pub" must end in "/"'],
    [{ open: [open("/pub/")] }, 'open.0.path "/pub/" must not end in "/"'],
  ])("%j", (given, sentence) => {
    expect(() => site(given)).toThrow(sentence);
  });
});
