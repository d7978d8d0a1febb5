/** Attempts to get past the sign-in, or to be taken for somebody else. None may succeed. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { attempts } from "./bypass-attempts.ts";
import { passing, reached } from "./bypass.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { cookieHeader, openAs } from "./people.ts";

const code = "https://code.lab.test";
const session = "_oauth2_proxy_site";

let browser: Browser;
let bob: string;
let ada: string;
/** ada's session of the other site. */
let elsewhere: string;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
  bob = await cookieHeader((await openAs(browser, people.bob, `${code}/`)).context(), code);
  const page = await openAs(browser, people.ada, `${code}/`);
  ada = await cookieHeader(page.context(), code);
  await page.goto("https://wiki.lab.test/");
  elsewhere = await cookieHeader(page.context(), "https://wiki.lab.test");
});

afterAll(() => close(browser));

test(`${attempts.length} attempts without a session: none reaches the application`, async () => {
  const { through } = await passing("");
  console.log(`${attempts.length} attempts without a session, ${through.length} passed`);
  expect(through).toEqual([]);
});

test(`${attempts.length} attempts with bob's session: the application never sees anybody else`, async () => {
  const { seen, through } = await passing(bob, "bob@lab.test");
  console.log(
    `${attempts.length} attempts with bob's session, ${seen} seen by the application, ${through.length} as somebody else`,
  );
  expect(through).toEqual([]);
  expect(seen).toBeGreaterThan(attempts.length / 4);
});

test("on port 80 no request reaches the backend, with or without a session", async () => {
  const plain = attempts
    .filter(({ protocol = "http1" }) => protocol === "http1")
    .map((it) => ({ ...it, protocol: "plain" as const }));
  for (const cookie of ["", ada]) {
    const { seen, attempts: made } = await passing(cookie, undefined, plain);
    console.log(`${made} attempts on port 80, ${seen} passed`);
    expect(seen).toBe(0);
  }
});

test("no invalid session reaches the backend", async () => {
  const parts = ada.split("; ").filter((it) => it.startsWith(session));
  const value = (cookie: string) => cookie.slice(cookie.indexOf("=") + 1);
  const first = parts[0] ?? "";
  const bobs = bob.split("; ").filter((it) => it.startsWith(session));
  expect(value(first).split("|")).toHaveLength(3);
  const [data = "", time = "", signature = ""] = value(first).split("|");
  const [bobData = "", , bobSignature = ""] = value(bobs[0] ?? "").split("|");
  const forged = {
    "wiki's session, which has the same name": elsewhere,
    "no signature": `${session}=${data}|${time}`,
    "an empty signature": `${session}=${data}|${time}|`,
    "only the data": `${session}=${data}`,
    "a later time": `${session}=${data}|${Number(time) + 3600}|${signature}`,
    "a time long ago": `${session}=${data}|1000000000|${signature}`,
    "another's signature": `${session}=${data}|${time}|${bobSignature}`,
    "another's data": `${session}=${bobData}|${time}|${signature}`,
    "cut in half": `${session}=${value(first).slice(0, value(first).length / 2)}`,
    "one letter less": `${session}=${value(first).slice(0, -1)}`,
    "one part of two": `${session}_0=${value(first).slice(0, 100)}; ${session}_1=`,
    "parts in the wrong order": `${session}_1=${value(first).slice(0, 100)}; ${session}_0=${value(first).slice(100)}`,
    "parts of two people": `${session}_0=${value(first).slice(0, 200)}; ${session}_1=${value(bobs[0] ?? "").slice(200)}`,
    "an upper-case name": `${session.toUpperCase()}=${value(first)}`,
    "a name with a space": `${session} x=${value(first)}`,
    "a longer name": `${session}x=${value(first)}`,
    "nothing in it": `${session}=`,
    null: `${session}=null`,
    "JSON that says so": `${session}=${Buffer.from('{"Email":"ada@lab.test","User":"ada"}').toString("base64")}|${time}|${signature}`,
    "40 cookies": Array.from({ length: 40 }, (_, index) => `${session}_${index}=${index}`).join("; "),
    "40 cookies of the same name": Array.from({ length: 40 }, () => `${session}=x`).join("; "),
    "the sign-in's own cookie": `${session}_csrf=${value(first)}`,
    "a signature of another algorithm": `${session}=${data}|${time}|none`,
  };
  const passed: string[] = [];
  for (const [what, cookie] of Object.entries(forged)) {
    const plain = attempts.find((it) => it.what.startsWith("method: OPTIONS /x"));
    if (plain === undefined || (await reached(plain, cookie)).length > 0) passed.push(what);
  }
  console.log(`${Object.keys(forged).length} sessions that are none, ${passed.length} passed`);
  expect(passed).toEqual([]);
});
