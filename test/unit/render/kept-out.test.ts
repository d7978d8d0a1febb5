/** What stands behind lines of a host's Nginx files that keep somebody out or something in. The goldens hold the text. */
import { expect, test } from "vitest";

import { overwrittenHeaders } from "../../../components/render/nginx/overwritten-headers.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { siteFiles } from "../../../components/render/site-files.ts";
import type { Site } from "../../../components/site/site.ts";
import { inFull } from "../../shared-includes.ts";
import { site, tenantId } from "../../sites.ts";
import { readNginx, type ReadDirective } from "../../../components/nginx/read.ts";

const shared = readNginx(sharedNginx());

/** The servers of a text, by the port that they answer on. */
function servers(statements: readonly ReadDirective[], port: string): ReadDirective[] {
  return statements.filter(
    ({ name, body = [] }) => name === "server" && values(body, "listen").some(([at]) => at === port),
  );
}

function https(given: Parameters<typeof site>[0] = {}): readonly ReadDirective[] {
  return servers(readNginx(whole(given)), "443")[0]?.body ?? [];
}

/** A site's Nginx file with what it includes. */
function whole(given: Parameters<typeof site>[0]): string {
  const any = site(given);
  return inFull(nginxSite(any), any.domain);
}

function values(holds: readonly ReadDirective[], name: string): (readonly string[])[] {
  return holds.filter((it) => it.name === name).map(({ args }) => args);
}

/** The entries of a map by the variable that it defines. */
function mapOf(
  statements: readonly ReadDirective[],
  variable: string,
): (readonly [string, string | undefined])[] {
  const map = statements.find(({ name, args }) => ["map", "geo"].includes(name) && args.at(-1) === variable);
  return (map?.body ?? []).map(({ name, args }) => [name, args[0]]);
}

test("hosts require TLS 1.2, and no ticket outlives its key", () => {
  for (const holds of [https(), servers(shared, "443")[0]?.body ?? []]) {
    expect(values(holds, "ssl_protocols")).toEqual([["TLSv1.2", "TLSv1.3"]]);
    expect(values(holds, "ssl_session_tickets")).toEqual([["off"]]);
    const [[ciphers = ""] = []] = values(holds, "ssl_ciphers");
    expect(ciphers.split(":").filter((it) => !/^ECDHE-.*(?:GCM|POLY1305)/.test(it))).toEqual([]);
  }
});

test("no key exchange costs a host more than a client, which OpenSSL's own list for all sites would have", () => {
  const [server] = servers(shared, "443");
  expect(values(server?.body ?? [], "ssl_ecdh_curve")).toEqual([["X25519:prime256v1:secp384r1"]]);
});

test("an unknown host name gets neither a certificate nor content, and no response reveals Nginx's version", () => {
  const [https] = servers(shared, "443");
  expect(values(https?.body ?? [], "ssl_reject_handshake")).toEqual([["on"]]);
  expect(https?.body?.filter(({ name }) => name === "location")).toMatchObject([
    { args: ["/"], body: [{ name: "return", args: ["421"] }] },
  ]);
  expect(values(servers(shared, "80")[0]?.body ?? [], "return")).toEqual([["444"]]);
  for (const port of ["80", "443"])
    expect(values(servers(shared, port)[0]?.body ?? [], "server_tokens")).toEqual([["off"]]);
});

test("only the host itself can see which generation is live", () => {
  const generation = https().find(
    ({ name, args }) => name === "location" && args.at(-1) === "/.well-known/protected-sites/generation",
  );
  expect(generation?.body?.slice(-2)).toMatchObject([
    {
      name: "if",
      args: ["($protected_sites_from_host", "=", "0)"],
      body: [{ name: "return", args: ["404"] }],
    },
    { name: "return" },
  ]);
  expect(mapOf(shared, "$protected_sites_from_host")).toEqual([
    ["default", "0"],
    ["127.0.0.0/8", "1"],
    ["::1", "1"],
  ]);
});

test("connections are upgraded only for WebSockets", () => {
  expect(mapOf(shared, "$protected_sites_upgrade")).toEqual([
    ["default", ""],
    ["~*^websocket$", "websocket"],
  ]);
});

test("oauth2-proxy gets only Authorization headers that contain a token", () => {
  const [[key, otherwise] = [], [token, value] = [], ...more] = mapOf(shared, "$protected_sites_bearer");
  expect([key, otherwise, value, more]).toEqual(["default", "", "Bearer $protected_sites_token", []]);
  const takes = new RegExp((token ?? "").slice(1));
  expect(takes.test("Bearer aa.bb.cc")).toBe(true);
  for (const other of [
    "Basic aa.bb.cc",
    "Bearer aa",
    "Negotiate aa.bb.cc",
    "x Bearer aa.bb.cc",
    "Bearer aa.bb.cc x",
  ])
    expect(takes.test(other), other).toBe(false);
});

test("a backend gets only cookies that the map has filtered, or none", () => {
  expect(mapOf(shared, "$protected_sites_cookie")[0]).toEqual(["default", ""]);
  expect(values(https(), "proxy_set_header")).toContainEqual(["Cookie", "$protected_sites_cookie"]);
});

test("a TLS backend has to prove its name", () => {
  expect(
    https({ upstream: "https://wiki.internal.example.com" }).filter(({ name }) =>
      /^proxy_ssl_(?!protocols|ciphers|conf_|session_)/.test(name),
    ),
  ).toEqual(
    [
      ["proxy_ssl_server_name", "on"],
      ["proxy_ssl_name", "wiki.internal.example.com"],
      ["proxy_ssl_verify", "on"],
      ["proxy_ssl_verify_depth", "3"],
      ["proxy_ssl_trusted_certificate", "/etc/ssl/certs/ca-certificates.crt"],
    ].map(([name, ...args]) => expect.objectContaining({ name, args }) as unknown),
  );
});

test("a backend gets identity headers from Nginx, never from a client, and all other headers unchanged", () => {
  const set = values(https(), "proxy_set_header").map(([name]) => name);
  // Of a WebSocket, and of cookies what is the application's.
  const also = ["Upgrade", "Cookie", "Origin", "Referer"];
  expect(set.filter((it) => !also.includes(it ?? "")).sort()).toEqual([...overwrittenHeaders].sort());
});

test.each([
  ["Grafana", ["X-WEBAUTH-USER", "X-WEBAUTH-NAME", "X-WEBAUTH-EMAIL", "X-WEBAUTH-ROLE", "X-WEBAUTH-GROUPS"]],
  ["Gitea", ["X-WEBAUTH-USER", "X-WEBAUTH-EMAIL", "X-WEBAUTH-FULLNAME"]],
  ["Jenkins", ["X-Forwarded-User", "X-Forwarded-Groups", "X-Forwarded-Mail", "X-Forwarded-DisplayName"]],
  ["SonarQube", ["X-Forwarded-Login", "X-Forwarded-Name", "X-Forwarded-Email", "X-Forwarded-Groups"]],
  ["OpenSearch", ["x-proxy-user", "x-proxy-roles"]],
  ["CloudBeaver", ["X-User", "X-Role", "X-First-name", "X-Last-name"]],
  ["Etherpad", ["X-Authenticated-User", "X-Authenticated-Name"]],
  ["NetBox, Paperless, Graylog", ["Remote-User"]],
])("no client tells %s who it is", (_, names) => {
  for (const given of [{}, { upstream: "grpc://10.0.0.7:50051" }]) {
    const set = https(given).filter(({ name }) => /^(?:proxy|grpc)_set_header$/.test(name));
    const blank = set.filter(({ args }) => args[1] === "").map(({ args }) => args[0]?.toLowerCase());
    for (const name of names) expect(blank).toContain(name.toLowerCase());
  }
});

test("a backend gets the identity from oauth2-proxy's answer, as the UPN", () => {
  const answers = Object.fromEntries(
    values(https(), "auth_request_set").map(([name = "", from]) => [name, from]),
  );
  expect(answers).toMatchObject({
    $oauth2_user: "$upstream_http_x_auth_request_preferred_username",
    $oauth2_email: "$upstream_http_x_auth_request_email",
    $oauth2_preferred_username: "$upstream_http_x_auth_request_preferred_username",
    $oauth2_groups: "$upstream_http_x_auth_request_groups",
    $oauth2_roles: "$upstream_http_x_auth_request_groups",
    $oauth2_access_token: "$upstream_http_x_auth_request_access_token",
    $oauth2_id_token: "$upstream_http_authorization",
  });
});

/** Where Entra's page has a frame, which a browser sends no cookie, and from which it takes none that says Lax. */
const isInFrame = ({ name, args }: ReadDirective) =>
  name === "location" && args[1] === "/.well-known/protected-sites/front-channel-logout";

test("session cookies are Secure, HttpOnly and host-only, also if Nginx writes them", () => {
  const attributes = /; Path=\/; HttpOnly; Secure; SameSite=Lax$/;
  const server = https({ sessionStore: "minimal" });
  const textsOf = (directives: readonly ReadDirective[]) =>
    directives
      .flatMap((it) => [it, ...(it.body ?? [])])
      .flatMap(({ name, args }) => [name, ...args])
      .filter((text) => text.includes("Max-Age"));
  const written = textsOf([
    ...shared.filter(({ name, args }) => name === "map" && /set_cookie/.test(args[1] ?? "")),
    ...server.filter((it) => !isInFrame(it)),
  ]);
  const inFrame = textsOf(server.filter(isInFrame));
  expect(written.filter((text) => !text.includes("Max-Age=0")).length).toBeGreaterThan(10);
  expect(written.filter((text) => text.includes("Max-Age=0")).length).toBeGreaterThan(10);
  for (const text of written) expect(text).toMatch(attributes);
  expect(inFrame).toHaveLength(11);
  for (const text of inFrame) expect(text).toMatch(/=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=None$/);
});

test("HSTS lasts for two years after each response", () => {
  expect(values(https(), "add_header")).toContainEqual([
    "Strict-Transport-Security",
    "max-age=63072000",
    "always",
  ]);
});

test("a log contains no query, cookie, token or referrer", () => {
  const formats = values(shared, "log_format");
  for (const given of [{}, { authCache: "5s" } as const]) {
    const named = values(https(given), "access_log").map(([, name]) => name);
    expect(named).toHaveLength(1);
    const [, , format = ""] = formats.find(([name]) => name === named[0]) ?? [];
    const logged = [...format.matchAll(/\$(\w+)/g)].map(([, name = ""]) => name);
    expect(logged).toContain("uri");
    for (const name of logged)
      expect(name).not.toMatch(/request_uri|^request$|args|query|cookie|authorization|referer|token|^arg_/);
  }
});

test("a push probes a path that requires a session", () => {
  const probed = (given: Parameters<typeof site>[0]) => {
    const files = siteFiles(site(given), { tenantId, allowVulnerableOauth2Proxy: false });
    return (JSON.parse(files[0]?.text ?? "") as { probePath: string }).probePath;
  };
  expect(probed({})).toBe("/");
  expect(probed({ open: [{ path: "/", why: "The front page is for everybody." }] })).toBe(
    "/.well-known/protected-sites/closed",
  );
});

test.each<[string, keyof Site, unknown]>([
  ["guests stay out", "guests", false],
  ["an application gets no Authorization of clients", "passAuthorization", false],
  ["oauth2-proxy is asked at every request", "authCache", undefined],
  ["nothing is open", "open", []],
  ["sign-ins of one address are counted", "signInRate", "30r/s"],
  ["an application gets no token", "identityHeaders", ["user", "email", "preferredUsername", "groups"]],
])("unless a site says otherwise: %s", (_, setting, value) => {
  expect(site()[setting]).toEqual(value);
});

test("what is open is open for reading only, without Authorization, unless it says otherwise", () => {
  expect(site({ open: [{ path: "/health", why: "The monitoring asks." }] }).open).toMatchObject([
    { match: "exact", methods: ["GET", "HEAD"], passAuthorization: false },
  ]);
});
