/** Requests by which somebody might get past the sign-in, or be taken for ada; as bytes, since clients tidy up. */
import { http2Request } from "./raw-http.ts";

/** One attempt. Each is made without a session, and with bob's. */
export interface Attempt {
  readonly what: string;
  /** `http2` where the client offers only that in TLS; `plain` on port 80. @default "http1" */
  readonly protocol?: "http1" | "http2" | "plain";
  /** What goes out; `session` is the value of a Cookie header, "" without one. */
  readonly bytes: (session: string) => Buffer;
}

const site = "code.lab.test";
const ada = "ada@lab.test";

function attempt(what: string, start: string, headers: readonly string[] = [], body = ""): Attempt {
  return {
    what: `${what}: ${[start, ...headers].join(" | ").slice(0, 120)}`,
    bytes: (session) => {
      const host = headers.some((it) => /^host\b/i.test(it)) ? [] : [`Host: ${site}`];
      const cookie =
        session === "" || headers.some((it) => /^cookie:/i.test(it)) ? [] : [`Cookie: ${session}`];
      const common = [...host, "Accept: application/json", ...cookie];
      const lines = [
        start.includes(" HTTP/") || start.endsWith("\n") ? start : `${start} HTTP/1.1`,
        ...common,
        ...headers,
      ];
      const close = headers.some((it) => /^connection:/i.test(it)) ? [] : ["Connection: close"];
      return Buffer.from(`${[...lines, ...close].join("\r\n")}\r\n\r\n${body}`, "latin1");
    },
  };
}

const paths = [
  "/%2e",
  "/%2e%2e/",
  "/..",
  "/../",
  "/./",
  "//",
  "///",
  "//oauth2/",
  "/oauth2/../",
  "/oauth2/%2e%2e/",
  "/oauth2/..%2f",
  "/oauth2/..%5c",
  "/oauth2/..;/",
  "/oauth2;/../x",
  "/oauth2/auth/../../x",
  "/oauth2//../../x",
  "/OAUTH2/callback",
  "/oauth2/callback/../../x",
  "/oauth2/sign_in/../../api/x",
  "/oauth2/static/../../x",
  "/%6fauth2/%2e%2e/x",
  "/oauth2%2f..%2fx",
  "/oauth2/%00",
  "/%00",
  "/x%00/oauth2/",
  "/x%0d%0aX-Auth-Request-User:%20ada@lab.test",
  "/x%0aHost:%20a.test",
  "/x%20HTTP/1.1%0d%0aA:b",
  "/.well-known/acme-challenge/../../x",
  "/.well-known/acme-challenge/%2e%2e/%2e%2e/x",
  "/.well-known/acme-challenge/..%2f..%2fx",
  "/.well-known/acme-challenge/..%2f..%2f..%2fetc/passwd",
  "/.well-known/protected-sites/generation/../../x",
  "/.ht/../x",
  "/x/.htaccess/..",
  "/oauth2/signed-out/../../x",
  "/.well-known/protected-sites/auth",
  "/.well-known/protected-sites/auth/../../../x",
  "/.well-known/protected-sites/sign-in",
  "/oauth2/auth",
  "/oauth2/userinfo",
  "/oauth2/proxy",
  "/oauth2/sign_in?rd=/x",
  "/x?/oauth2/callback",
  "/x#/oauth2/",
  "/x;/oauth2/",
  "/%c0%ae%c0%ae/",
  "/oauth2/%c0%ae%c0%ae/x",
  "/oauth2/%252e%252e/x",
  "/ping",
  "/ready",
  "/oauth2/robots.txt/../../x",
  "/robots.txt",
  "/\\oauth2\\..\\x",
  "/x\\..\\oauth2/",
  "/api/x?allowed_groups=",
  "/?_oauth2_proxy_site=1",
  "/metrics",
  "/x/%2f/oauth2/%2f../",
  "/%",
  "/%zz",
  "/ /x",
  "/\tx",
].map((path) => attempt("path", `GET ${path}`));

const targets = [
  `GET https://${site}/x`,
  `GET http://${site}/x`,
  "GET http://192.0.2.3:8001/",
  "GET https://wiki.lab.test/x",
  "GET http://a.test/oauth2/",
  "GET oauth2/x",
  "GET *",
  "OPTIONS *",
  "GET @code.lab.test/x",
  `GET //${site}/x`,
  "GET ://x",
  "GET unix:/run/x",
  `GET https://${site}@a.test/x`,
  "GET ?x",
  "GET /x HTTP/1.0",
  "GET /x HTTP/0.9",
  "GET /x HTTP/1.2",
  "GET /x HTTP/2.0",
  "GET /x HTTP/1.1 HTTP/1.1",
  "GET  /x",
  " GET /x",
  "GET\t/x HTTP/1.1",
].map((start) => attempt("target", start));

const methods = [
  "TRACE /x",
  "TRACK /x",
  "CONNECT 192.0.2.3:8001",
  `CONNECT ${site}:443`,
  "CONNECT /x",
  "get /x",
  "Get /x",
  "HEAD /x",
  "OPTIONS /x",
  "PUT /x",
  "DELETE /x",
  "PATCH /x",
  "PROPFIND /x",
  "FOO /x",
  "POST /x",
  "DEBUG /x",
  "PRI * HTTP/2.0",
  "G\0ET /x",
  "GE T /x",
].map((start) => attempt("method", start));

const overrides = [
  "X-HTTP-Method-Override: GET",
  "X-HTTP-Method: GET",
  "X-Method-Override: OPTIONS",
  "X-Original-Method: GET",
  "X-Forwarded-Method: GET",
].map((header) => attempt("override", "POST /x", [header, "Content-Length: 0"]));

const hosts = [
  ["Host: wiki.lab.test"],
  ["Host: other.test"],
  ["Host:"],
  ["Host: code.lab.test:4180"],
  ["Host: CODE.LAB.TEST"],
  ["Host: code.lab.test."],
  ["Host: code.lab.test", "Host: wiki.lab.test"],
  ["Host: localhost"],
  ["Host: 127.0.0.1"],
  ["Host: 192.0.2.3:8001"],
  ["Host: code.lab.test/oauth2/"],
  ["Host: code.lab.test@wiki.lab.test"],
  ["Host : code.lab.test"],
  ["Host: code.lab.test, wiki.lab.test"],
  ["Host: code.lab.test\0"],
  [" Host: code.lab.test"],
  ["Host: code.lab.test", "X-Forwarded-Host: wiki.lab.test"],
  ["Host: code.lab.test", "X-Host: a.test"],
  ["Host: code.lab.test", "Forwarded: host=a.test"],
].map((headers) => attempt("host", "GET /x", headers));

const said = [
  "X-Forwarded-Uri: /oauth2/sign_in",
  "X-Original-URL: /oauth2/sign_in",
  "X-Original-URI: /oauth2/sign_in",
  "X-Rewrite-URL: /oauth2/sign_in",
  "X-Forwarded-For: 127.0.0.1",
  "X-Real-IP: 127.0.0.1",
  "Forwarded: for=127.0.0.1",
  "True-Client-IP: 127.0.0.1",
  "X-Client-IP: 127.0.0.1",
  "X-Forwarded-Proto: http",
  "X-Forwarded-Prefix: /oauth2",
  "X-Auth-Request-Redirect: /x",
  "Proxy: http://a.test",
  "X-Accel-Redirect: /x",
  "X-Accel-Internal: /.well-known/protected-sites/auth",
  "X-Sendfile: /etc/passwd",
  "Referer: https://code.lab.test/",
  "Origin: https://code.lab.test",
  "X-Requested-With: XMLHttpRequest",
  "Sec-Fetch-Mode: navigate",
  "GAP-Auth: ada@lab.test",
  "GAP-Signature: sha256 x",
  `Authorization: Basic ${Buffer.from(`${ada}:x`).toString("base64")}`,
  "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJ1cG4iOiJhZGFAbGFiLnRlc3QifQ.",
  "Proxy-Authorization: Basic YTpi",
  "Expect: 100-continue",
  "Range: bytes=0-",
  "Transfer-Encoding: identity",
  "Content-Type: application/x-www-form-urlencoded",
].map((header) => attempt("said", "GET /x", [header]));

const identity = [
  "X-Auth-Request-User",
  "X-Auth-Request-Email",
  "X-Auth-Request-Preferred-Username",
  "X-Auth-Request-Groups",
  "X-Auth-Request-Access-Token",
  "X-Forwarded-User",
  "X-Forwarded-Email",
  "X-Remote-User",
  "Remote-User",
  "X-Forwarded-Preferred-Username",
];
const spoofs = identity.flatMap((name) =>
  [
    [`${name}: ${ada}`],
    [`${name.toLowerCase()}: ${ada}`],
    [`${name.replaceAll("-", "_")}: ${ada}`],
    [`${name.replace("-", "_")}: ${ada}`],
    [`${name} : ${ada}`],
    [`${name}:${ada}`],
    [`${name}\t: ${ada}`],
    [`${name}: ${ada}`, `${name}: ${ada}`],
    [`X-First: 1`, ` ${name}: ${ada}`],
    [`${name}:\r\n ${ada}`],
    [`X-First: 1\n${name}: ${ada}`],
    [`X-First: 1\r${name}: ${ada}`],
    [`${name}\0: ${ada}`],
    [`\0${name}: ${ada}`],
    [`${name}:\0${ada}`],
    [`:${name}: ${ada}`],
    [`${name};: ${ada}`],
    [`${name}\xa0: ${ada}`],
    [`Connection: close, ${name}`, `${name}: ${ada}`],
    [`Trailer: ${name}`],
  ].map((headers) => attempt("identity", "GET /x", headers)),
);

const inner = `GET /inner HTTP/1.1\r\nHost: ${site}\r\nX-Auth-Request-User: ${ada}\r\nAccept: application/json\r\nX-Rest: `;
const chunked = `0\r\n\r\n${inner}`;
const smuggled = (
  [
    [["Content-Length: 4", "Transfer-Encoding: chunked"], chunked],
    [[`Content-Length: ${chunked.length}`, "Transfer-Encoding: chunked"], chunked],
    [["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], chunked],
    [["Transfer-Encoding: xchunked"], chunked],
    [["Transfer-Encoding : chunked"], chunked],
    [["Transfer-Encoding:\tchunked"], chunked],
    [["Transfer-Encoding: chunked, identity"], chunked],
    [["Transfer-Encoding: identity, chunked"], chunked],
    [["Transfer_Encoding: chunked", "Content-Length: 4"], chunked],
    [["X: y\nTransfer-Encoding: chunked", "Content-Length: 4"], chunked],
    [["Transfer-Encoding:\r\n chunked", "Content-Length: 4"], chunked],
    [["Transfer-Encoding: \x0bchunked", "Content-Length: 4"], chunked],
    [["Content-Length: 0", `Content-Length: ${inner.length}`], inner],
    [["Content-Length: 0"], inner],
    [["Content-Length: +0"], inner],
    [["Content-Length: 0, 50"], inner],
    [["Content-Length: -1"], inner],
    [["Content-Length: 0x1"], inner],
    [["Content-Length: 99999999999999999999"], inner],
    [["Content_Length: 4", "Content-Length: 0"], inner],
    [["Content-Length : 0"], inner],
    [["Transfer-Encoding: chunked"], `1;x=\n${inner}\r\n0\r\n\r\n`],
    [["Transfer-Encoding: chunked"], `fffffffffffffffff\r\n${inner}`],
    [["Transfer-Encoding: chunked"], `0\r\nX-Auth-Request-User: ${ada}\r\n\r\n`],
    [
      ["Connection: keep-alive", "Content-Length: 0"],
      inner.replace(/X-Rest: $/, "Connection: close\r\n\r\n"),
    ],
    [["Connection: Content-Length", "Content-Length: 4"], chunked],
    [["Expect: 100-continue", "Content-Length: 4", "Transfer-Encoding: chunked"], chunked],
  ] as const
).flatMap(([headers, body]) =>
  ["POST /x", "GET /x"].map((start) => attempt("smuggled", start, headers, body)),
);

const upgrades = (
  [
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
    [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 777",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ],
    ["Connection: Upgrade", "Upgrade: websocket"],
    ["Connection: Upgrade", "Upgrade: websocket, h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
    ["Connection: Upgrade", "Upgrade: h2c, websocket"],
    ["Connection: upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13"],
    ["Connection: Upgrade", "Upgrade: TLS/1.0"],
    ["Connection: Upgrade", "Upgrade: connect-udp"],
    ["Connection: X-Auth-Request-User"],
    ["Connection: X-Real-IP, X-Forwarded-For"],
    ["Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"],
    ["Connection: close, Host"],
  ] as const
).map((headers) =>
  attempt("upgrade", "GET /ws", headers, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${inner}\r\n\r\n`),
);

const oversize = [
  attempt("oversize", `GET /${"a".repeat(80_000)}`),
  attempt("oversize", "GET /x", [`X-Long: ${"a".repeat(80_000)}`]),
  attempt(
    "oversize",
    "GET /x",
    Array.from({ length: 3000 }, (_, i) => `X-${i}: 1`),
  ),
  attempt(
    "oversize",
    "GET /x",
    Array.from({ length: 500 }, () => `X-Auth-Request-User: ${ada}`),
  ),
  attempt("oversize", "GET /x", [`Cookie: ${"a=1; ".repeat(3000)}b=2`]),
  attempt("oversize", `${"A".repeat(9000)} /x`),
  attempt("oversize", "GET /x", [`${"X".repeat(9000)}: 1`, `X-Auth-Request-User: ${ada}`]),
  attempt("oversize", "POST /x", ["Content-Length: 999999999"]),
];

const pseudo = (what: string, headers: readonly (readonly [string, string])[]): Attempt => ({
  what: `http2: ${what}`,
  protocol: "http2",
  bytes: (session) =>
    http2Request([
      ...headers,
      ["accept", "application/json"],
      ...(session === "" ? [] : [["cookie", session] as const]),
    ]),
});
const base = (changed: Record<string, string> = {}): [string, string][] => {
  const usual = { ":method": "GET", ":scheme": "https", ":authority": site, ":path": "/x", ...changed };
  return Object.entries(usual).filter(([, value]) => value !== "-");
};
const http2 = [
  pseudo("as it should be", base()),
  ...[
    "/oauth2/../x",
    "/oauth2/%2e%2e/x",
    "//x",
    "x",
    "*",
    "",
    "/x HTTP/1.1\r\nA: b",
    "/x\r\nX-Auth-Request-User: ada",
    "/x#y",
    "https://code.lab.test/x",
    "/.well-known/protected-sites/auth",
    "/x\0",
    "/ x",
    "-",
  ].map((path) => pseudo(`:path ${JSON.stringify(path)}`, base({ ":path": path }))),
  ...[
    "wiki.lab.test",
    "other.test",
    "",
    "code.lab.test:4180",
    "code.lab.test\r\nA: b",
    "a@code.lab.test",
    "-",
    "192.0.2.3:8001",
  ].map((authority) => pseudo(`:authority ${JSON.stringify(authority)}`, base({ ":authority": authority }))),
  ...["http", "ftp", "", "https\r\nA: b", "-", "https://code.lab.test/oauth2/?"].map((scheme) =>
    pseudo(`:scheme ${JSON.stringify(scheme)}`, base({ ":scheme": scheme })),
  ),
  ...["get", "CONNECT", "TRACE", "", "GET /oauth2/ HTTP/1.1\r\nA: b", "GET /y", "-", "PRI"].map((method) =>
    pseudo(`:method ${JSON.stringify(method)}`, base({ ":method": method })),
  ),
  pseudo("two paths", [...base(), [":path", "/oauth2/sign_in"]]),
  pseudo("two hosts", [...base(), ["host", "wiki.lab.test"]]),
  pseudo("host twice", [...base(), ["host", site], ["host", "a.test"]]),
  pseudo("late path", [...base({ ":path": "-" }), ["x", "y"], [":path", "/x"]]),
  pseudo("unknown pseudo-header", [...base(), [":user", ada]]),
  pseudo(":protocol websocket", [...base({ ":method": "CONNECT" }), [":protocol", "websocket"]]),
  pseudo(":status", [...base(), [":status", "200"]]),
  ...identity.flatMap((name) =>
    [
      name,
      name.toLowerCase(),
      name.toLowerCase().replaceAll("-", "_"),
      `${name.toLowerCase()} `,
      ` ${name.toLowerCase()}`,
      `x\r\n${name}`,
      `${name.toLowerCase()}:`,
    ].map((it) => pseudo(JSON.stringify(it), [...base(), [it, ada]])),
  ),
  pseudo("a line break in a value", [...base(), ["x", `y\r\nX-Auth-Request-User: ${ada}`]]),
  pseudo("a bare line feed in a value", [...base(), ["x", `y\nX-Auth-Request-User: ${ada}`]]),
  pseudo("connection", [...base(), ["connection", "x-real-ip"]]),
  pseudo("transfer-encoding", [...base({ ":method": "POST" }), ["transfer-encoding", "chunked"]]),
  pseudo("content-length without a body", [...base({ ":method": "POST" }), ["content-length", "100"]]),
  pseudo("upgrade", [...base(), ["upgrade", "h2c"]]),
  pseudo("te", [...base(), ["te", "trailers, chunked"]]),
  pseudo("cookie in parts", [...base(), ["cookie", "_oauth2_proxy_site="], ["cookie", "x"]]),
];

/** All of them; one that bob's session opens must show bob. */
export const attempts: readonly Attempt[] = [
  ...paths,
  ...targets,
  ...methods,
  ...overrides,
  ...hosts,
  ...said,
  ...spoofs,
  ...smuggled,
  ...upgrades,
  ...oversize,
  ...http2,
];
