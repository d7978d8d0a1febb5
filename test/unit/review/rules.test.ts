/** Each rule by which the review refuses to judge: a site's files that break it, and the closest that do not. */
import { expect, test } from "vitest";

import { rules, type Rule } from "../../../components/nginx/cannot-judge.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { oauth2ProxyConfig } from "../../../components/render/oauth2-proxy.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { paths } from "../../../components/site/names.ts";
import type { SiteSettings } from "../../../components/site/settings.ts";
import { accessChange, type JudgedSite } from "../../../infra/review/access.ts";
import { SiteReading } from "../../../infra/review/gate.ts";
import { whoMeets } from "../../../infra/who-meets.ts";
import { sharedIncludes } from "../../shared-includes.ts";
import { site, tenantId } from "../../sites.ts";
import { group } from "./environments.ts";

/** What takes the place of what in a site's files. */
type Edit = readonly [from: string | RegExp, to: string];

interface Cases {
  /** Of the site whose files they are. */
  readonly given?: Partial<SiteSettings>;
  readonly catches: Edit;
  readonly passes: Edit;
}

const inRoot = (line: string): Edit => ["location / {", `location / { ${line}`];
const before = (location: string): Edit => ["location / {", `${location} location / {`];
const toBackend = "proxy_pass http://backend_wiki.example.com$protected_sites_blocked;";
const asking = "proxy_pass http://oauth2-proxy_wiki.example.com/oauth2/auth";
const asked = (instead: string): Edit => [`${asking};`, `${instead};`];
const answered = (instead: string): Edit => ["error_page 502 = $uri;", instead];
const option = (line: string): Edit => [/^cookie_expire = .*$/m, line];
const longer = option('cookie_expire = "24h0m0s"');
const roles = ["reader", "auditor"].map((value) => ({
  value,
  groups: ["Readers"],
  applications: [group(1)],
}));
const { shared } = paths("wiki.example.com");

const cases: Readonly<Record<Rule, Cases>> = {
  "answer-intercepted": {
    catches: answered("proxy_intercept_errors on;"),
    passes: answered("proxy_intercept_errors off;"),
  },
  "answer-replaced": {
    catches: answered("error_page 502 =200 /oauth2/signed-out;"),
    passes: answered("error_page 502 = /.well-known/protected-sites/auth;"),
  },
  "backend-from-request": {
    catches: [toBackend, "proxy_pass http://app$arg_to;"],
    passes: [toBackend, "proxy_pass http://10.0.0.7:3000;"],
  },
  "cache-across-sessions": {
    given: { authCache: "5s" },
    catches: [/proxy_cache_key .*;/, "proxy_cache_key $request_uri;"],
    passes: [/(proxy_cache_valid .*) 5s;/, "$1 6s;"],
  },
  "error-page-from-request": {
    catches: inRoot("error_page 401 = $http_x;"),
    passes: inRoot("error_page 401 = /.well-known/protected-sites/sign-in;"),
  },
  "error-page-loop": {
    catches: inRoot("recursive_error_pages on; error_page 418 = /; return 418;"),
    passes: inRoot("recursive_error_pages off; error_page 418 = /; return 418;"),
  },
  "if-without-return": {
    catches: inRoot("if ($request_method = GET) { root /srv; }"),
    passes: inRoot("if ($request_method = GET) { return 403; }"),
  },
  "include-loop": {
    catches: answered(`include ${shared}/auth-request.conf;`),
    passes: answered(`include ${shared}/anonymous.conf;`),
  },
  "limit-except": {
    catches: inRoot("limit_except GET { deny 10.0.0.7; }"),
    passes: inRoot("limit_except GET { deny all; }"),
  },
  "nested-location": {
    catches: inRoot("location /part { return 403; }"),
    passes: inRoot("location = /part { return 403; }"),
  },
  "other-auth-service": {
    catches: asked("proxy_pass http://10.0.0.7:4180/oauth2/auth"),
    passes: asked(`${asking}?allowed_groups=${group(1)}`),
  },
  "other-tenant": {
    catches: [/^(oidc_issuer_url = "https:\/\/[^/]+\/)[^/]+/m, `$1${group(9)}`],
    passes: longer,
  },
  "pass-within-if": {
    catches: inRoot("if ($http_x = 1) { proxy_pass http://10.0.0.7:3000; }"),
    passes: inRoot("if ($http_x = 1) { return 403; }"),
  },
  "refusal-leads-to-content": {
    given: { open: [{ path: "/health", why: "The monitoring asks." }] },
    catches: inRoot("error_page 403 = /health;"),
    passes: inRoot("error_page 403 = /oauth2/signed-out;"),
  },
  "regular-expression": {
    catches: before("location ~ (?i)part { return 403; }"),
    passes: before("location ~* part { return 403; }"),
  },
  rewrite: { catches: inRoot("rewrite ^ /other break;"), passes: inRoot("rewrite ^ /app$uri break;") },
  "set-from-request": {
    catches: inRoot("set $protected_sites_x $http_x;"),
    passes: inRoot("set $protected_sites_x 1;"),
  },
  "token-without-role": {
    given: { roles },
    catches: [/^allowed_groups = .*$/m, ""],
    passes: [/^allowed_groups = .*$/m, 'allowed_groups = [ "reader" ]'],
  },
  "unknown-auth-location": {
    catches: ["location = /.well-known/protected-sites/auth {", "$& return 200;"],
    passes: ["location = /.well-known/protected-sites/auth {", "$& add_header X-A b;"],
  },
  "unknown-auth-parameter": {
    catches: asked(`${asking}?allowed_emails=ada@example.com`),
    passes: asked(`${asking}?allowed_groups=${group(1)}`),
  },
  "unknown-condition": {
    catches: inRoot("if (-f /srv/open) { return 403; }"),
    passes: inRoot("if ($http_x ~ open) { return 403; }"),
  },
  "unknown-directive": { catches: inRoot("satisfy any;"), passes: inRoot("satisfy all;") },
  "unknown-end": {
    given: { roles: [{ value: "reader", groups: ["Readers"], until: "2027-01-31" }] },
    catches: ["0$msec 01801440000 $oauth2_user", "0$msec 01801440001 $oauth2_user"],
    passes: ["0$msec 01801440000 $oauth2_user", "0$msec 01801526400 $oauth2_user"],
  },
  "unknown-include": {
    catches: inRoot("include /etc/nginx/snippets/open.conf;"),
    passes: inRoot(`include ${shared}/anonymous.conf;`),
  },
  "unknown-option": { catches: option("a_new_way_in = true"), passes: longer },
  "unknown-role": {
    given: { roles },
    catches: [/^allowed_groups = .*$/m, 'allowed_groups = [ "editor" ]'],
    passes: [/^allowed_groups = .*$/m, 'allowed_groups = [ "reader" ]'],
  },
  "unknown-variable": {
    catches: inRoot("return 302 $unheard_of;"),
    passes: inRoot("return 302 $request_uri;"),
  },
};

/** A site's files as they are rendered, or edited. */
function side(given: Partial<SiteSettings>, edit?: Edit) {
  const whole = site(given);
  let found = edit === undefined;
  const edited = (text: string) => {
    if (edit === undefined) return text;
    const [from, to] = edit;
    const changed =
      typeof from === "string" ? text.replaceAll(from, () => to.replace("$&", from)) : text.replace(from, to);
    found ||= changed !== text;
    return changed;
  };
  const texts = {
    domain: whole.domain,
    nginx: edited(nginxSite(whole)),
    oauth2Proxy: edited(oauth2ProxyConfig(whole, tenantId)),
    machineClients: whole.roles.flatMap(({ applications }) => applications).join("\n"),
    included: new Map([...sharedIncludes(whole.domain)].map(([path, text]) => [path, edited(text)])),
    shared: sharedNginx(),
    tenantId,
    roles: whole.roles,
  };
  expect(found).toBe(true);
  return texts;
}

/** Why the list of who may open the site cannot be judged. */
function unlisted(texts: JudgedSite): string | undefined {
  const { needs } = new SiteReading(texts).gate({ scheme: "https", method: "GET", target: "/" });
  try {
    if (needs !== undefined) whoMeets(needs, texts.roles);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

test.each(Object.entries(cases))(
  "%s: refuses to judge, and judges the closest",
  (rule, { given = {}, ...edits }) => {
    const judged = (edit: Edit) => {
      const after = side(given, edit);
      return accessChange(side(given), after).cannotJudge ?? unlisted(after);
    };
    expect(judged(edits.catches)).toContain(`[${rule}]`);
    expect(judged(edits.passes)).toBeUndefined();
  },
);

test("every rule has a case that it catches and one that it lets pass", () => {
  expect(Object.keys(cases).sort()).toEqual([...rules].sort());
});
