/** People who are blocked at every site of a host: nothing of theirs reaches a backend, whatever their session says. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { SiteSettings } from "../../components/site/settings.ts";
import { cookieOf } from "../access/oauth2-proxy.ts";
import { certify, makeAuthority } from "../lab/certificates.ts";
import { startEcho } from "./grpc-echo.ts";
import { application, serve, siteOf } from "./served.ts";

const reached: string[] = [];
const upstream = `http://${await application(({ url }, response) => {
  reached.push(url ?? "");
  response.end("the application");
})}`;
const ca = "/etc/ssl/certs/backends-of-the-tests.pem";
const authority = await makeAuthority("backends");
const { certificate: cert, key } = await certify(authority, ["app.internal.test"]);
const modern = await application(
  createServer({ cert, key }, ({ url }, response) => {
    reached.push(url ?? "");
    response.end("the application");
  }),
);
const grpc = `grpc://${await startEcho()}`;

const admins = "7e57ab1e-0000-4000-8000-000000000002";
const program = "7e57ab1e-0000-4000-8000-0000000000a1";
const kinds: Record<string, Partial<SiteSettings>> = {
  "a site": { upstream },
  "a site with TLS to its backend": {
    upstream: `https://${modern}`,
    upstreamCa: ca,
    upstreamServerName: "app.internal.test",
  },
  "a backend below a path of its own": { upstream: `${upstream}/app/` },
  "a site with several backends": { upstream, upstreams: [{ path: "/other", upstream }] },
  "a site whose answers of oauth2-proxy are cached": { upstream, authCache: "60s" },
  "a site with sessions in a Redis": {
    upstream,
    sessionStore: "redis",
    redis: { host: "redis.example.com" },
  },
  "a site with roles": {
    upstream,
    roles: [{ value: "reader", groups: [admins], applications: [program] }],
  },
  "a site with the backend's own name": { upstream, hostHeader: "upstream" },
};
const sites = Object.entries(kinds).map(
  ([kind, settings], index) => [kind, siteOf(`blocked-${index}`, index, settings)] as const,
);
const parts = siteOf("parts", 20, {
  upstream,
  paths: [{ path: "/admin", allowedGroups: [admins] }],
  open: [{ path: "/hook/", match: "prefix", methods: ["POST"], why: "for the test" }],
  contact: "the <lab> team",
});
const rpc = siteOf("rpc", 21, { upstream: grpc });

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  served = await serve(
    [...sites.map(([, site]) => site), parts, rpc],
    new Map([[ca, authority.certificate]]),
  );
});
afterAll(() => served.close());
beforeEach(() => served.block([]));

/** Groups that meet each site's rules. */
const groups = [admins, "reader"];

describe.each(sites)("%s", (_, site) => {
  test("refuses who is blocked, before anything reaches the backend, and nobody else", async () => {
    expect(await served.ask(site, "/page", { groups })).toMatchObject({
      status: 200,
      body: "the application",
    });
    await served.block(["Ada@Example.com"]);
    reached.length = 0;

    const refused = await served.ask(site, "/page", { groups, method: "POST" });

    expect(refused.status).toBe(403);
    expect(refused.body).toContain(`Your access to ${site.domain} has been withdrawn`);
    expect(reached).toEqual([]);
    expect(await served.ask(site, "/page", { groups, upn: "bob@example.com" })).toMatchObject({
      status: 200,
    });
    await served.block([]);
    expect(await served.ask(site, "/page", { groups })).toMatchObject({ status: 200 });
  });

  test("refuses their WebSockets", async () => {
    await served.block(["ada@example.com"]);
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-fetch-mode": "websocket" };
    expect(await served.ask(site, "/socket", { groups, headers })).toMatchObject({ status: 403 });
  });
});

test("a UPN is blocked however the token writes it, and no other that looks like it", async () => {
  const long = `${"a".repeat(64)}@example.com`;
  const names = ["o'neil#ext#@example.com", "~tilde@example.com", "a.b+c!d^e@example.com", long];
  await served.block(names);
  for (const upn of [...names, "A".repeat(64).concat("@example.com")])
    expect(await served.ask(parts, "/", { upn }), upn).toMatchObject({ status: 403 });
  for (const upn of ["axb+c!d^e@example.com", "tilde@example.com", `b${long}`, "xo'neil#ext#@example.com"])
    expect(await served.ask(parts, "/", { upn }), upn).toMatchObject({ status: 200 });
});

test("hundreds of people can be blocked", async () => {
  const names = Array.from({ length: 1000 }, (_, index) => `somebody.${index}@example.com`);
  await served.block(names);
  expect(await served.ask(parts, "/", { upn: "somebody.999@example.com" })).toMatchObject({ status: 403 });
  expect(await served.ask(parts, "/", { upn: "somebody.1000@example.com" })).toMatchObject({ status: 200 });
});

test("a part with a rule of its own and one with an open method refuse them as well; what is open stays so", async () => {
  await served.block(["ada@example.com"]);
  for (const [method, path] of [
    ["GET", "/admin"],
    ["GET", "/admin/x"],
    ["GET", "/hook/x"],
    ["GET", "/hook"],
  ] as const)
    expect(await served.ask(parts, path, { method, groups }), path).toMatchObject({ status: 403 });
  expect(await served.ask(parts, "/hook/x", { method: "POST", groups })).toMatchObject({ status: 200 });
});

test("the page names whom to ask, and is no one else's", async () => {
  await served.block(["ada@example.com"]);
  expect((await served.ask(parts, "/", { groups })).body).toContain("ask the &lt;lab&gt; team");
  expect((await served.ask(rpc, "/nowhere", { upn: "bob@example.com" })).status).not.toBe(403);
  expect((await served.ask(rpc, "/x", { method: "POST" })).status).toBe(403);
});

test("a bearer token of somebody who is blocked is refused, and those of applications are not", async () => {
  const [, site] = sites.find(([kind]) => kind === "a site with roles") ?? [];
  if (site === undefined) throw new Error("no such site");
  await served.block(["ada@example.com"]);
  const by = (upn: string) => ({
    groups: null,
    headers: { authorization: `Bearer header.${cookieOf({ upn, groups: ["reader"] })}.signature` },
  });
  expect(await served.ask(site, "/", by("ada@example.com"))).toMatchObject({ status: 403 });
  expect(await served.ask(site, "/", by("bob@example.com"))).toMatchObject({ status: 200 });
});

test("without the list Nginx keeps what it had", async () => {
  await served.block(["ada@example.com"]);
  await served.reloadWithoutList();
  expect(await served.ask(parts, "/", { groups })).toMatchObject({ status: 403 });
  expect(await readFile(served.errorLog, "utf8")).toMatch(/\[emerg\].*blocked\.conf/);
});
