import { expect, test } from "vitest";

import { nginxSite } from "../../../components/render/nginx/site.ts";
import { oauth2ProxyConfig } from "../../../components/render/oauth2-proxy.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { SiteReading } from "../../../infra/review/gate.ts";
import { site, tenantId } from "../../sites.ts";

test.each([
  ["as it is rendered", "", ""],
  ["no error page of its own, as before", "error_page 502 = /oauth2/-/auth;", ""],
])("a review reads who may enter: %s", (_, from, to) => {
  expect(ask(nginxSite(site()).replace(from, to)).needs?.emailDomains).toEqual(["example.com"]);
});

test.each([
  ["a page of Nginx's", "error_page 502 =200 /oauth2/signed-out;"],
  ["a page in place of what oauth2-proxy refuses", "proxy_intercept_errors on;"],
])("where %s may answer in place of oauth2-proxy, a review does not judge", (_, answered) => {
  const broken = nginxSite(site()).replace("error_page 502 = /oauth2/-/auth;", answered);
  expect(() => ask(broken)).toThrow(/is not read by this review/);
});

function ask(nginx: string) {
  const oauth2Proxy = oauth2ProxyConfig(site(), tenantId);
  const reading = new SiteReading({ domain: site().domain, nginx, oauth2Proxy, shared: sharedNginx() });
  return reading.gate({ scheme: "https", method: "GET", target: "/", headers: {} });
}
