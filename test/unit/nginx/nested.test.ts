import { expect, test } from "vitest";

import { withoutNested } from "../../../components/nginx/nested.ts";
import { readNginx } from "../../../components/nginx/read.ts";

const outer = `location /sign-in/ {
  auth_request off;
  proxy_set_header A b;
  proxy_pass http://one;
  if ($x = 1) { return 404; }
  location = /sign-in/callback { proxy_pass http://two; }
  location = /sign-in/page { proxy_set_header A c; alias /page.html; }
}`;

test("a nested location becomes a sibling, with what it inherits and does not set itself", () => {
  const [around, callback, page] = withoutNested(readNginx(outer)).map(({ args, body = [] }) => [
    args.join(" "),
    ...body.map((it) => [it.name, ...it.args].join(" ")),
  ]);
  expect(around).not.toContain("location = /sign-in/callback");
  expect(callback).toEqual([
    "= /sign-in/callback",
    "auth_request off",
    "proxy_set_header A b",
    "proxy_pass http://two",
  ]);
  expect(page).toEqual(["= /sign-in/page", "auth_request off", "proxy_set_header A c", "alias /page.html"]);
});

test.each([
  ["of another path", "location /a/ { location = /b { return 200; } }"],
  ["that is a prefix", "location /a/ { location /a/b { return 200; } }"],
  ["in an exact one", "location = /a { location = /a { return 200; } }"],
  ["at a third level", "location /a/ { location = /a/b { location = /a/b { return 200; } } }"],
])("a location within another %s is not judged", (_, text) => {
  expect(() => withoutNested(readNginx(text))).toThrow(/nginx\.conf line 1: location .* within .*: expected/);
});
