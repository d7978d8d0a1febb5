import { expect, test } from "vitest";

import { sharedIncludes } from "../../shared-includes.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { oauth2ProxyConfig } from "../../../components/render/oauth2-proxy.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { paths } from "../../../components/site/names.ts";
import { accessChange } from "../../../infra/review/access.ts";
import { SiteReading } from "../../../infra/review/gate.ts";
import { site, tenantId } from "../../sites.ts";

test.each([
  ["as it is rendered", "error_page 502 = $uri;"],
  ["no error page of its own, as before", ""],
  ["one that asks the same again, as before", "error_page 502 = /.well-known/protected-sites/auth;"],
])("a review reads who may enter: %s", (_, answered) => {
  expect(askIf(answered).needs?.emailDomains).toEqual(["example.com"]);
});

test.each([
  ["a page of Nginx's", "error_page 502 =200 /oauth2/signed-out;"],
  ["a page in place of what oauth2-proxy refuses", "proxy_intercept_errors on;"],
])("where %s may answer in place of oauth2-proxy, a review does not judge", (_, answered) => {
  expect(() => askIf(answered)).toThrow(/is not supported by this review/);
});

/** Asks a site that says this of an oauth2-proxy which does not answer. */
function askIf(answered: string) {
  const path = `${paths(site().domain).shared}/auth-request.conf`;
  const text = sharedIncludes(site().domain)
    .get(path)
    ?.replace("error_page 502 = $uri;", () => answered);
  expect(text).toContain(answered);
  return ask(nginxSite(site()), undefined, [[path, text ?? ""]]);
}

test.each([
  ["an option that nobody here knows", "", 'a_new_way_in = "x"\n', /a_new_way_in must not be set/],
  [
    "another tenant's keys",
    /^oidc_jwks_url = .*$/m,
    'oidc_jwks_url = "https://keys.test/"',
    /oidc_jwks_url must be/,
  ],
  [
    "Entra's answers unchecked",
    "",
    "insecure_oidc_allow_unverified_email = true\n",
    /must not be set, got true/,
  ],
  [
    "a nonce that is not checked",
    "skip_nonce = false",
    "skip_nonce = true",
    /skip_nonce must be false, got true/,
  ],
])("where oauth2-proxy.cfg has %s, a review does not judge", (_, from, to, words) => {
  const oauth2Proxy = oauth2ProxyConfig(site(), tenantId).replace(from, to);
  expect(() => ask(nginxSite(site()), oauth2Proxy)).toThrow(words);
});

test.each(
  ["~* \\.(?:css|js)$", '~ "^/v[0-9]{2}/"', "~ ^/(?!private/)", "~ \\.pdf$", "~* ^/[^/]+/feed$"].flatMap(
    (it) => [
      [it, "443"],
      [it, "80"],
    ],
  ),
)("a location %s that a change of the code opens on port %s is told", (expression, port) => {
  const nginx = nginxSite(site());
  const [before = "", server = ""] = nginx.split(
    port === "80" ? /(?=server \{[^}]*http\.conf)/ : /(?=server \{[^}]*https\.conf)/,
  );
  const location = `location ${expression} { auth_request off; proxy_pass http://backend_${site().domain}; }`;
  const opened = before + server.replace("location / {", `${location}\n    location / {`);
  const rest = nginx.slice(before.length + server.length);
  const side = (text: string) => ({ ...texts(text), roles: [] });
  const change = (from: string, to: string) => accessChange(side(from), side(to));
  const told = expect.arrayContaining([
    expect.objectContaining({
      method: "any",
      target: expect.stringContaining(expression.replaceAll('"', "")) as unknown,
    }),
  ]) as unknown;
  expect(change(nginx, opened + rest)).toMatchObject({ opened: told, closed: [] });
  expect(change(opened + rest, nginx)).toMatchObject({ opened: [], closed: told });
  expect(change(opened + rest, opened + rest)).toEqual({ opened: [], closed: [] });
});

test.each([
  ["satisfy all;", "satisfy any;"],
  ["allow all;", "deny all;"],
  ["mirror off;", "mirror /elsewhere;"],
  ["dav_methods off;", "dav_methods PUT;"],
  ["sub_filter $protected_sites_nothing", "sub_filter </head>"],
  ["proxy_store off;", "proxy_store on;"],
  ["ssi off;", "ssi on;"],
  ["proxy_intercept_errors off;", "proxy_intercept_errors on;"],
  ["proxy_cache off;", "proxy_cache elsewhere;"],
  ['set $protected_sites_nothing "";', "set $protected_sites_nothing $http_x;"],
])("a review reads what a site includes: with %s turned into %s it does not judge", (from, to) => {
  const path = `${paths(site().domain).shared}/https.conf`;
  const https = sharedIncludes(site().domain).get(path) ?? "";
  const broken = https.replace(from, to);
  expect(broken).not.toBe(https);
  expect(() => ask(nginxSite(site()), undefined, [[path, broken]])).toThrow(
    /https\.conf line \d+: .* is not supported by this review/,
  );
});

test.each(["http://$arg_to", "http://$http_x/a", "http://"])("a review does not judge a pass to %s", (to) => {
  const nginx = nginxSite(site());
  const broken = nginx.replace(/proxy_pass http:\/\/backend_[^;]*/, `proxy_pass ${to}`);
  expect(broken).not.toBe(nginx);
  expect(() => ask(broken)).toThrow(/proxy_pass .* is not supported by this review|is not known/);
});

test.each(["return 200 x;", "if ($http_x = 1) { return 200; }"])(
  "where oauth2-proxy's location may answer by itself with %s, a review does not judge",
  (answers) => {
    const nginx = nginxSite(site());
    const broken = nginx.replace("location = /.well-known/protected-sites/auth {", `$& ${answers}`);
    expect(broken).not.toBe(nginx);
    expect(() => ask(broken)).toThrow(/is not a location that passes to oauth2-proxy/);
  },
);

test("a refusal that leads to an open path cannot be judged", () => {
  const nginx = nginxSite(site({ open: [{ path: "/health", why: "The monitoring asks." }] }));
  const broken = nginx.replace("location / {", "$&\n        error_page 403 = /health;");
  expect(broken).not.toBe(nginx);
  expect(() => ask(broken)).toThrow(/auth_request .* is not supported by this review|is not known/);
});

test("a path with a location of its own is not redirected to the one below it", () => {
  const backend = `proxy_pass http://backend_${site().domain};`;
  const at = (locations: string) => {
    const nginx = nginxSite(site()).replace("location / {", `${locations}\n    $&`);
    return new SiteReading(texts(nginx)).gate({ scheme: "https", method: "GET", target: "/part" });
  };
  const below = `location /part/ { ${backend} }`;
  expect(at(below).to).toMatchObject({ kind: "answer", status: 301 });
  const opened = at(`${below} location ^~ /part { auth_request off; ${backend} }`);
  expect(opened.to.kind).toBe("content");
  expect(opened.needs).toBeUndefined();
});

test("the review resolves an upstream's name to its backend", () => {
  const named = site({ upstream: "https://wiki.internal.example.com" });
  expect(ask(nginxSite(named)).to).toEqual({
    kind: "content",
    what: "https://wiki.internal.example.com:443",
  });
});

const grpc = { path: "/test.Echo", upstream: "grpc://10.0.0.7:50051" };

test("the review reads gRPC backends and their headers", () => {
  const mixed = new SiteReading(texts(nginxSite(site({ upstreams: [grpc] }))));
  const asked = (target: string) => {
    const request = { scheme: "https", method: "POST", target } as const;
    const gate = mixed.gate(request);
    return { gate, headers: new Map(mixed.headersFor(gate, request, () => "x")) };
  };
  const part = asked("/test.Echo/Tell");
  expect(part.gate.to).toEqual({ kind: "content", what: "grpc://10.0.0.7:50051" });
  expect(part.gate.needs?.emailDomains).toEqual(["example.com"]);
  expect(part.headers.get("X-Auth-Request-User")).toBe("x");
  expect(part.headers.get("Connection")).toBe("");
  const rest = asked("/test.Echox");
  expect(rest.gate.to).toEqual({ kind: "content", what: "http://127.0.0.1:3001" });
  expect(rest.headers.get("Connection")).not.toBe("");

  const whole = site({ upstream: "grpcs://rpc.internal.example.com" });
  expect(ask(nginxSite(whole)).to).toEqual({
    kind: "content",
    what: "grpcs://rpc.internal.example.com:443",
  });
});

test.each([
  ["whoever says a header", "if ($http_x = 1)"],
  ["what a client asks for", "if ($arg_x = 1)"],
])("where gRPC is for %s, a review does not judge", (_, condition) => {
  const nginx = nginxSite(site({ upstreams: [grpc] }));
  const broken = nginx.replace("if ($protected_sites_grpc_wiki_example_com = 1)", condition);
  expect(broken).not.toBe(nginx);
  expect(() => ask(broken)).toThrow(/line \d+: if .* is not supported by this review/);
});

test("a location that passes to gRPC without asking for a session is reported as open", () => {
  const nginx = nginxSite(site({ upstream: "grpc://10.0.0.7:50051" }));
  const open = `location /test.Echo/ { auth_request off; grpc_pass grpc://backend_${site().domain}; }`;
  const side = (text: string) => ({ ...texts(text), roles: [] });
  const change = accessChange(
    side(nginx),
    side(nginx.replace("location / {\n        grpc_pass", `${open}\n$&`)),
  );
  expect(change.cannotJudge).toBeUndefined();
  expect(change.opened).toContainEqual({ method: "any", target: "/test.Echo/x" });
});

test("a site that includes an unknown file cannot be judged", () => {
  const { shared } = paths(site().domain);
  expect(() =>
    ask(nginxSite(site()).replace(`${shared}/https.conf`, "/etc/nginx/snippets/open.conf")),
  ).toThrow(/include .* is not supported/);
});

function texts(
  nginx: string,
  oauth2Proxy = oauth2ProxyConfig(site(), tenantId),
  changed: readonly (readonly [path: string, text: string])[] = [],
) {
  const { domain } = site();
  const included = new Map([...sharedIncludes(domain), ...changed]);
  return { domain, nginx, oauth2Proxy, shared: sharedNginx(), tenantId, included };
}

function ask(...given: Parameters<typeof texts>) {
  const reading = new SiteReading(texts(...given));
  return reading.gate({ scheme: "https", method: "GET", target: "/", headers: {} });
}
