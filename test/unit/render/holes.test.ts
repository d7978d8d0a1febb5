import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { pinned } from "../../../components/render/nginx/inherited.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { nginxSite } from "../../../components/render/nginx/site.ts";
import { ConfigError } from "../../../components/site/errors.ts";
import type { SiteSettings } from "../../../components/site/settings.ts";
import { type Site, siteFrom } from "../../../components/site/site.ts";
import { inFull } from "../../shared-includes.ts";
import { codeRefolUsSettings } from "../../sites.ts";
import { generatedSettings } from "../generated-settings.ts";
import { runs, tried } from "../quick.ts";
import { holesIn } from "./holes.ts";
import { readNginx } from "../../../components/nginx/read.ts";

const sample = runs(300);

/** Of the environment; they answer ACME servers for each other. */
const hosts = ["192.0.2.11", "2001:db8::12"];

/** The site, unless its settings contradict each other, as two rules for one path do. */
function allowed(settings: SiteSettings): Site | undefined {
  try {
    return siteFrom("any", settings);
  } catch (error) {
    const contradiction = /is a duplicate|is reserved for the sign-in|requests would loop/;
    if (error instanceof ConfigError && error.problems.every(({ what }) => contradiction.test(what)))
      return undefined;
    throw error;
  }
}

/** Where the application gets a client's own Authorization, and oauth2-proxy the tokens of programs. */
function declaredToPass({ open: parts, passAuthorization, roles }: Site): string[] {
  return [
    ...(roles.some(({ applications }) => applications.length > 0) ? ["programs"] : []),
    ...parts
      .filter((it) => it.passAuthorization)
      .map((it) => (it.match === "prefix" ? it.path : `= ${it.path}`)),
    ...(passAuthorization ? ["protected"] : []),
  ];
}

/** Directives that gather in a list where they stand twice; of others Nginx says that they are duplicates. */
const lists = ["add_header", "set", "error_page"];

/** What a server says twice: as all sites do, and otherwise. */
function saidTwice(text: string): string[] {
  return readNginx(text)
    .filter(({ name }) => name === "server")
    .flatMap(({ body = [] }) => {
      const names = body.map(({ name }) => name).filter((name) => pinned.includes(name));
      return names.filter((name, index) => names.indexOf(name) !== index && !lists.includes(name));
    });
}

function declaredOpen({ open: parts }: Site): string[] {
  return parts.map((it) => (it.match === "prefix" ? it.path : `= ${it.path}`));
}

test(`no location of ${sample.numRuns} generated sites is open by mistake or lets a client choose who it is`, () => {
  let locations = 0;
  fc.assert(
    fc.property(generatedSettings, (settings) => {
      const any = allowed(settings);
      fc.pre(any !== undefined);
      const { locations: here, holes } = holesIn(
        nginxSite(any, hosts),
        any.domain,
        declaredOpen(any),
        declaredToPass(any),
        any.proxyPrefix,
      );
      locations += here;
      expect(holes).toEqual([]);
      expect(saidTwice(inFull(nginxSite(any, hosts), any.domain))).toEqual([]);
    }),
    sample,
  );
  console.log(`${locations} locations of ${sample.numRuns} generated sites proved`);
  expect(locations).toBeGreaterThanOrEqual(sample.numRuns * 10);
});

describe("a hole is seen:", () => {
  const codeSettings = {
    ...codeRefolUsSettings,
    paths: [{ path: "/admin", allowedGroups: ["7e57ab1e-0000-4000-8000-000000000002"] }],
    open: [
      { path: "/health", why: "The monitoring asks." },
      { path: "/drop/", match: "prefix", methods: ["PUT", "MOVE"], why: "Scanners put files there." },
    ],
    authCache: "10s",
  };
  const code = siteFrom("code", codeSettings);
  const text = inFull(nginxSite(code), code.domain);
  const holes = (broken: string) => holesIn(broken, code.domain, declaredOpen(code)).holes;
  const inHttps = (more: string) => text.replace(/\n}\n$/, `\n${more}\n}\n`);
  const backend = "http://backend_code.refol.us";
  const checked = `${backend}$protected_sites_blocked`;

  test("none in what is rendered", () => {
    expect(holes(text)).toEqual([]);
  });

  test.each([
    [
      "a location that is open and declared nowhere",
      `location /x { auth_request off; proxy_pass ${checked}; }`,
    ],
    ["a folder that is open", "location /files/ { auth_request off; root /srv; }"],
    [
      "a location that sets one header and so inherits none",
      `location /x { proxy_set_header A b; proxy_pass ${checked}; }`,
    ],
    ["a protected location that answers before it asks", 'location /x { return 200 "secret"; }'],
    ["satisfy any", "satisfy any; allow all;"],
    ["another question than the sign-in's", `location /x { auth_request /y; proxy_pass ${checked}; }`],
    [
      "a location within another that is open",
      `location /x { proxy_pass ${checked}; location = /x/y { auth_request off; proxy_pass ${checked}; } }`,
    ],
    ["a backend that the client names", "location /x { proxy_pass http://$arg_to; }"],
    ["includes by the backend", `location /x { ssi on; proxy_pass ${checked}; }`],
    ["people who are blocked get in", `location /x { proxy_pass ${backend}; }`],
    ["an application server beside the model", "location ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; }"],
  ])("%s", (_, more) => {
    expect(holes(inHttps(more))).not.toEqual([]);
  });

  test.each([
    ["the server asks nobody", "    auth_request /.well-known/protected-sites/auth;\n", ""],
    ["http {} reaches in", /allow all;/, ""],
    ["the check is not internal", "        internal;\n", ""],
    [
      "the client's own address list is passed on",
      "X-Forwarded-For $remote_addr",
      "X-Forwarded-For $proxy_add_x_forwarded_for",
    ],
    ["the client's own host is passed on", "Host code.refol.us", "Host $http_host"],
    [
      "the identity comes from the client",
      "$oauth2_email $upstream_http_x_auth_request_email",
      "$oauth2_email $http_x_auth_request_email",
    ],
    ["the sign-in names a user", 'X-Auth-Request-User ""', "X-Auth-Request-User $oauth2_user"],
    [
      "an open path is open to any method",
      "if ($request_method !~ ^(GET|HEAD)$) {\n            return 418",
      "if ($request_method = TRACE) {\n            return 418",
    ],
    ["other methods get past", "location @protected_1 {", "location @protected_1 {\n auth_request off;"],
    [
      "a page answers where oauth2-proxy does not",
      "error_page 502 = $uri;",
      "error_page 502 = /oauth2/signed-out;",
    ],
    ["a failure is taken for a yes", "error_page 502 = $uri;", "error_page 502 =200 $uri;"],
    ["pages of the site answer for oauth2-proxy", "error_page 502 = $uri;", "proxy_intercept_errors on;"],
    ["a MOVE leads anywhere", /(location \/ {\n) +if [^}]*}\n/, "$1"],
    ["anybody may MOVE anywhere", /if \(\$protected_sites_destination_rule[^}]*418;\s+}/, ""],
    ["a rule asks for nothing", "?allowed_groups=7e57", "?x=7e57"],
    [
      "the .ht files are open",
      "auth_request off;\n        return 404;",
      "auth_request off;\n        root /srv;",
    ],
    [
      "oauth2-proxy is asked with what else a client says",
      "proxy_pass_request_headers off;",
      "proxy_pass_request_headers on;",
    ],
    [
      "oauth2-proxy is asked as whom the client says",
      "Cookie $http_cookie;",
      "Cookie $http_cookie; proxy_set_header X-Forwarded-Email $http_from;",
    ],
    [
      "an application gets nothing of the client's",
      /location \/ {\n(?= +if)/,
      "$&proxy_pass_request_headers off;\n",
    ],
    ["HSTS is lost", /add_header Strict.*/, ""],
    ["one part of the session stands for all of it", '$http_cookie";', '$cookie__oauth2_proxy_site";'],
    [
      "an answer about one rule serves another",
      "?allowed_groups=7e57ab1e-0000-4000-8000-000000000002 $http",
      " $http",
    ],
    ["an answer outlives a push", /proxy_cache_key "\$protected_sites_generation /, 'proxy_cache_key "'],
    ["refusals are kept", "proxy_cache_valid 202 10s", "proxy_cache_valid any 10s"],
    ["what somebody without a session gets is kept", /proxy_no_cache .*/, ""],
    [
      "an answer is kept as though Authorization were the application's",
      "proxy_no_cache $protected_sites_uncached;",
      "proxy_no_cache $protected_sites_uncached_beside_authorization;",
    ],
    ["a kept answer serves who says something else in Authorization", /proxy_cache_bypass .*/, ""],
    [
      "a kept answer serves whatever Authorization says",
      "proxy_cache_bypass $protected_sites_with_authorization;",
      "proxy_cache_bypass 0;",
    ],
    [
      "an answer that renews a session is kept",
      "proxy_cache_valid",
      "proxy_ignore_headers Set-Cookie; proxy_cache_valid",
    ],
    [
      "an old answer serves while a new one is fetched",
      "proxy_cache_valid",
      "proxy_cache_use_stale updating; proxy_cache_valid",
    ],
    ["answers lie on the disk", "/run/protected-sites-auth", "/var/cache/auth"],
    ["answers pass over the disk", " use_temp_path=off", ""],
    ["answers are kept for longer than they are valid", "inactive=10s", "inactive=10m"],
    [
      "the backend's answers are kept",
      "location / {",
      "location / {\nproxy_cache protected_sites_auth_code_refol_us;",
    ],
  ])("%s", (_, what, instead) => {
    const broken = text.replace(what, instead);
    expect(broken).not.toBe(text);
    expect(holes(broken)).not.toEqual([]);
  });

  test.each([
    ["a token's answer is kept", "_cookie:$http_authorization:$http_cookie", "_cookie::$http_cookie"],
    ["what has no session is kept", "(?:_[0-9])?=[^;]", "(?:_[0-9])?="],
    ["a kept answer serves who says 0 in Authorization", "with_authorization {", '$& 0 "";'],
    [
      "a kept answer serves whatever Authorization says",
      "$http_authorization $protected_sites_with",
      "$http_x $protected_sites_with",
    ],
    ["another site's session will do", "(?:__Host-)?\\\\1(?:", "(?:__Host-)?[a-z_]+(?:"],
  ])("in what all sites share: %s", (_, what, instead) => {
    const shared = sharedNginx();
    const broken = shared.replaceAll(what, instead);
    expect(broken).not.toBe(shared);
    const found = (shared: string) =>
      holesIn(text, code.domain, declaredOpen(code), [], "/oauth2", readNginx(shared)).holes;
    expect(found(shared)).toEqual([]);
    expect(found(broken)).not.toEqual([]);
  });

  test("more than proof for an ACME server, on port 80 or beyond it", () => {
    const acme = siteFrom("code", { ...codeRefolUsSettings, certificateFrom: "acme" });
    const whole = inFull(nginxSite(acme, hosts), acme.domain);
    const found = (broken: string) => holesIn(broken, acme.domain).holes;
    const location = /    location @acme \{[^]*?\n    \}\n/.exec(whole)?.[0] ?? "";
    expect(found(whole)).toEqual([]);
    for (const broken of [
      whole.replace("http://acme_code.refol.us", backend),
      whole.replace(location, location + location.replace("@acme", "/x")),
      whole.replace("^~ /.well-known/acme-challenge/", "^~ /"),
      whole.replace(/\n}\n$/, `\n${location}}\n`),
    ]) {
      expect(broken).not.toBe(whole);
      expect(found(broken)).not.toEqual([]);
    }
  });

  describe("of programs that come with a token:", () => {
    const roles = [{ value: "reader", applications: ["7e57ab1e-0000-4000-8000-0000000000a1"] }];
    const forPrograms = siteFrom("code", { ...codeRefolUsSettings, identityHeaders: ["user"], roles });
    const whole = inFull(nginxSite(forPrograms), forPrograms.domain);
    const shared = sharedNginx();
    const found = (broken: string, all = shared, passes = declaredToPass(forPrograms)) =>
      holesIn(broken, forPrograms.domain, [], passes, "/oauth2", readNginx(all)).holes;
    const asked = "proxy_set_header Authorization $protected_sites_bearer";

    test("none in what is rendered", () => {
      expect(found(whole)).toEqual([]);
      expect(whole).toContain(asked);
    });

    test("oauth2-proxy gets their tokens on a site that takes none", () => {
      expect(found(whole, shared, [])).not.toEqual([]);
    });

    test.each([
      ["whatever else is in the header", asked, "proxy_set_header Authorization $http_authorization"],
      [
        "in another header",
        asked,
        `${asked}; proxy_set_header X-Forwarded-Access-Token $protected_sites_bearer`,
      ],
      [
        "in what the application gets",
        'proxy_set_header Authorization ""',
        "proxy_set_header Authorization $protected_sites_bearer",
      ],
    ])("%s", (_, what, instead) => {
      const broken = whole.replaceAll(what, instead);
      expect(broken).not.toBe(whole);
      expect(found(broken)).not.toEqual([]);
    });

    test.each([
      [
        "whatever is no token",
        /(map \$http_authorization \$protected_sites_bearer \{\n {4}default) ""/,
        "$1 $http_authorization",
      ],
      [
        "of another header",
        "map $http_authorization $protected_sites_bearer",
        "map $http_x $protected_sites_bearer",
      ],
      ["of another scheme", "[Bb][Ee][Aa][Rr][Ee][Rr] +", ".+ +"],
    ])("in what all sites share: %s", (_, what, instead) => {
      const broken = shared.replace(what, instead);
      expect(broken).not.toBe(shared);
      expect(found(whole, broken)).not.toEqual([]);
    });
  });

  test("whoever has a role that has ended gets in where a backend's address does not ask for that", () => {
    const ending = siteFrom("code", {
      ...codeSettings,
      identityHeaders: ["user", "groups"],
      temporaryGroups: [{ group: "7e57ab1e-0000-4000-8000-000000000003", until: "2027-01-31" }],
    });
    const whole = inFull(nginxSite(ending), ending.domain);
    const found = (broken: string) => holesIn(broken, ending.domain, declaredOpen(ending)).holes;
    expect(found(whole)).toEqual([]);
    const asked = "$protected_sites_blocked$protected_sites_expired_code_refol_us";
    const unasked = found(
      whole.replace(`backend_code.refol.us${asked}`, "backend_code.refol.us$protected_sites_blocked"),
    );
    expect(unasked).toEqual([expect.stringContaining("whose role or group has ended")]);
  });

  describe("of gRPC:", () => {
    const part = siteFrom("code", {
      ...codeSettings,
      upstreams: [{ path: "/test.Echo", upstream: "grpc://127.0.0.1:9000" }],
    });
    const whole = inFull(nginxSite(part), part.domain);
    const found = (broken: string) => holesIn(broken, part.domain, declaredOpen(part)).holes;
    const chosen = "if ($protected_sites_grpc_code_refol_us = 1)";
    const passes = "grpc_pass grpc://$protected_sites_backend_code_refol_us$protected_sites_blocked";

    test("none in what is rendered", () => {
      expect(found(whole)).toEqual([]);
      expect(whole).toContain(chosen);
    });

    test.each([
      ["a way in that is open", /\n}\n$/, `\nlocation /x { auth_request off; ${passes}; }\n}\n`],
      ["another that is open", /\n}\n$/, `\nlocation /x { auth_request off; ${chosen} { ${passes}; } }\n}\n`],
      ["a client chooses it", chosen, "if ($http_x = 1)"],
      ["a client chooses where it leads", passes, "grpc_pass grpc://$arg_to"],
      ["people who are blocked get in", passes, "grpc_pass grpc://$protected_sites_backend_code_refol_us"],
      ["it leads elsewhere", passes, "grpc_pass grpc://10.0.0.9:1"],
      ["it leads to the sign-in's program", passes, "grpc_pass grpc://oauth2-proxy_code.refol.us"],
      [
        "the server passes on",
        "    auth_request /.well-known/protected-sites/auth;\n",
        `$&    ${chosen} { ${passes}; }\n`,
      ],
      [
        "the method no longer counts",
        /(if \(\$request_method [^}]*\})([^]*?)(if \(\$protected_sites_grpc_[^}]*\})/,
        "$3$2$1",
      ],
      [
        "a client names itself",
        "grpc_set_header X-Auth-Request-User $oauth2_user",
        "grpc_set_header X-Auth-Request-User $http_x",
      ],
      [
        "an open path names a user",
        'grpc_set_header X-Auth-Request-User ""',
        "grpc_set_header X-Auth-Request-User $oauth2_user",
      ],
      [
        "errors of its own become the site's",
        "grpc_read_timeout",
        "grpc_intercept_errors on; grpc_read_timeout",
      ],
    ])("%s", (_, what, instead) => {
      const broken = whole.replace(what, instead);
      expect(broken).not.toBe(whole);
      expect(found(broken)).not.toEqual([]);
    });

    test("any header that some location no longer overwrites", () => {
      everyHeaderCounts("grpc", whole, found);
      const rpc = siteFrom("code", { ...codeRefolUsSettings, upstream: "grpcs://rpc.example.com" });
      everyHeaderCounts(
        "grpc",
        inFull(nginxSite(rpc), rpc.domain),
        (broken) => holesIn(broken, rpc.domain).holes,
      );
    });
  });

  test("any header that some location no longer overwrites", () => {
    everyHeaderCounts("proxy", text, holes);
  });
});

function everyHeaderCounts(by: "proxy" | "grpc", text: string, holes: (broken: string) => readonly string[]) {
  const lines = text.split("\n");
  // `$protected_sites_return_to` only says where a sign-in leads, in locations that get no header of the client.
  const counts = new RegExp(
    `${by}_set_header (?!Upgrade|Cookie|User-Agent|X-Request-Id|Content-Length|\\S+ \\$protected_sites_return_to)`,
  );
  const guarded = lines.filter((line) => counts.test(line));
  expect(guarded.length).toBeGreaterThan(by === "proxy" ? 100 : 40);
  for (const index of tried(lines.flatMap((line, index) => (counts.test(line) ? [index] : []))))
    expect(holes(lines.toSpliced(index, 1).join("\n")), lines[index]).not.toEqual([]);
}
