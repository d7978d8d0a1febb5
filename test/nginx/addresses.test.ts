/** Applications with an address of their own: what they say of it, and what they are told of the browser's. */
import { createServer } from "node:https";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { certify, makeAuthority } from "../lab/certificates.ts";
import { application, serve, siteOf } from "./served.ts";

const ca = "/etc/ssl/certs/backends-of-the-tests.pem";
const authority = await makeAuthority("backends");
const { certificate: cert, key } = await certify(authority, ["app.internal.test"]);

/** Answers with the headers that the query names, and tells the request's. */
const address = await application(({ url, headers }, response) => {
  for (const [name, value] of new URL(url ?? "", "http://x").searchParams) response.appendHeader(name, value);
  response.writeHead(response.hasHeader("location") ? 302 : 200).end(JSON.stringify(headers));
});
const [, port = ""] = address.split(":");
const modern = await application(
  createServer({ cert, key, minVersion: "TLSv1.3" }, (_, response) => response.end("encrypted")),
);

const below = siteOf("below", 1, { upstream: `http://${address}/app/` });
const named = siteOf("named", 2, { upstream: `http://${address}`, hostHeader: "upstream" });
const both = siteOf("both", 3, { upstream: `http://${address}/app/`, hostHeader: "upstream" });
const plain = siteOf("plain", 4, { upstream: `http://${address}` });
const tls = siteOf("tls", 5, {
  upstream: `https://${modern}`,
  upstreamCa: ca,
  upstreamServerName: "app.internal.test",
});

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  served = await serve([below, named, both, plain, tls], new Map([[ca, authority.certificate]]));
});
afterAll(() => served.close());

async function said(site: typeof below, name: string, ...values: string[]) {
  const query = values.map((value) => `${name}=${encodeURIComponent(value)}`).join("&");
  return (await served.ask(site, `/?${query}`)).headers[name.toLowerCase()];
}

describe("a redirect of an application below a path of its own", () => {
  test.each([
    ["/app/page?x=1", "https://below.example.com/page?x=1"],
    ["/app", "https://below.example.com/"],
    ["/app?x=1", "https://below.example.com/?x=1"],
    ["https://below.example.com/app/x", "https://below.example.com/x"],
    ["https://below.example.com:443/app/x", "https://below.example.com/x"],
    ["http://below.example.com:80/app", "https://below.example.com/"],
    ["//below.example.com/app/x", "https://below.example.com/x"],
    [`http://127.0.0.1:${port}/app/x`, "https://below.example.com/x"],
    ["/app//elsewhere.test/", "https://below.example.com//elsewhere.test/"],
    ["/application", "https://below.example.com/application"],
    ["//elsewhere.test/app/", "//elsewhere.test/app/"],
    ["https://elsewhere.test/app/", "https://elsewhere.test/app/"],
    ["page", "page"],
  ])("%s is %s to the browser", async (to, is) => {
    const got = await said(below, "Location", to);
    // Nginx itself makes a path absolute.
    expect(new URL(String(got), "https://below.example.com/").href).toBe(
      new URL(is, "https://below.example.com/").href,
    );
  });

  test("is rewritten in Refresh too", async () => {
    expect(await said(below, "Refresh", "5; url=/app/next")).toBe("5; url=https://below.example.com/next");
    expect(await said(below, "Refresh", "5; url=https://elsewhere.test/app/")).toBe(
      "5; url=https://elsewhere.test/app/",
    );
  });

  test("is rewritten in Link, which may contain several", async () => {
    const own = "https://below.example.com";
    expect(
      await said(
        below,
        "Link",
        `</app/2>; rel="next", <${own}:443/app/9>; rel="last", <//cdn.test/x.css>; rel=preload`,
      ),
    ).toBe(`<${own}/2>; rel="next", <${own}/9>; rel="last", <//cdn.test/x.css>; rel=preload`);
    expect(await said(below, "Link", "<https://elsewhere.test/app/>; rel=author")).toBe(
      "<https://elsewhere.test/app/>; rel=author",
    );
    expect(await said(plain, "Link", "</app/2>; rel=next")).toBe("</app/2>; rel=next");
  });
});

test("with hostHeader: upstream, redirects and cookies are rewritten to the site's", async () => {
  for (const host of [`127.0.0.1:${port}`, "127.0.0.1", "127.0.0.1:80", "127.0.0.1:443"])
    expect(await said(named, "Location", `http://${host}/x`), host).toBe("https://named.example.com/x");
  expect(await said(named, "Location", "http://127.0.0.1:9/x")).toBe("http://127.0.0.1:9/x");
  expect(await said(named, "Location", "//elsewhere.test/x")).toBe("//elsewhere.test/x");
  expect(await said(named, "Set-Cookie", "a=1; Domain=127.0.0.1; Path=/", "b=2; Path=/")).toEqual([
    "a=1; Domain=named.example.com; Path=/",
    "b=2; Path=/",
  ]);
  expect(await said(both, "Set-Cookie", "a=1; Domain=127.0.0.1; Path=/app")).toEqual([
    "a=1; Domain=both.example.com; Path=/",
  ]);
});

describe("an application that compares Origin or Referer with its name", () => {
  const told = async (site: typeof below, headers: Record<string, string>) => {
    const { host, origin, referer } = JSON.parse((await served.ask(site, "/", { headers })).body) as Record<
      string,
      string | undefined
    >;
    return { host, origin, referer };
  };

  test("gets them as though the browser had asked itself", async () => {
    expect(
      await told(both, { origin: "https://both.example.com", referer: "https://both.example.com/form?x=1" }),
    ).toEqual({
      host: address,
      origin: `https://${address}`,
      referer: `https://${address}/app/form?x=1`,
    });
    expect(await told(named, { origin: "https://named.example.com" })).toEqual({
      host: address,
      origin: `https://${address}`,
    });
  });

  test("gets those of other sites as they are", async () => {
    for (const origin of ["https://elsewhere.test", "null", "https://named.example.com.elsewhere.test"])
      expect((await told(named, { origin, referer: `${origin}/x` })).origin).toBe(origin);
    expect(await told(named, {})).toEqual({ host: address });
  });

  test("gets the site's where it gets the site's Host", async () => {
    const origin = "https://plain.example.com";
    expect(await told(plain, { origin })).toEqual({ host: "plain.example.com", origin });
  });
});

test("a WebDAV backend gets the Destination of a COPY or MOVE with its own host and path", async () => {
  const told = async (site: typeof below, destination: string) => {
    const { body } = await served.ask(site, "/a", { method: "MOVE", headers: { destination } });
    return (JSON.parse(body) as Record<string, string>)["destination"];
  };
  expect(await told(named, "https://named.example.com/b%2F%20c")).toBe(`https://${address}/b%2F%20c`);
  expect(await told(both, "https://both.example.com:443/b")).toBe(`https://${address}/app/b`);
  expect(await told(below, "https://below.example.com/b")).toBe("https://below.example.com/app/b");
  expect(await told(below, "/b")).toBe("https://below.example.com/app/b");
  expect(await told(named, "/b")).toBe(`https://${address}/b`);
  expect(await told(named, "")).toBe(undefined);
  expect(await told(plain, "https://plain.example.com/b")).toBe("https://plain.example.com/b");
  expect(await told(plain, "https://elsewhere.test/b")).toBe("https://elsewhere.test/b");
  // Beside what the site shows of the application.
  for (const destination of ["https://elsewhere.test/b", `http://${address}/b`, "/../b"]) {
    const headers = { destination };
    expect((await served.ask(below, "/a", { method: "MOVE", headers })).status).toBe(400);
  }
});

test("an https application may speak TLS 1.3 only", async () => {
  expect((await served.ask(tls, "/")).body).toBe("encrypted");
});
