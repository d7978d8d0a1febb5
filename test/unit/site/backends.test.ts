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
    'upstreamCa is for https backends, but upstream is "http://127.0.0.1:3001"',
  ],
  [{ upstreamServerName: "a.example.com" }, "upstreamServerName is for https backends"],
  [{ upstreams: [{ path: "/", upstream: "http://a.test" }] }, 'upstreams.0.path "/" is the whole site'],
  [
    { upstreams: [{ path: "/a", upstream: "https://a.test" }] },
    "upstreams.0.upstream must be plain HTTP like upstream",
  ],
  [
    { upstreams: [{ path: "/a", upstream: "http://a.test/x/" }] },
    "upstreams.0.upstream gets the path as it came",
  ],
  [
    { upstreams: ["/a", "/A/"].map((path) => ({ path, upstream: "http://a.test" })) },
    'upstreams.1.path "/A" is already there',
  ],
  [
    { upstream: "http://b.test/app/", upstreams: [{ path: "/a", upstream: "http://a.test" }] },
    "upstreams cannot stand beside an upstream with a path of its own",
  ],
  [
    { upstream: "https://b.test", upstreams: [{ path: "/a", upstream: "https://10.0.0.6" }] },
    "compares certificates with names only; give a name",
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
    'upstream "https://10.0.0.5:8443" is an address, and Nginx compares certificates with names only; give upstreamServerName',
  ],
  [{ upstream: "https://[2001:db8::7]/app/" }, "give upstreamServerName"],
  [
    { upstream: "http://127.0.0.1:4181" },
    'upstream "http://127.0.0.1:4181" is the site\'s own oauth2-proxy (port)',
  ],
  [{ upstream: "http://localhost:14181" }, "is the metrics of the site's oauth2-proxy (metricsPort)"],
  [
    { upstream: "https://wiki.example.com/app/" },
    "is the site itself, so that requests would go round in a circle",
  ],
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
])("backends that contradict each other are refused: %j", (given, sentence) => {
  expect(() => site(given)).toThrow(sentence);
});

test.each([
  { upstream: "https://10.0.0.5:8443", upstreamServerName: "app.internal.example.com" },
  { upstream: "http://wiki.example.com:8080" },
  { upstream: "http://10.0.0.5:4181" },
])("backends that can work are taken: %j", (given) => {
  expect(site(given).upstream).toBe(given.upstream);
});

test("a site with every default can be written down and read again", () => {
  const { name, ...args } = site({ upstream: "unix:/run/app.sock" });
  expect(site(args as unknown as Parameters<typeof site>[0], name)).toEqual({ ...args, name });
});
