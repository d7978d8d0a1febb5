import { expect, test } from "vitest";

import { readNginx, type ReadDirective } from "../../../components/nginx/read.ts";
import { sharedFiles, sharedVersion } from "../../../components/render/nginx/shared-files.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { siteFiles } from "../../../components/render/site-files.ts";
import { siteFrom } from "../../../components/site/site.ts";
import { site, tenantId } from "../../sites.ts";

const plain = siteFrom("plain", {
  domain: "plain.example.com",
  port: 4180,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["example.com"],
});

test("a plain site's own file is at most 80 lines", () => {
  expect(nginxSite(plain).trimEnd().split("\n").length).toBeLessThanOrEqual(80);
});

test("a site's files name the version of the shared ones that they include", () => {
  const [facts] = siteFiles(plain, { tenantId, allowVulnerableOauth2Proxy: false });
  expect(JSON.parse(facts?.text ?? "")).toMatchObject({ shared: sharedVersion() });
});

const read = sharedFiles()
  .filter(({ name }) => name.endsWith(".conf"))
  .map(({ name, text }) => ({ name, directives: readNginx(text) }));

/** Where Nginx itself answers, whoever asks. */
const answeredByNginx = [
  "http.conf",
  "location / in http.conf",
  "location ^~ /.well-known/acme-challenge/ in acme.conf",
  "location ~ /\\.ht in ht-files.conf",
  "location /.well-known/protected-sites/ in https.conf",
  "location = /.well-known/protected-sites/generation in https.conf",
  ...["cookie", "minimal", "redis"].map(
    (store) => `location = /.well-known/protected-sites/front-channel-logout in session-${store}.conf`,
  ),
];

test("no shared file opens a way to an application or to oauth2-proxy", () => {
  const open: string[] = [];
  const look = (holds: readonly ReadDirective[], where: string) => {
    const says = (name: string, value?: string) =>
      holds.some((it) => it.name === name && (value === undefined || it.args[0] === value));
    if (says("auth_request", "off") && !says("internal")) open.push(where);
    expect(says("proxy_pass") || says("grpc_pass"), where).toBe(false);
    for (const { name, args, body } of holds)
      if (body !== undefined && name !== "types") look(body, `${[name, ...args].join(" ")} in ${where}`);
  };
  for (const { name, directives } of read) look(directives, name);
  expect(open.sort()).toEqual(answeredByNginx.sort());
});

test.each([
  [
    { identityHeaders: ["user", "groups"] },
    "user.conf",
    "proxy_set_header X-Auth-Request-Groups $oauth2_groups;",
  ],
  [{ proxyBufferSize: "64k" }, "backend-limits.conf", "proxy_buffer_size 64k;"],
  [{ signInRate: "1r/s" }, "sign-in-limit.conf", "rate=1r/s"],
  [{ cookieName: "_oauth2_proxy_own" }, "session-cookie.conf", "$upstream_cookie__oauth2_proxy_own_9;"],
])("what is not as usual stands in the site's own file: %j", (settings, file, line) => {
  expect(nginxSite(site())).toContain(`/shared/${file};`);
  const text = nginxSite(site(settings));
  expect(text).not.toContain(`/shared/${file};`);
  expect(text).toContain(line);
});
