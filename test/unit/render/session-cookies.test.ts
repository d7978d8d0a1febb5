import { expect, test } from "vitest";

import { nginxSite } from "../../../components/render/nginx/site.ts";
import { site } from "../../sites.ts";

const text = nginxSite(site());
const parts = ["", ...Array.from({ length: 10 }, (_, index) => `_${index}`)];

test("an answer that brings a session takes back every part that it does not have", () => {
  for (const part of parts) {
    const expiry = `1: "_oauth2_proxy_wiki_example_com${part}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";`;
    expect(text.split(expiry), part).toHaveLength(3);
  }
});

test.each([
  ["a renewed session", "\n    ", "$oauth2_set_cookie"],
  ["a new session", "\n        ", "$oauth2_leftover"],
])("%s reaches the browser with every part, whatever the status of the answer", (_, indent, variable) => {
  for (const part of parts)
    expect(text).toContain(`${indent}add_header Set-Cookie ${variable}${part}_wiki_example_com always;`);
});
