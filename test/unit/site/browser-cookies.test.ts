import { expect, test } from "vitest";

import { cookieProblems, isSameSite, sessionParts } from "../../../components/site/browser-cookies.ts";
import { site } from "../../sites.ts";

const groups = (count: number) =>
  Array.from({ length: count }, (_, index) => `7e57ab1e-0000-4000-8000-${String(index).padStart(12, "0")}`);
const redis = { sessionStore: "redis", redis: { host: "redis.example.com" } };

/** So many sites, each of a host of its own. */
const many = (count: number, parent: string, given: Parameters<typeof site>[0] = {}) =>
  Array.from({ length: count }, (_, index) => site({ domain: `s${index}.${parent}`, ...given }));

test("a session has as many parts as its tokens need", () => {
  expect(sessionParts(site())).toBe(2);
  expect(sessionParts(site({ allowedGroups: groups(5) }))).toBe(3);
  // Seven of oauth2-proxy with the lab's tokens, which are smaller than Entra's; ten are the most that Nginx hands on.
  expect(sessionParts(site({ allowedGroups: groups(200) }))).toBeLessThanOrEqual(10);
  expect(sessionParts(site({ allowedGroups: groups(200) }))).toBeGreaterThanOrEqual(7);
  expect(sessionParts(site({ allowedGroups: groups(200), ...redis }))).toBe(1);
});

test("a browser keeps the sessions of forty sites of one domain with the defaults", () => {
  expect(cookieProblems(many(40, "example.com"))).toEqual([]);
});

test("too many cookies for a domain are reported, with the store to use", () => {
  const [problem, ...others] = cookieProblems(many(26, "example.com", { allowedGroups: groups(200) }));
  expect(problem).toContain("180 cookies of example.com with all hosts below it");
  expect(problem).toContain("with sessionStore redis, a site needs one");
  expect(others).toEqual([]);
  expect(cookieProblems(many(26, "example.com", { allowedGroups: groups(200), ...redis }))).toEqual([]);
});

test("domains are grouped as browsers group them", () => {
  const both = [...many(50, "intranet.example.co.uk"), ...many(50, "apps.example.org")];
  expect(cookieProblems(both)).toEqual([]);
  const one = [...many(50, "intranet.example.co.uk"), ...many(50, "apps.example.co.uk")];
  expect(cookieProblems(one).join()).toContain("of example.co.uk");
  // Each customer of such a host is a domain of its own.
  expect(cookieProblems([...many(50, "one.github.io"), ...many(50, "two.github.io")])).toEqual([]);
});

test("a frame on a page of another registrable domain gets no session", () => {
  expect(isSameSite("https://*.portal.example.com:8443", "wiki.example.com")).toBe(true);
  expect(isSameSite("https://portal.example.org", "wiki.example.com")).toBe(false);
  expect(isSameSite("https://one.github.io", "two.github.io")).toBe(false);
});
