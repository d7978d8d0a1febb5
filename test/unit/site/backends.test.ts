import { expect, test } from "vitest";

import { site } from "../../sites.ts";

test.each([
  [
    { backupUpstreams: ["https://10.0.0.6"] },
    'backupUpstreams must all be plain HTTP like upstream, got "https://10.0.0.6"',
  ],
  [
    { upstream: "https://a.test", backupUpstreams: ["unix:/run/a"] },
    "backupUpstreams must all be https like upstream",
  ],
  [
    { upstream: "http://10.0.0.5/app/", backupUpstreams: ["http://10.0.0.6/"] },
    'backupUpstreams must all have the path of upstream, /app/, got "http://10.0.0.6/"',
  ],
  [{ upstream: "http://a.test/../app/" }, "upstream must be"],
  [{ upstream: "http://a.test/app/?x=1" }, "upstream must be"],
  [{ upstream: "http://a.test/$uri/" }, "upstream must be"],
  [{ backupUpstreams: ["http://127.0.0.1:3001"] }, "which is upstream itself"],
  [
    { upstreamCa: "/etc/ca.pem" },
    'upstreamCa is for https and grpcs backends, but upstream is "http://127.0.0.1:3001"',
  ],
  [{ upstreamServerName: "a.example.com" }, "upstreamServerName is for https and grpcs backends"],
  [{ upstreams: [{ path: "/", upstream: "http://a.test" }] }, 'upstreams.0.path "/" is the whole site'],
  [
    { proxyPrefix: "/_sign-in", upstreams: [{ path: "/_Sign-in/x/", upstream: "http://a.test" }] },
    'upstreams.0.path "/_Sign-in/x" is reserved for the sign-in or the push',
  ],
  [
    { upstreams: [{ path: "/a", upstream: "https://a.test" }] },
    "upstreams.0.upstream must be plain HTTP or grpc, like upstream, got",
  ],
  [{ upstreams: [{ path: "/a", upstream: "http://a.test/x/" }] }, "upstreams.0.upstream must have no path"],
  [
    { upstreams: ["/a", "/A/"].map((path) => ({ path, upstream: "http://a.test" })) },
    'upstreams.1.path "/A" is a duplicate',
  ],
  [
    { upstream: "http://b.test/app/", upstreams: [{ path: "/a", upstream: "http://a.test" }] },
    "upstreams cannot be combined with an upstream that has a path",
  ],
  [
    { upstream: "https://b.test", upstreams: [{ path: "/a", upstream: "https://10.0.0.6" }] },
    "verifies certificates by name only; use a name",
  ],
  [
    { hostHeader: "upstream", upstreams: [{ path: "/a", upstream: "http://a.test" }] },
    "upstreams get the site's name as their Host",
  ],
  [
    { upstreams: [{ path: "/a", upstream: "http://127.0.0.1:4181" }] },
    'upstreams "http://127.0.0.1:4181" is the site\'s own oauth2-proxy (port)',
  ],
  [{ upstream: "unix:/run/a", hostHeader: "upstream" }, "hostHeader upstream needs a backend with a name"],
  [
    { upstream: "https://10.0.0.5:8443" },
    'upstream "https://10.0.0.5:8443" is an IP address, and Nginx verifies certificates by name only; set upstreamServerName',
  ],
  [{ upstream: "https://[2001:db8::7]/app/" }, "set upstreamServerName"],
  [
    { upstream: "http://127.0.0.1:4181" },
    'upstream "http://127.0.0.1:4181" is the site\'s own oauth2-proxy (port)',
  ],
  [{ upstream: "http://localhost:14181" }, "is the metrics of the site's oauth2-proxy (metricsPort)"],
  [{ upstream: "https://wiki.example.com/app/" }, "is the site itself, so requests would loop"],
  [{ upstream: "http://127.0.0.1" }, "is Nginx on the host"],
  [
    { backupUpstreams: ["http://[::1]:4181"] },
    'backupUpstreams "http://[::1]:4181" is the site\'s own oauth2-proxy',
  ],
  [{ proxyConnectTimeout: "2m" }, "proxyConnectTimeout must be at most 75s"],
  [{ hostHeader: "client" }, 'hostHeader must be site or upstream, got "client"'],
  [{ upstream: "unix:run/a" }, "upstream must be the scheme, host and port of the backend"],
  [{ upstream: "unix:/run/a b" }, "upstream must be"],
  [{ upstream: "unix:/run/a:/x" }, "upstream must be"],
  [{ upstream: "http://a.test/app" }, "upstream must be"],
  [
    { upstream: "grpc://a.test:50051/app/" },
    'upstream must be without a path for gRPC, whose paths are services and methods, like "grpc://10.0.0.5:50051", got "grpc://a.test:50051/app/"',
  ],
  [{ upstream: "grpc://10.0.0:50051" }, "upstream must be the scheme, host and port of the backend"],
  [{ upstream: "grpc://a.test:70000" }, "upstream must be the scheme, host and port of the backend"],
  [{ upstream: "grpc://unix:/run/a" }, "upstream must be the scheme, host and port of the backend"],
  [
    { upstream: "grpc://a.test:50051", backupUpstreams: ["http://b.test:50051"] },
    'backupUpstreams must all be grpc like upstream, got "http://b.test:50051"',
  ],
  [
    { upstream: "grpcs://a.test", backupUpstreams: ["grpc://b.test"] },
    'backupUpstreams must all be grpcs like upstream, got "grpc://b.test"',
  ],
  [{ backupUpstreams: ["grpc://a.test"] }, "backupUpstreams must all be plain HTTP like upstream"],
  [
    { upstream: "https://b.test", upstreams: [{ path: "/a.v1.A", upstream: "grpc://a.test" }] },
    'upstreams.0.upstream must be https or grpcs, like upstream, got "grpc://a.test"',
  ],
  [
    { upstream: "https://b.test", upstreams: [{ path: "/a.v1.A", upstream: "grpcs://10.0.0.6" }] },
    "verifies certificates by name only; use a name",
  ],
  [{ upstream: "grpcs://10.0.0.5:8443" }, "set upstreamServerName"],
  [{ upstream: "grpc://127.0.0.1:4181" }, "is the site's own oauth2-proxy (port)"],
  [{ upstream: "grpc://127.0.0.1" }, "is Nginx on the host"],
  [{ upstream: "grpcs://wiki.example.com" }, "is the site itself"],
])("backends that contradict each other are refused: %j", (given, sentence) => {
  expect(() => site(given)).toThrow(sentence);
});

test.each([
  { upstream: "https://10.0.0.5:8443", upstreamServerName: "app.internal.example.com" },
  { upstream: "http://wiki.example.com:8080" },
  { upstream: "http://10.0.0.5:4181" },
  { upstream: "grpc://10.0.0.5:50051", hostHeader: "upstream" },
  { upstream: "grpcs://rpc.example.com", backupUpstreams: ["grpcs://[2001:db8::7]:50051"] },
  { upstream: "http://10.0.0.5", upstreams: [{ path: "/a.v1.A", upstream: "grpc://10.0.0.5:50051" }] },
  { upstream: "grpc://10.0.0.5", upstreams: [{ path: "/web", upstream: "unix:/run/app.sock" }] },
])("backends that can work are taken: %j", (given) => {
  expect(site(given).upstream).toBe(given.upstream);
});

test("a site with every default can be serialised and parsed", () => {
  const { name, ...args } = site({ upstream: "unix:/run/app.sock" });
  expect(site(args as unknown as Parameters<typeof site>[0], name)).toEqual({ ...args, name });
});
