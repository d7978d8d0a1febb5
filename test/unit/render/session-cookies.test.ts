import { expect, test } from "vitest";

import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { inFull } from "../../shared-includes.ts";
import { site } from "../../sites.ts";
import { readNginx, type ReadDirective } from "../../../components/nginx/read.ts";

const { domain } = site();
const text = inFull(nginxSite(site()), domain);
const named = nginxSite(site({ cookieName: "_oauth2_proxy_own" }));
const shared = sharedNginx();
const parts = ["", ...Array.from({ length: 10 }, (_, index) => `_${index}`)];
const attributes = "; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";

test("a response with a session deletes every cookie part that it does not have", () => {
  for (const part of parts) {
    expect(shared, part).toContain(`1: "\${protected_sites_session_cookie}${part}=${attributes}";`);
    const leftover = `\${protected_sites_session_cookie}${part}=${attributes},`;
    expect(shared, part).toContain(`$upstream_cookie__oauth2_proxy_site${part} ${leftover}`);
    expect(named, part).toContain(`$upstream_cookie__oauth2_proxy_own${part} ${leftover}`);
  }
});

test.each([
  ["a renewed session", "\n    ", ["$protected_sites_set_cookie_whole"], "$protected_sites_set_cookie"],
  ["a new session", "\n        ", ["$protected_sites_leftovers"], "$protected_sites_leftover"],
])("%s reaches the browser with every part, whatever the status of the answer", (_, indent, whole, part) => {
  for (const variable of [...whole, ...parts.slice(1).map((it) => `${part}${it}`)])
    expect(text).toContain(`${indent}add_header Set-Cookie ${variable} always;`);
});

test("a session cookie with a custom name is set and deleted by that name", () => {
  expect(named).toContain("auth_request_set $oauth2_cookie_3 $upstream_cookie__oauth2_proxy_own_3;");
  expect(named).toContain("add_header Set-Cookie $protected_sites_leftovers_wiki_example_com always;");
});

// A parameter of more than 4096 bytes is none to Nginx.
test("the longest domain that file names allow is not too long for Nginx", () => {
  const domain = [63, 63, 50]
    .map((length) => "a".repeat(length))
    .join(".")
    .replace(/.{4}$/, ".com");
  const lengths = ({ args, body = [] }: ReadDirective): number[] => [
    ...args.map((it) => it.length),
    ...body.flatMap(lengths),
  ];
  const cookieName = `_oauth2_proxy_${"a".repeat(80)}`;
  const longest = Math.max(...readNginx(nginxSite(site({ domain, cookieName }))).flatMap(lengths));
  expect(longest).toBeGreaterThan(1900);
  expect(longest).toBeLessThan(4096);
});
