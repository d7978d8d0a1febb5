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
  [{ upstream: "unix:/run/a", hostHeader: "upstream" }, "hostHeader upstream needs a backend with a name"],
  [{ proxyConnectTimeout: "2m" }, "proxyConnectTimeout must be at most 75s"],
  [{ hostHeader: "client" }, 'hostHeader must be site or upstream, got "client"'],
  [{ upstream: "unix:run/a" }, "upstream must be the scheme, host and port of the backend"],
  [{ upstream: "unix:/run/a b" }, "upstream must be"],
  [{ upstream: "unix:/run/a:/x" }, "upstream must be"],
  [{ upstream: "http://a.test/app" }, "upstream must be"],
])("backends that contradict each other are refused: %j", (given, sentence) => {
  expect(() => site(given)).toThrow(sentence);
});

test("a site with every default can be written down and read again", () => {
  const { name, ...args } = site({ upstream: "unix:/run/app.sock" });
  expect(site(args as unknown as Parameters<typeof site>[0], name)).toEqual({ ...args, name });
});
