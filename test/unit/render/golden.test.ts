import { describe, expect, test } from "vitest";

import { sharedFiles } from "../../../components/render/nginx/shared-files.ts";
import { sharedNginx } from "../../../components/render/nginx/shared-nginx.ts";
import { siteFiles } from "../../../components/render/site-files.ts";
import { codeRefolUs, site, tenantId } from "../../sites.ts";

const sites = {
  "code.refol.us": codeRefolUs,
  "wiki.example.com": site({
    upstream: "https://wiki.internal.example.com",
    allowedGroups: ["7e57ab1e-0000-4000-8000-000000000001"],
  }),
  "portal.example.com": site(
    {
      domain: "portal.example.com",
      port: 4182,
      paths: [
        { path: "/admin/", allowedGroups: ["7e57ab1e-0000-4000-8000-000000000002"] },
        { path: "/admin/audit.log", match: "exact", allowedGroups: ["7e57ab1e-0000-4000-8000-000000000003"] },
      ],
      upstreams: [
        { path: "/api", upstream: "http://api.internal.example.com:9000" },
        { path: "/admin/api/", upstream: "http://10.0.0.6" },
      ],
      open: [
        { path: "/health", why: "The monitoring asks without an account." },
        { path: "/admin/help/", match: "prefix", why: "Help for people who cannot sign in." },
        {
          path: "/hooks/build",
          methods: ["POST"],
          passAuthorization: true,
          why: "The build server signs its calls itself.",
        },
      ],
    },
    "portal",
  ),
  "intranet.example.com": site(
    {
      domain: "intranet.example.com",
      port: 4183,
      roles: [
        { value: "reader", groups: ["All staff"] },
        {
          value: "editor",
          displayName: "Writes news",
          users: ["ada@example.com"],
          applications: ["7e57ab1e-0000-4000-8000-0000000000a1"],
        },
      ],
      paths: [{ path: "/edit", allowedRoles: ["editor"] }],
      sessionStore: "redis",
      redis: { host: "redis.example.com" },
      authCache: "10s",
      certificateFrom: "internalCa",
      contact: "the intranet team <intranet@example.com>",
    },
    "intranet",
  ),
  "backends.example.com": site(
    {
      domain: "backends.example.com",
      port: 4184,
      upstream: "https://10.0.0.5:8443/app/",
      backupUpstreams: ["https://10.0.0.6:8443/app/", "https://[2001:db8::7]/app/"],
      hostHeader: "upstream",
      upstreamCa: "/etc/ssl/private-ca.pem",
      upstreamServerName: "backend.internal.example.com",
      buffering: false,
      refuseHtFiles: false,
      proxyConnectTimeout: "3s",
      securityHeaders: {
        frameAncestors: ["self", "https://*.portal.example.com"],
        referrerPolicy: "no-referrer",
        contentTypeOptions: false,
        permissionsPolicy: "camera=(), microphone=(self)",
      },
    },
    "backends",
  ),
  "rpc.example.com": site(
    {
      domain: "rpc.example.com",
      port: 4186,
      upstream: "grpcs://rpc.internal.example.com:50051",
      backupUpstreams: ["grpcs://rpc-2.internal.example.com:50051"],
      upstreamCa: "/etc/ssl/private-ca.pem",
      roles: [
        { value: "caller", applications: ["7e57ab1e-0000-4000-8000-0000000000a1"] },
        { value: "operator", users: ["ada@example.com"] },
      ],
      paths: [{ path: "/shop.v1.Admin", allowedRoles: ["operator"] }],
      open: [
        {
          path: "/grpc.health.v1.Health/Check",
          methods: ["POST"],
          why: "The load balancer asks without an account.",
        },
      ],
      proxyReadTimeout: "1h",
      clientMaxBodySize: "1g",
    },
    "rpc",
  ),
  "tracing.example.com": site(
    {
      domain: "tracing.example.com",
      port: 4187,
      upstream: "http://10.0.0.5:16686",
      upstreams: [
        {
          path: "/opentelemetry.proto.collector.trace.v1.TraceService",
          upstream: "grpc://10.0.0.5:4317",
        },
      ],
      roles: [
        {
          value: "member",
          users: ["ada@example.com"],
          applications: ["7e57ab1e-0000-4000-8000-0000000000a1"],
        },
      ],
    },
    "tracing",
  ),
  "socket.example.com": site(
    {
      domain: "socket.example.com",
      port: 4185,
      upstream: "unix:/run/app.sock",
      backupUpstreams: ["http://10.0.0.6"],
      proxyPrefix: "/_sign-in",
      signInRate: "90r/m",
      passAuthorization: true,
      proxyBufferSize: "64k",
      keepaliveTimeout: "20s",
      maintenance: "The database moves until 14:00.",
      certificateFrom: "acme",
    },
    "socket",
  ),
};

describe.each(Object.entries(sites))("%s, as its hosts see it", (domain, golden) => {
  for (const { name, text } of siteFiles(golden, {
    tenantId,
    allowVulnerableOauth2Proxy: false,
    hosts: [{ address: "192.0.2.11" }, { address: "2001:db8::12" }],
    acme: { server: "https://acme.example.com/directory", email: "hosts@example.com" },
  })) {
    test(name, async () => {
      await expect(text).toMatchFileSnapshot(`../../golden/${domain}/${name}`);
    });
  }
});

test.each(sharedFiles())("what sites include of what they share: $name", async ({ name, text }) => {
  await expect(text).toMatchFileSnapshot(`../../golden/shared/${name}`);
});

test("what all sites of a host share in Nginx", async () => {
  await expect(sharedNginx()).toMatchFileSnapshot("../../golden/protected-sites.conf");
  await expect(sharedNginx(["192.0.2.11", "2001:db8::12"])).toMatchFileSnapshot(
    "../../golden/protected-sites-acme.conf",
  );
});
