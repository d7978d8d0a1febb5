import { expect, test } from "vitest";
import { stringify } from "yaml";

import { explainer } from "../../../infra/commands/explain.ts";
import { parseStackFile } from "../../../infra/stack-file.ts";
import { group, settings, siteArgs } from "./environments.ts";

const wiki = siteArgs("wiki", 4181, {
  allowedGroups: [group(1)],
  paths: [{ path: "/admin", allowedGroups: [group(2)] }],
  upstreams: [{ path: "/api", upstream: "http://10.0.0.6:9000" }],
  open: [{ path: "/health", why: "the monitoring asks here" }],
});
const config = Object.fromEntries(
  Object.entries(settings({ sites: { wiki } })).map(([key, value]) => [`protected-sites:${key}`, value]),
);
const file = parseStackFile("prod", stringify({ config }));
const explain = explainer(file);
const ada = { upn: "ada@example.com", groups: [group(1)] };

test.each([
  ["/", "GET", undefined, "denied: a browser is redirected to sign in, anything else gets 401"],
  ["/", "GET", ada, "passes, to http://127.0.0.1:3181"],
  ["/", "GET", { ...ada, groups: [] }, `denied: ada@example.com is in none of ${group(1)}`],
  [
    "/",
    "GET",
    { ...ada, upn: "eve@elsewhere.test" },
    "denied: eve@elsewhere.test is in none of @example.com",
  ],
  ["/admin/x", "GET", ada, `denied: ada@example.com is in none of ${group(2)}`],
  ["/admin", "POST", { ...ada, groups: [group(1), group(2)] }, "passes, to http://127.0.0.1:3181"],
  ["/health", "GET", undefined, "passes without signing in, to http://127.0.0.1:3181"],
  ["/health", "POST", undefined, "denied: a browser is redirected to sign in, anything else gets 401"],
  ["/api/x", "GET", ada, "passes, to http://10.0.0.6:9000"],
  ["/apix", "GET", ada, "passes, to http://127.0.0.1:3181"],
  ["/x/..;/admin", "GET", ada, "Nginx answers 400"],
  ["/x;v=1/a%2Fb", "GET", ada, "passes, to http://127.0.0.1:3181"],
  ["/oauth2/callback?code=x", "GET", undefined, "is part of the sign-in, which is open to everybody"],
])("%s by %s as %o", (target, method, person, verdict) => {
  expect(explain(`https://wiki.example.com${target}`, method, person).verdict).toBe(verdict);
});

test("the deciding line comes first, followed by the lines of the settings", () => {
  const { because } = explain("https://wiki.example.com/admin", "GET", ada);
  expect(because[0]).toMatch(
    /^\/etc\/nginx\/sites-enabled\/wiki\.example\.com\.conf:\d+: proxy_pass .*allowed_groups=/,
  );
  const line = Number(because.find((it) => it.includes("emailDomains"))?.split(":")[1]);
  expect(file.text.split("\n")[line - 1]).toContain("emailDomains");
});

test("the backend gets the user's headers, and none of anybody on an open path", () => {
  const header = (target: string, name: string) =>
    explain(`https://wiki.example.com${target}`, "GET", ada).headers.find(([key]) => key === name)?.[1];
  expect(header("/", "X-Auth-Request-User")).toBe("ada@example.com");
  expect(header("/health", "X-Auth-Request-User")).toBe("");
});

test("who is blocked is denied by the environment's line, and only where somebody is asked for", () => {
  const blocked = [{ user: "Ada@example.com", why: "Her laptop was stolen." }];
  const withBlock = parseStackFile(
    "prod",
    stringify({ config: { ...config, "protected-sites:blocked": blocked } }),
  );
  const explained = (target: string, person = ada) =>
    explainer(withBlock)(`https://wiki.example.com${target}`, "GET", person);
  const { passes, verdict, because, headers } = explained("/");
  expect({ passes, verdict, headers }).toEqual({
    passes: false,
    verdict: "denied: ada@example.com is blocked at every site",
    headers: [],
  });
  const line = Number(
    /^stacks\/Pulumi\.prod\.yaml:(\d+): blocked: Her laptop was stolen\.$/.exec(because[0] ?? "")?.[1],
  );
  expect(withBlock.text.split("\n")[line - 1]).toContain("Ada@example.com");
  expect(explained("/health").passes).toBe(true);
  expect(explained("/", { ...ada, upn: "bob@example.com" }).passes).toBe(true);
});

test("whose role has ended is denied for that, and for nothing else", () => {
  const temporaryUsers = [{ user: "Ada@example.com", until: "2020-01-31" }];
  const roles = [{ value: "reader", groups: ["Staff"], temporaryUsers }];
  const wiki = { domain: "wiki.example.com", port: 4181, upstream: "http://10.0.0.5:3000", roles };
  const file = parseStackFile(
    "prod",
    stringify(
      {
        config: { ...config, "protected-sites:sites": { wiki: { ...wiki, emailDomains: ["example.com"] } } },
      },
      { defaultStringType: "QUOTE_DOUBLE" },
    ),
  );
  const explained = (upn: string, ...groups: string[]) =>
    explainer(file)("https://wiki.example.com/", "GET", { upn, groups });
  const { passes, verdict } = explained("ada@example.com", "role reader");
  expect({ passes, verdict }).toEqual({
    passes: false,
    verdict: "denied: role reader of ada@example.com has ended",
  });
  expect(explained("ada@example.com").verdict).toBe("denied: ada@example.com is in none of role reader");
  expect(explained("bob@example.com", "role reader").passes).toBe(true);
});

test("a host name that belongs to no site is refused by name", () => {
  expect(() => explain("https://other.example.com/")).toThrow("no site has the domain other.example.com");
});

test("anything but a URL is refused, and quoted", () => {
  expect(() => explain("wiki/admin")).toThrow(
    '<url>: expected a URL like "https://wiki.example.com/admin", got "wiki/admin"',
  );
});
