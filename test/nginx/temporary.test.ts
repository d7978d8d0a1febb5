/** Roles and groups that end by the host's own clock: nobody pushes, and oauth2-proxy goes on naming them. */
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { digitsOf } from "../../components/render/nginx/ends.ts";
import { nginxSite } from "../../components/render/nginx/site.ts";
import { paths } from "../../components/site/names.ts";
import { application, serve, siteOf } from "./served.ts";

const backend = `http://${await application(({ headers }, response) => {
  response.end(headers["x-auth-request-roles"] ?? headers["x-auth-request-groups"]);
})}`;
/** A backend that does not answer. */
const nobody = "http://127.0.0.1:1";
const dayFrom = (days: number) => new Date(Date.now() + days * 86_400_000).toJSON().slice(0, 10);
const [yesterday, today, tomorrow] = [-1, 0, 1].map(dayFrom) as [string, string, string];
const [staff, project, others] = [1, 2, 3].map((it) => `7e57ab1e-0000-4000-8000-00000000000${it}`) as [
  string,
  string,
  string,
];
const long = `${"a".repeat(64)}@example.com`;
const temporaryUsers = [
  { user: "Over@example.com", until: yesterday },
  { user: long, until: yesterday },
  { user: "last.day@example.com", until: today },
];

const roles = siteOf("roles", 1, {
  upstream: backend,
  authCache: "60s",
  roles: [
    { value: "reader", groups: ["Staff"] },
    { value: "editor", groups: ["Staff"], temporaryUsers },
    { value: "edit", groups: ["Staff"] },
    { value: "guest", groups: ["Guests"], until: yesterday },
  ],
  paths: [
    { path: "/edit", allowedRoles: ["editor"] },
    { path: "/guests", allowedRoles: ["guest"] },
  ],
  open: [
    { path: "/edit/open", why: "A test." },
    { path: "/edit/over", why: "A test.", until: yesterday },
  ],
});
const groups = siteOf("groups", 2, {
  upstream: backend,
  allowedGroups: [staff],
  temporaryGroups: [{ group: project, until: yesterday }],
  paths: [{ path: "/admin", allowedGroups: [others, project] }],
});
const soon = siteOf("soon", 3, {
  upstream: backend,
  roles: [{ value: "reader", temporaryUsers: [{ user: "eve@example.com", until: tomorrow }] }],
});
const grpc = siteOf("grpc", 4, {
  upstream: "grpc://127.0.0.1:1",
  temporaryGroups: [{ group: project, until: yesterday }],
});
const down = siteOf("down", 5, {
  upstream: nobody,
  allowedGroups: [staff],
  temporaryGroups: [{ group: project, until: yesterday }],
});

/** Later than when Nginx has started and has been asked. */
const seconds = 20;
let end: number;
let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  end = Math.ceil(Date.now() / 1000) + seconds;
  const endsSoon = nginxSite(soon).replaceAll(digitsOf(tomorrow), String(end).padStart(11, "0"));
  served = await serve(
    [roles, groups, soon, grpc, down],
    new Map([[`${paths(soon.domain).current}/nginx.conf`, endsSoon]]),
  );
});
afterAll(() => served.close());

const told = (...list: string[]) => ({ status: 200, body: list.join(",") });
const ended = { status: 403, body: expect.stringContaining("has ended") as string };

test("a role of somebody ends at its second, while Nginx goes on", async () => {
  const eve = () => served.ask(soon, "/", { upn: "eve@example.com", groups: ["reader"] });
  expect(await eve()).toMatchObject(told("reader"));
  expect(Date.now(), "this machine was too slow").toBeLessThan(end * 1000);

  await sleep(end * 1000 - Date.now());

  expect(await eve()).toMatchObject(ended);
  expect(await served.ask(soon, "/", { groups: ["reader"] })).toMatchObject(told("reader"));
});

describe("a role that has ended for one of its people", () => {
  test.each(["over@example.com", "OVER@example.com", long])("is no role of %s", async (upn) => {
    expect(await served.ask(roles, "/", { upn, groups: ["editor"] })).toMatchObject(ended);
    expect(await served.ask(roles, "/edit", { upn, groups: ["editor"] })).toMatchObject(ended);
  });

  test.each([
    [["reader", "editor"], ["reader"]],
    [["editor", "reader"], ["reader"]],
    [
      ["edit", "editor", "reader"],
      ["edit", "reader"],
    ],
    [["edit"], ["edit"]],
  ])("leaves others: of %j, the application is told %j", async (given, left) => {
    const them = { upn: "over@example.com", groups: given };
    expect(await served.ask(roles, "/", them)).toMatchObject(told(...left));
    expect(await served.ask(roles, "/edit", them)).toMatchObject({ status: 403 });
  });

  test("is not left where it is named twice", async () => {
    const them = { upn: "over@example.com", groups: ["editor", "reader", "editor"] };
    expect(await served.ask(roles, "/", them)).toMatchObject(ended);
  });

  test.each(["/edit/over", "/edit/below"])("opens nothing below its rule: %s", async (path) => {
    const them = { upn: "over@example.com", groups: ["reader", "editor"] };
    expect(await served.ask(roles, path, them)).toMatchObject(ended);
    expect(await served.ask(roles, path, { groups: ["reader", "editor"] })).toMatchObject(
      told("reader", "editor"),
    );
  });

  test.each(["last.day@example.com", "lastxday@example.com", "xover@example.com", "overx@example.com"])(
    "is a role of %s",
    async (upn) => {
      expect(await served.ask(roles, "/edit", { upn, groups: ["editor"] })).toMatchObject(told("editor"));
    },
  );

  test("leaves an open path open", async () => {
    expect(await served.ask(roles, "/edit/open", { groups: null })).toMatchObject({ status: 200 });
  });
});

test("a role that has ended for everybody is nobody's", async () => {
  expect(await served.ask(roles, "/", { groups: ["guest"] })).toMatchObject(ended);
  expect(await served.ask(roles, "/guests", { groups: ["guest", "reader"] })).toMatchObject(ended);
  expect(await served.ask(roles, "/", { groups: ["guest", "reader"] })).toMatchObject(told("reader"));
});

test("a group that has ended is no longer enough, nor at a path with a rule", async () => {
  expect(await served.ask(groups, "/", { groups: [project] })).toMatchObject(ended);
  expect(await served.ask(groups, "/", { groups: [project, staff] })).toMatchObject(told(staff));
  expect(await served.ask(groups, "/admin", { groups: [project, staff] })).toMatchObject(ended);
  expect(await served.ask(groups, "/admin", { groups: [others, staff] })).toMatchObject(told(others, staff));
  expect(await served.ask(groups, "/admin", { groups: [others, project] })).toMatchObject(ended);
});

test("a call of gRPC is refused as well", async () => {
  expect(await served.ask(grpc, "/test.Echo/Say", { groups: [project] })).toMatchObject({ status: 403 });
});

test("somebody whose role lasts, or who is blocked, gets the page that says so", async () => {
  expect(await served.ask(down, "/", { groups: [staff] })).toMatchObject({
    status: 502,
    body: expect.stringContaining("currently unavailable") as string,
  });
  await served.block(["mallory@example.com"]);
  expect(await served.ask(down, "/", { groups: [staff], upn: "mallory@example.com" })).toMatchObject({
    status: 403,
    body: expect.stringContaining("withdrawn") as string,
  });
});
