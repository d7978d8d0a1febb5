/** What reaches an application of a request's path, and which paths reach none. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { application, serve, siteOf } from "./served.ts";

const group = "7e57ab1e-0000-4000-8000-000000000002";
const open = [{ path: "/public/", match: "prefix", methods: ["GET"], why: "A test." }];
const echo = await application(({ url }, response) => {
  response.end(url);
});

const rules = siteOf("rules", 1, {
  upstream: `http://${echo}`,
  open,
  paths: [{ path: "/admin", allowedGroups: [group] }],
});
const onlyOpen = siteOf("open", 2, { upstream: `http://${echo}`, open });
const other = await application(({ url }, response) => {
  response.end(`other ${url}`);
});
const parts = siteOf("parts", 5, {
  upstream: `http://${echo}`,
  open: [...open, { path: "/api/health", why: "A test." }],
  paths: [
    { path: "/admin", allowedGroups: [group] },
    { path: "/api/secret", allowedGroups: [group] },
  ],
  upstreams: [
    { path: "/api/", upstream: `http://${other}` },
    { path: "/api/inner", upstream: `http://${echo}` },
    { path: "/public/other", upstream: `http://${other}` },
  ],
});
const onwards = siteOf("onwards", 8, {
  upstream: `http://${await application(({ url = "" }, response) => {
    const [, to] = url.split("?");
    if (to !== undefined) response.setHeader("X-Accel-Redirect", to);
    response.end("own");
  })}`,
  open,
  paths: [{ path: "/admin", allowedGroups: [group] }],
  upstreams: [
    { path: "/api", upstream: `http://${await application((_, response) => response.end("other"))}` },
  ],
});
const hook = siteOf("hook", 9, {
  upstream: `http://${await application(({ headers }, response) => {
    response.end(JSON.stringify(Object.keys(headers).filter((name) => name.includes("method"))));
  })}`,
  open: [{ path: "/hook", methods: ["POST"], why: "A test." }],
});
const htFiles = siteOf("ht", 4, { upstream: `http://${echo}`, refuseHtFiles: false });
const dav = siteOf("dav", 6, {
  upstream: `http://${await application(({ url, headers: { destination } }, response) => {
    response.end(`${url ?? ""} to ${String(destination)}`);
  })}`,
  open: [{ path: "/drop/", match: "prefix", methods: ["PUT", "MOVE"], why: "A test." }],
  paths: [
    { path: "/admin", allowedGroups: [group] },
    { path: "/team/secret", allowedGroups: [group] },
  ],
});
const drop = siteOf("drop", 7, { upstream: dav.upstream, open: dav.open as never });
const below = siteOf("below", 3, { upstream: `http://${echo}/app/`, open });

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  served = await serve([rules, onlyOpen, below, htFiles, parts, dav, drop, onwards, hook]);
});
afterAll(() => served.close());

/** Paths that applications have, and other spellings that servers read in their own ways. */
const targets = [
  ..."/ /a /a/b?x=1 /?x=//../%2F /a%20b/c%3Fd?e=%2F /a%2Fb /a%2fb /a%252Fb /%2F/x /a%3Bb /a;jsessionid=1 /a%2Bb+c".split(
    " ",
  ),
  ..."//a //a//b///c// /a/%41%7e~ /caf%C3%A9/%E2%82%AC /a%25 /100%25/%2525 /a/./b /a/../b /a/%2e/b /a/. /.git/x".split(
    " ",
  ),
  ..."/a%22b'c(d)!*$&,=:@ /a|b /a^b`{c} /a%0Ab /%C0%80 /a\\b /a%5Cb /#a /a#b?c /a? /a?? /a?b#c /app/x /public/x/%2F".split(
    " ",
  ),
];

test(`of ${targets.length} paths and queries, an application below a path of its own gets the bytes that were sent`, async () => {
  const changed: string[] = [];
  for (const target of targets) {
    const { status, body } = await served.ask(below, target);
    if (status !== 400 && body !== `/app${target}`) changed.push(`${target}: ${status} ${body}`);
  }
  expect(changed).toEqual([]);
  const refused = [];
  for (const target of targets) if ((await served.ask(below, target)).status === 400) refused.push(target);
  // A line break, and an encoded "/" in two bytes.
  expect(refused).toEqual(["/a%0Ab", "/%C0%80"]);
});

test("also where the method of an open path is not the one that is open", async () => {
  const target = "/public/a%2Fb?x=%2F";
  const post = { method: "POST", headers: { "content-length": "0" } };
  expect((await served.ask(below, target, post)).body).toBe(`/app${target}`);
  expect((await served.ask(below, target, { ...post, groups: null })).status).toBe(401);
  expect((await served.ask(below, target, { groups: null })).body).toBe(`/app${target}`);
});

test("without a session, no method other than the open one reaches a backend", async () => {
  const names = ["x-http-method-override", "x-http-method", "x-method-override"];
  const headers = Object.fromEntries(names.map((name) => [name, "DELETE"]));
  expect((await served.ask(hook, "/hook", { method: "POST", headers, groups: null })).body).toBe("[]");
  const signedIn = await served.ask(hook, "/other", { method: "POST", headers });
  expect(JSON.parse(signedIn.body)).toEqual(names);
});

test("nothing above the part of a backend that a site exposes can be reached", async () => {
  for (const target of [
    "/..;/x",
    "/%252e%252e/x",
    "/..%5cx",
    "/x/;/../../y",
    "/a\\..\\..\\x",
    "/..%2fx",
    "/../x",
  ])
    expect((await served.ask(below, target)).status, target).toBe(400);
});

test("on an open path, signed-in users are never refused", async () => {
  for (const target of targets) {
    const { status, body } = await served.ask(onlyOpen, target);
    expect([status, body], target).toEqual([200, target]);
  }
});

test("what may be read as another path than the open one is not open", async () => {
  const anonymous = async (target: string) => (await served.ask(onlyOpen, target, { groups: null })).status;
  for (const target of ["/public/x", "/public/a%2Fb", "/public/x;v=1", "/public//x"])
    expect(await anonymous(target), target).toBe(200);
  for (const target of [
    "/public/..;/x",
    "//public/x",
    "/x/../public/y",
    "/public/%252e%252e/x",
    "/%70ublic/x",
    "/public/..%5cx",
  ])
    expect(await anonymous(target), target).toBe(401);
});

describe("beside a rule for another part", () => {
  test.each([
    ["GitLab", "/api/v4/projects/group%2Fadmin/merge_requests"],
    ["RabbitMQ", "/api/queues/%2F/admin"],
    ["Tomcat", "/shop;jsessionid=0123456789ABCDEF"],
    ["a proxy that encodes twice", "/artifacts/a%252Fb"],
    ["slashes too many", "//static//main.css"],
  ])("paths pass as they are: %s", async (_, target) => {
    expect((await served.ask(rules, target)).body).toBe(target);
  });

  test("what may be read as the rule's path gets a page that says why", async () => {
    for (const target of [
      "/admin;x",
      "/x/..;/admin",
      "//x/admin",
      "/%2561dmin",
      "/x%5c..%5cadmin",
      "/public/..;/admin",
    ]) {
      const { status, body } = await served.ask(rules, target, { groups: [group] });
      expect([status, body.includes("does not accept this address")], target).toEqual([400, true]);
    }
    expect((await served.ask(rules, "/Admin", { groups: [group] })).status).toBe(404);
  });

  test("users who satisfy the rule may use every spelling below it", async () => {
    for (const target of ["/admin/a%2Fb", "/admin/x;v=1", "/admin//x", "/%61dmin"]) {
      expect((await served.ask(rules, target, { groups: [group] })).body, target).toBe(target);
      expect((await served.ask(rules, target)).status, target).toBe(403);
    }
  });
});

describe("with applications by path", () => {
  test("each backend gets the requests below its path byte for byte, and the site's own the rest", async () => {
    for (const target of [
      "/api",
      "/api/",
      "/api/a%2Fb?x=//../%2F",
      "/%61pi/x",
      "//api/y",
      "/x/../api/z",
      "/public/other/x",
    ])
      expect((await served.ask(parts, target)).body, target).toBe(`other ${target}`);
    for (const target of [
      "/",
      "/apix",
      "/API/x",
      "/x/api/",
      "/api/inner",
      "/api/inner/x",
      "/api/../x",
      "/public/otherx",
    ])
      expect((await served.ask(parts, target)).body, target).toBe(target);
  });

  test("who may enter is what it would be with one", async () => {
    const groups = { stranger: null, someone: [], member: [group] };
    for (const [target, stranger, someone, member] of [
      ["/api/x", 401, 200, 200],
      ["/api/inner/x", 401, 200, 200],
      ["/api/secret/x", 401, 403, 200],
      ["/admin", 401, 403, 200],
      ["/api/health", 200, 200, 200],
      ["/public/x", 200, 200, 200],
      ["/public/other/x", 200, 200, 200],
    ] as const) {
      for (const [who, status] of Object.entries({ stranger, someone, member })) {
        const answer = await served.ask(parts, target, { groups: groups[who as keyof typeof groups] });
        expect([answer.status, who], target).toEqual([status, who]);
      }
    }
    const post = { method: "POST", headers: { "content-length": "0" } };
    expect((await served.ask(parts, "/api/health", { ...post, groups: null })).status).toBe(401);
    expect((await served.ask(parts, "/api/health", post)).body).toBe("other /api/health");
  });

  test("no backend gets a path that may be read as one above its own, or as one with a rule", async () => {
    for (const target of [
      "/api/..%2fadmin",
      "/api/..;/x",
      "/api/%252e%252e/x",
      "/api/x/..%5c..%5c..%5cy",
      "/x/..%2fapi/secret",
    ])
      expect((await served.ask(parts, target, { groups: [group] })).status, target).toBe(400);
  });
});

describe("a COPY or MOVE", () => {
  const own = "https://dav.example.com";
  const move = (target: string, destination: string, groups: readonly string[] | null, site = dav) =>
    served.ask(site, target, { method: "MOVE", headers: { destination }, groups });

  test("leads to paths of the same rule, or of none", async () => {
    for (const [target, destination] of [
      ["/a", `${own}/b%20c`],
      ["/team/a", "/b"],
      ["/a", `${own}/drop/b`],
    ] as const)
      expect((await move(target, destination, [])).body).toBe(`${target} to ${destination}`);
    for (const destination of [`${own}/admin/b`, `${own}:443/b`])
      expect((await move("/admin/a", destination, [group])).body).toBe(`/admin/a to ${destination}`);
    expect((await move("/admin/a", `${own}/admin/b`, [])).status).toBe(403);
  });

  test("leads to no path of another rule, even for users who satisfy that rule", async () => {
    for (const [target, destination] of [
      ["/a", `${own}/admin/b`],
      ["/a", "/team/secret/b"],
      ["/a", "/Admin/b"],
      ["/a", "/x/..%2fadmin/b"],
      ["/admin/a", "/team/secret/b"],
      ["/a", "https://elsewhere.test/b"],
      ["/drop/a", "/admin/b"],
    ] as const) {
      const { status, body } = await move(target, destination, [group]);
      expect([status, body.includes("does not accept this address")], destination).toEqual([400, true]);
    }
  });

  test("neither moves nor replaces a part with a rule of its own", async () => {
    for (const [target, destination] of [
      ["/team", "/b"],
      ["/team/", "/b"],
      ["/a", "/team"],
      ["/", "/b"],
    ] as const)
      expect((await move(target, destination, [group])).status, `${target} ${destination}`).toBe(400);
  });

  test("that anybody may make leads nowhere but below the open path", async () => {
    for (const site of [dav, drop]) {
      const at = `https://${site.domain}`;
      expect((await move("/drop/a", `${at}/drop/b`, null, site)).body).toBe(`/drop/a to ${at}/drop/b`);
      for (const destination of [`${at}/b`, "/drop/../b", "https://elsewhere.test/drop/b", "/dropped"])
        expect([400, 401], destination).toContain((await move("/drop/a", destination, null, site)).status);
      expect((await move("/drop/a", "/b", [], site)).body).toBe("/drop/a to /b");
    }
  });

  test("says where it leads once", async () => {
    const headers = { destination: [`${own}/b`, `${own}/admin/b`] as never };
    const { status, body } = await served.ask(dav, "/a", { method: "MOVE", headers });
    expect(status === 400 || body === `/a to ${own}/b`).toBe(true);
  });
});

test("X-Accel-Redirect reaches no path that the client could not reach itself", async () => {
  const on = (to: string, groups: readonly string[] | null) =>
    served.ask(onwards, `/public/on?${to}`, { groups });
  expect((await on("/api/x", [])).body).toBe("other");
  expect((await on("/public/x", null)).body).toBe("own");
  expect((await on("/x", null)).status).toBe(401);
  expect((await on("/admin", [])).status).toBe(403);
  expect((await on("/admin", [group])).body).toBe("own");
});

test("with refuseHtFiles: false, signed-in users reach paths that begin with .ht", async () => {
  for (const target of ["/.htaccess", "/tree/main/.htpasswd"]) {
    expect((await served.ask(onlyOpen, target)).status).toBe(404);
    expect((await served.ask(htFiles, target)).body).toBe(target);
    expect((await served.ask(htFiles, target, { groups: null })).status).toBe(401);
  }
});
