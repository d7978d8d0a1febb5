/** gRPC behind sites: a client of gRPC's own gets as far as a browser would, and is told in its own words where it does not. */
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Metadata, ServerCredentials, type ServiceError, status } from "@grpc/grpc-js";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { cookieName } from "../../components/site/names.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import type { Site } from "../../components/site/site.ts";
import { cookieOf } from "../access/oauth2-proxy.ts";
import { Echo, startEcho } from "./grpc-echo.ts";
import { application, serve, siteOf } from "./served.ts";

const upstream = `grpc://${await startEcho()}`;
const web = `http://${await application(({ url }, response) => response.end(url))}`;

const folder = await mkdtemp(join(tmpdir(), "grpc-"));
await execa("openssl", [
  ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=rpc".split(" "),
  ...["-addext", "subjectAltName=DNS:rpc.internal.example.com"],
  ...["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")],
]);
const [key, cert] = await Promise.all(["key.pem", "cert.pem"].map((it) => readFile(join(folder, it))));
const pair = { private_key: key ?? Buffer.alloc(0), cert_chain: cert ?? Buffer.alloc(0) };
const encrypted = `grpcs://${await startEcho(ServerCredentials.createSsl(null, [pair]))}`;

const admins = "7e57ab1e-0000-4000-8000-000000000002";
const rules: Partial<SiteSettings> = {
  paths: [{ path: "/test.Echo/Refuse", match: "exact", allowedGroups: [admins] }],
  open: [{ path: "/test.Echo/Count", methods: ["POST"], why: "for the test" }],
};
const tls = { upstreamServerName: "rpc.internal.example.com", upstreamCa: "/data/rpc-ca.pem" };
const nowhere = "127.0.0.1:9";

const sites = {
  "a site": siteOf("rpc", 1, { upstream, ...rules }),
  "a part of a site": siteOf("part", 2, {
    upstream: web,
    upstreams: [{ path: "/test.Echo", upstream }],
    ...rules,
  }),
  "a site with a part that is not": siteOf("beside", 3, {
    upstream,
    upstreams: [{ path: "/web", upstream: web }],
    ...rules,
  }),
  "a site with TLS to it": siteOf("sealed", 4, { upstream: encrypted, ...tls, ...rules }),
};
const others = {
  strange: siteOf("strange", 5, { upstream: encrypted, ...tls, upstreamServerName: "other.example.com" }),
  away: siteOf("away", 6, { upstream: `grpc://${nowhere}` }),
  backup: siteOf("backup", 7, { upstream: `grpc://${nowhere}`, backupUpstreams: [upstream] }),
  programs: siteOf("programs", 8, {
    upstream,
    roles: [{ value: "caller", groups: [admins], applications: ["7e57ab1e-0000-4000-8000-0000000000a1"] }],
  }),
  authority: siteOf("authority", 9, { upstream, hostHeader: "upstream", passAuthorization: true }),
};

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  const files = new Map([[tls.upstreamCa, pair.cert_chain.toString()]]);
  served = await serve([...Object.values(sites), ...Object.values(others)], files);
});
afterAll(() => served.close());

function metadata(given: Record<string, string> = {}): Metadata {
  const made = new Metadata();
  for (const [name, value] of Object.entries(given)) made.set(name, value);
  return made;
}

/** What somebody sends who is signed in, and would rather be somebody else. */
function signedIn(site: Site, groups: readonly string[] = []): Metadata {
  const session = `${cookieName(site)}=${cookieOf({ upn: "ada@example.com", groups })}`;
  return metadata({
    cookie: `${session}; own=1`,
    ...{ "x-auth-request-user": "eve", "x-auth-request-groups": "eve", "x-forwarded-email": "eve" },
    ...{ authorization: "Basic eve", "x-forwarded-for": "192.0.2.9", "x-own": "1" },
  });
}

/** The code with which a call ended. */
async function failure(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return status.OK;
  } catch (error) {
    return (error as ServiceError).code;
  }
}

describe.each(Object.entries(sites))("where gRPC is %s,", (_, site) => {
  const echo = new Echo(site);
  afterAll(() => {
    echo.close();
  });

  test("a backend gets the caller's identity from the site only, and its trailers arrive", async () => {
    const { body, initial, trailers } = await echo.unary("Tell", signedIn(site, [admins]));
    expect(JSON.parse(body)).toMatchObject({
      ...{ "x-auth-request-groups": admins, cookie: "own=1", "x-own": "1", host: site.domain },
      ...{ "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https" },
    });
    expect(body).not.toContain("eve");
    expect(body).not.toContain("192.0.2.9");
    expect(initial.get("x-initial")).toEqual(["the start"]);
    expect(trailers.get("x-trailer")).toEqual(["the end"]);
  });

  test("a backend's own refusal keeps its status and its body", async () => {
    await expect(echo.unary("Refuse", signedIn(site, [admins]))).rejects.toMatchObject({
      ...{ code: status.FAILED_PRECONDITION, details: "not on a Sunday" },
    });
  });

  test("streams work in both directions, message by message", async () => {
    const own = signedIn(site);
    expect(await echo.talk(own, ["a", "b", "c"])).toEqual(["a!", "b!", "c!"]);
    expect(await echo.join(own, ["a", "b".repeat(200_000)])).toBe(`a${"b".repeat(200_000)}`);
    expect((await echo.count(own)).slice(0, 2)).toEqual(["1", "2"]);
  });

  test("every kind of call without a session is UNAUTHENTICATED", async () => {
    const stranger = metadata({ "x-auth-request-user": "eve", authorization: "Bearer eve" });
    expect(await failure(echo.unary("Tell", stranger))).toBe(status.UNAUTHENTICATED);
    expect(await failure(echo.join(stranger, ["a", "b"]))).toBe(status.UNAUTHENTICATED);
    expect(await failure(echo.talk(stranger, ["a", "b"]))).toBe(status.UNAUTHENTICATED);
  });

  test("a method with a rule of its own is PERMISSION_DENIED to who is not in its groups", async () => {
    expect(await failure(echo.unary("Refuse", signedIn(site)))).toBe(status.PERMISSION_DENIED);
  });

  test("an open method is available to everybody, without an identity", async () => {
    const [, , told = ""] = await echo.count(signedIn(site, [admins]));
    expect(JSON.parse(told)).toMatchObject({ host: site.domain, "x-own": "1" });
    expect(told).not.toMatch(/eve|x-auth-request|authorization/);
    expect((await echo.count(metadata())).slice(0, 2)).toEqual(["1", "2"]);
  });
});

test("with gRPC on some paths, all others use HTTP, and none uses both", async () => {
  const { "a part of a site": part, "a site with a part that is not": beside } = sites;
  for (const path of ["/", "/test.Echox/Tell", "/test.Ech"])
    expect(await served.ask(part, path)).toMatchObject({ status: 200, body: path });
  expect(await served.ask(beside, "/web/x")).toMatchObject({ status: 200, body: "/web/x" });
  expect((await served.ask(part, "/test.Echo/Tell", { method: "POST", groups: null })).status).toBe(401);
});

test.each([
  ["whose certificate is another's", others.strange],
  ["that is not there", others.away],
])("an application %s is UNAVAILABLE", async (_, site) => {
  const echo = new Echo(site);
  expect(await failure(echo.unary("Tell", signedIn(site)))).toBe(status.UNAVAILABLE);
  echo.close();
});

test("a backup answers if no connection can be made", async () => {
  const echo = new Echo(others.backup);
  expect((await echo.unary("Tell", signedIn(others.backup))).trailers.get("x-trailer")).toEqual(["the end"]);
  echo.close();
});

test("an application's token gives it access, and does not reach the backend", async () => {
  const echo = new Echo(others.programs);
  const bearer = (groups: readonly string[]) =>
    metadata({ authorization: `Bearer a.${cookieOf({ upn: "robot@example.com", groups })}.c` });
  const { body } = await echo.unary("Tell", bearer(["caller"]));
  expect(JSON.parse(body)).toMatchObject({ "x-auth-request-roles": "caller" });
  expect(body).not.toContain("Bearer");
  expect(await echo.talk(bearer(["caller"]), ["a", "b"])).toEqual(["a!", "b!"]);
  expect(await failure(echo.unary("Tell", bearer([])))).toBe(status.UNAUTHENTICATED);
  echo.close();
});

test("a backend gets its own host name and the client's Authorization if the site is configured so", async () => {
  const echo = new Echo(others.authority);
  const { body } = await echo.unary("Tell", signedIn(others.authority));
  expect(JSON.parse(body)).toMatchObject({ host: new URL(upstream).host, authorization: "Basic eve" });
  echo.close();
});
