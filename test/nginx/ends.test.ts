/** What ends by the host's own clock: nobody pushes, and nobody reloads Nginx. */
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { blockedList } from "../../components/render/nginx/blocked.ts";
import { digitsOf } from "../../components/render/nginx/ends.ts";
import { nginxSite } from "../../components/render/nginx/site.ts";
import { blockedFile, paths } from "../../components/site/names.ts";
import { application, serve, siteOf } from "./served.ts";

const upstream = `http://${await application((_, response) => response.end("the application"))}`;
const dayFrom = (days: number) => new Date(Date.now() + days * 86_400_000).toJSON().slice(0, 10);
const [yesterday, today, tomorrow] = [-1, 0, 1].map(dayFrom) as [string, string, string];
const why = "A test.";
const group = "7e57ab1e-0000-4000-8000-000000000002";

const site = siteOf("ends", 1, {
  upstream,
  open: [
    { path: "/long-over", why, until: "2001-01-01" },
    { path: "/yesterday", why, until: yesterday },
    { path: "/today", why, until: today },
    { path: "/tomorrow", why, until: tomorrow },
    { path: "/next-millennium", why, until: "2999-12-31" },
    { path: "/always", why },
    { path: "/admin/over/", match: "prefix", why, until: yesterday },
  ],
  paths: [{ path: "/admin", allowedGroups: [group] }],
});
const soon = siteOf("ends-soon", 2, { upstream, open: [{ path: "/soon", why, until: tomorrow }] });

/** Later than when Nginx has started and has been asked. */
const seconds = 15;
let end: number;
let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  end = Math.ceil(Date.now() / 1000) + seconds;
  const endsSoon = (text: string) => text.replaceAll(digitsOf(tomorrow), String(end).padStart(11, "0"));
  served = await serve(
    [site, soon],
    new Map([
      [`${paths(soon.domain).current}/nginx.conf`, endsSoon(nginxSite(soon))],
      [blockedFile, endsSoon(blockedList([{ user: "eve@example.com", until: tomorrow }]))],
    ]),
  );
});
afterAll(() => served.close());

test("an open path and a block end at their second, while Nginx goes on", async () => {
  const anybody = () => served.ask(soon, "/soon", { groups: null });
  const eve = () => served.ask(site, "/", { upn: "eve@example.com" });
  expect(await anybody()).toMatchObject({ status: 200, body: "the application" });
  expect(await eve()).toMatchObject({ status: 403 });
  expect(Date.now(), "this machine was too slow").toBeLessThan(end * 1000);

  await sleep(end * 1000 - Date.now());

  expect(await anybody()).toMatchObject({ status: 401 });
  expect(await eve()).toMatchObject({ status: 200 });
});

describe("an open path", () => {
  test.each(["/today", "/tomorrow", "/next-millennium", "/always"])("%s is open", async (path) => {
    expect(await served.ask(site, path, { groups: null })).toMatchObject({ status: 200 });
  });

  test.each(["/long-over", "/yesterday"])("%s is as protected as the rest of the site", async (path) => {
    expect(await served.ask(site, path, { groups: null })).toMatchObject({ status: 401 });
    expect(await served.ask(site, path)).toMatchObject({ status: 200 });
    expect(await served.ask(site, path, { upn: "ada@elsewhere.test" })).toMatchObject({ status: 401 });
  });

  test("that has ended within a part with a rule is under that rule", async () => {
    expect(await served.ask(site, "/admin/over/x")).toMatchObject({ status: 403 });
    expect(await served.ask(site, "/admin/over/x", { groups: [group] })).toMatchObject({ status: 200 });
    expect(await served.ask(site, "/admin/over/x", { groups: null })).toMatchObject({ status: 401 });
  });
});

describe("a block", () => {
  const upns = ["ada@example.com", `${"a".repeat(64)}@example.com`];
  beforeEach(() => served.block([]));

  test.each(upns)("of %s holds on its last day, and has ended on the next", async (user) => {
    await served.block([{ user, until: today }]);
    expect(await served.ask(site, "/", { upn: user })).toMatchObject({ status: 403 });
    expect(await served.ask(site, "/", { upn: "bob@example.com" })).toMatchObject({ status: 200 });
    await served.block([{ user, until: yesterday }]);
    expect(await served.ask(site, "/", { upn: user })).toMatchObject({ status: 200 });
  });
});
