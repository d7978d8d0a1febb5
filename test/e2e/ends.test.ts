/**
 * What ends on a last day, at its second, on hosts that nobody updates: an open path, a block, and somebody's role. A
 * day is too long for a test, so the end in the hosts' files is put some seconds ahead once they have them.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { digitsOf } from "../../components/render/nginx/ends.ts";
import { blockedFile, paths } from "../../components/site/names.ts";
import { openBrowser } from "../lab/browser.ts";
import { leastPermissions } from "../lab/entra/permissions.ts";
import { request } from "../lab/http.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { entra } from "./client-secrets.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { everywhere } from "./on-hosts.ts";
import { cookieHeader, openAs } from "./people.ts";

const code = "https://code.lab.test";
/** Tomorrow, so that it is still to come at any time of the day. */
const until = new Date(Date.now() + 86_400_000).toJSON().slice(0, 10);
/** Longer than the hosts need to read their files again. */
const seconds = 30;

let stack: Stack;
let browser: Browser;
let cookies: Readonly<Record<"ada" | "bob", string>>;

beforeAll(async () => {
  stack = await openStack(lab.name);
  const settings = {
    "sites.code.open[0].path": "/health",
    "sites.code.open[0].why": "A test.",
    "sites.code.open[0].until": until,
    "sites.code.roles[0].value": "member",
    "sites.code.roles[0].users[0]": people.bob.userPrincipalName,
    "sites.code.roles[0].temporaryUsers[0].user": people.ada.userPrincipalName,
    "sites.code.roles[0].temporaryUsers[0].until": until,
    "blocked[0].user": people.bob.userPrincipalName,
    "blocked[0].why": "A test.",
    "blocked[0].until": until,
  };
  await setAll(stack, settings);
  await entra.setPermissions([...leastPermissions, "User.Read.All"]);
  await stack.up();
  browser = await openBrowser({ ca: lab.ca });
  const signIn = async (name: "ada" | "bob") =>
    cookieHeader((await openAs(browser, people[name], `${code}/`)).context(), code);
  cookies = { ada: await signIn("ada"), bob: await signIn("bob") };
});

afterAll(async () => {
  await close(browser);
  await entra.reset();
  stack = await openStack(lab.name);
  await stack.up();
});

/** The statuses of an open path for nobody, and of the site for ada, whose role ends, and bob, whose block does. */
const statuses = () =>
  Promise.all(
    lab.hosts.map(async ({ address }) => {
      const ask = async (path: string, cookie = "") => {
        const headers = { accept: "application/json", cookie };
        return (await request({ url: `${code}${path}`, address, headers })).status;
      };
      return [await ask("/health"), await ask("/", cookies.ada), await ask("/", cookies.bob)];
    }),
  );

test("each ends at its second on every host, without an update or a reload, and the sessions stay", async () => {
  expect(await statuses()).toEqual(lab.hosts.map(() => [200, 200, 403]));

  const end = Math.ceil(Date.now() / 1000) + seconds;
  const files = `${paths("code.lab.test").current}/nginx.conf ${blockedFile}`;
  const moved = `sed -i s/${digitsOf(until)}/${String(end).padStart(11, "0")}/g ${files}`;
  await everywhere(`${moved}; grep -c ${end} ${files} >&2; nginx -s reload; sleep 2`);
  const workers = () => everywhere("pgrep -f 'nginx: worker process$' | sort");
  const before = await workers();
  expect(await statuses()).toEqual(lab.hosts.map(() => [200, 200, 403]));
  expect(Date.now(), "this machine was too slow").toBeLessThan(end * 1000);

  // Hosts have clocks of their own.
  await sleep(end * 1000 - Date.now() + 1000);

  expect(await statuses()).toEqual(lab.hosts.map(() => [401, 403, 200]));
  expect(await workers()).toEqual(before);
  const headers = { accept: "text/html", cookie: cookies.ada };
  const { body } = await request({ url: `${code}/`, address: lab.hosts[0]?.address ?? "", headers });
  expect(body).toContain("Your access to this part of code.lab.test has ended");
});
