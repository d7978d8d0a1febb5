/** What people meet in a browser. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openBrowser, signIn } from "../lab/browser.ts";
import { tenantId } from "../sites.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { newPage, openAs, openSwitch, shownIdentity } from "./people.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
});

afterAll(() => close(browser));

test("ada signs in at Entra, and the backend gets her identity", async () => {
  const page = await newPage(browser);
  await page.goto("https://code.lab.test/");
  const atEntra = new URL(page.url());
  expect(atEntra.origin).toBe("https://login.microsoftonline.com");
  expect(atEntra.pathname).toContain(tenantId);

  await signIn(page, people.ada);

  expect(page.url()).toBe("https://code.lab.test/");
  expect(await page.title()).toBe("code");
  expect(await shownIdentity(page)).toEqual({
    "x-auth-request-user": "ada@lab.test",
    "x-auth-request-email": "ada@lab.test",
    "x-auth-request-preferred-username": "ada@lab.test",
  });
});

test("a sign-in that begins on one host can end on any other", async () => {
  const [first, ...others] = lab.hosts;
  for (const other of others) {
    const hosts = await openSwitch(first?.address ?? "");
    const travelling = await openBrowser({
      ca: lab.ca,
      args: [`--host-resolver-rules=MAP code.lab.test 127.0.0.1:${hosts.port}`],
    });
    try {
      const page = await newPage(travelling);
      await page.goto("https://code.lab.test/");
      hosts.switchTo(other.address);
      await signIn(page, people.ada);

      expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
      expect(hosts.asked).toEqual(new Set([first?.address, other.address]));
    } finally {
      await travelling.close();
      hosts.close();
    }
  }
});

test("after the sign-in, the requested URL is restored completely", async () => {
  const deep = "https://code.lab.test/p/q?x=1&y=2&next=https://a.test//b";
  const page = await openAs(browser, people.ada, deep);

  expect(page.url()).toBe(deep);
  expect(await page.locator("#url").textContent()).toBe("/p/q?x=1&y=2&next=https://a.test//b");
});

test("a WebSocket works behind the sign-in", async () => {
  const page = await openAs(browser, people.ada, "https://code.lab.test/");
  const state = page.locator("#websocket");
  await state.getByText(/works|refused/).waitFor();
  expect(await state.textContent()).toBe("works");
});

test("a user of another e-mail domain is refused, and told who has access and how to use another account", async () => {
  const page = await openAs(browser, people.eve, "https://code.lab.test/");

  expect(await page.getByRole("heading").textContent()).toBe(
    "Your account does not have access to this site",
  );
  const words = await page.locator("body").innerText();
  expect(words).toContain("code.lab.test is open to people whose account ends in @lab.test");
  const again = await page.reload();
  expect(again?.status()).not.toBe(200);

  await page.goto("https://code.lab.test/");
  expect(await page.title()).not.toBe("code");
});

test("a user who was refused can sign out and use another account", async () => {
  const page = await openAs(browser, people.eve, "https://code.lab.test/");
  await page.getByRole("link", { name: "sign out" }).click();
  await page.waitForURL("https://code.lab.test/oauth2/signed-out");
  expect(await page.getByRole("heading").textContent()).toBe("You are signed out of code.lab.test");

  await page.getByRole("link", { name: "Sign in again" }).click();
  await signIn(page, people.ada);
  expect(await page.title()).toBe("code");
});

test("a user without the group can open code but not wiki, and is told why", async () => {
  const page = await openAs(browser, people.bob, "https://code.lab.test/");
  expect(await page.locator("#user").textContent()).toBe("bob@lab.test");

  // bob is signed in at Entra already, which knows that nothing of wiki has been given to him.
  await page.goto("https://wiki.lab.test/");
  expect(new URL(page.url()).hostname).toBe("login.microsoftonline.com");
  expect(await page.locator("body").innerText()).toMatch(/AADSTS50105.*not assigned/s);
});

test("a member of the group can open wiki, and wiki gets only that group", async () => {
  const page = await openAs(browser, people.ada, "https://wiki.lab.test/");
  expect(await page.title()).toBe("wiki");
  expect(await page.locator("[data-header=x-auth-request-groups]").textContent()).toBe(
    "7e57ab1e-0000-4000-8000-000000000001",
  );
});

/** What Entra sends a browser back with, where a sign-in that was begun for `url` ends in an error. */
async function endAtEntra(page: Page, url: string, error: string): Promise<void> {
  const asked = page.waitForRequest(/\/oauth2\/v2\.0\/authorize\?/);
  await page.goto(url);
  const state = new URL((await asked).url()).searchParams.get("state") ?? "";
  await page.goto(
    `https://code.lab.test/oauth2/callback?${new URLSearchParams({ error, state }).toString()}`,
  );
}

test("a sign-in page that stayed open for too long leads through a new sign-in to the requested page", async () => {
  const page = await newPage(browser);
  const deep = "https://code.lab.test/late?x=1&next=https://a.test//b";
  await page.goto(deep);
  // What the browser itself does after half an hour.
  await page.context().clearCookies({ name: /_csrf$/ });
  await signIn(page, people.ada);
  // Entra knows ada by now, and asks for nothing.
  await page.waitForURL(deep);
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
});

test("if a browser restores seven tabs, the seventh gets to its page, too", async () => {
  const context = await browser.newContext();
  const tabs = await Promise.all(Array.from({ length: 7 }, () => context.newPage()));
  for (const [index, tab] of tabs.entries()) await tab.goto(`https://code.lab.test/tab/${index}`);
  await signIn(tabs[6] as Page, people.ada);
  // The first one's cookie has made room for the others'.
  await signIn(tabs[0] as Page, people.ada);
  await tabs[0]?.waitForURL("https://code.lab.test/tab/0");
  expect(await tabs[0]?.title()).toBe("code");
});

test("a browser without cookies does not loop: the second time it gets an explanation", async () => {
  const page = await newPage(browser);
  const query = new URLSearchParams({ code: "x", state: "not-begun-here:https://code.lab.test/deep?x=1" });
  const callback = `https://code.lab.test/oauth2/callback?${query.toString()}`;
  await page.goto(callback);
  await page.waitForURL("https://login.microsoftonline.com/**");

  await page.goto(callback);
  expect(await page.locator("body").innerText()).toContain("is blocking this site's cookies");
  const link = page.getByRole("link", { name: "Continue" });
  expect(await link.getAttribute("href")).toBe("https://code.lab.test/deep?x=1");
});

test.each([
  ["access_denied", "You are not signed in", "Sign in"],
  ["temporarily_unavailable", "Microsoft's sign-in is currently unavailable", "Try again"],
  ["interaction_required", "Signing in failed", "Try again"],
])(
  "who comes back from Entra with %s is told that, and led to what was asked for",
  async (error, heading, link) => {
    const page = await newPage(browser);
    const deep = "https://code.lab.test/p?x=1&y=2";
    await endAtEntra(page, deep, error);
    expect(await page.getByRole("heading").textContent()).toBe(heading);
    expect(await page.locator("body").innerText()).not.toContain("does not have access");

    await page.getByRole("link", { name: link, exact: true }).click();
    await signIn(page, people.ada);
    expect(page.url()).toBe(deep);
  },
);

/** Signs somebody out of the site alone, as when the session has ended. */
const endSession = (page: Page) => page.context().clearCookies({ domain: "code.lab.test" });

test("a link's fragment is restored after the sign-in, and no server has seen it", async () => {
  const page = await newPage(browser);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(decodeURIComponent(request.url().replace(/#.*/, ""))));
  const deep = "https://code.lab.test/app?x=1&y=a%26b#/dash/7?tab=2";
  await page.goto("https://code.lab.test/oauth2/signed-out");
  await page.goto(deep);
  await signIn(page, people.ada);
  await page.waitForURL(deep);
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
  expect(asked.filter((url) => url.includes("dash"))).toEqual([]);
  expect(await page.evaluate("sessionStorage.length")).toBe(0);

  // Where the back button leads.
  const tools = await page.context().newCDPSession(page);
  const { entries } = await tools.send("Page.getNavigationHistory");
  const ours = entries.map(({ url }) => url).filter((url) => new URL(url).host === "code.lab.test");
  expect(ours).toEqual(["https://code.lab.test/oauth2/signed-out", deep]);
});

test("a browser without scripts gets through the sign-in, too", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const deep = "https://code.lab.test/app?x=1&y=2";
  await page.goto(deep);
  await page.waitForURL("https://login.microsoftonline.com/**");
  await signIn(page, people.ada);
  await page.waitForURL(deep);
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
});

describe.each([true, false])("a form that is sent after the session has ended, scripts %s", (scripts) => {
  const file = join(lab.state, "notes.txt");
  beforeAll(() => writeFile(file, "x".repeat(900_000)));
  const sends = async (page: Page) => {
    await page.setContent(
      `<form method="post" action="/save" enctype="multipart/form-data"><input name="text" value="typed"><input type="file" name="file"><button>Save</button></form>`,
    );
    await page.locator("input[type=file]").setInputFiles(file);
    await page.getByRole("button", { name: "Save" }).click();
  };

  test("is not saved, says so, and is submitted when its tab is reloaded after a sign-in in another", async () => {
    const context = await browser.newContext({ javaScriptEnabled: scripts });
    const page = await context.newPage();
    await page.goto("https://code.lab.test/edit?x=1");
    await page.waitForURL("https://login.microsoftonline.com/**");
    await signIn(page, people.ada);
    await page.waitForURL("https://code.lab.test/edit?x=1");
    await context.clearCookies();
    await sends(page);

    await page.getByRole("heading", { name: "You are no longer signed in to code.lab.test" }).waitFor();
    expect(await page.locator("body").innerText()).toContain("What you just sent was not saved.");
    const [tab] = await Promise.all([
      context.waitForEvent("page"),
      page.getByRole("link", { name: "Sign in" }).click(),
    ]);
    await tab.waitForURL("https://login.microsoftonline.com/**");
    await signIn(tab, people.ada);
    await tab.waitForURL("https://code.lab.test/");

    await page.reload();
    expect(await page.locator("code").textContent()).toBe("POST /save");
    expect(Number(await page.locator("#body").textContent())).toBeGreaterThan(900_000);
    expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
  });
});

test("a form from another site, which carries no session, leads through the sign-in to its URL", async () => {
  const page = await openAs(browser, people.ada, "https://code.lab.test/");
  await page.goto("https://login.microsoftonline.com/elsewhere");
  await page.setContent(
    `<form method="post" action="https://code.lab.test/search"><button>Search</button></form>`,
  );
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL("https://code.lab.test/search");
  expect(await page.locator("code").textContent()).toBe("GET /search");
});

test("a frame whose session has ended offers the sign-in, which opens in the whole window and leads back", async () => {
  const page = await openAs(browser, people.ada, "https://code.lab.test/around?x=1#/here");
  await endSession(page);
  await page.evaluate(`document.body.innerHTML = '<iframe src="/framed"></iframe>'`);
  await page.frameLocator("iframe").getByRole("link", { name: "Sign in" }).click();
  await page.waitForURL("https://code.lab.test/around?x=1#/here");
  expect(await page.locator("#user").textContent()).toBe("ada@lab.test");
});

test("an application with a service worker signs in at /oauth2/start, and returns", async () => {
  const page = await openAs(browser, people.ada, "https://code.lab.test/");
  await page.evaluate(
    `navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready)`,
  );
  await page.goto("https://code.lab.test/offline?x=1");
  await page.getByText("ada@lab.test").waitFor();
  expect(await page.title()).toBe("shell");

  await endSession(page);
  const callback = page.waitForRequest(/\/oauth2\/callback\?/);
  await page.reload();
  await callback;
  await page.waitForURL("https://code.lab.test/offline?x=1");
  await page.getByText("ada@lab.test").waitFor();
});

test("the page that returns from a sign-in leads to no other site", async () => {
  const page = await openAs(browser, people.ada, "https://code.lab.test/");
  for (const to of ["//elsewhere.test/", "/\\elsewhere.test/", "javascript:document.title=1"]) {
    await page.evaluate((address) => {
      sessionStorage.setItem("protected-sites-page", address);
    }, to);
    await page.goto(`https://code.lab.test/oauth2/return?to=${encodeURIComponent(to)}`);
    await page.waitForURL("https://code.lab.test/");
    expect(await page.title()).toBe("code");
  }
});

test("nobody chooses what the page of a failed sign-in says or where it leads", async () => {
  const page = await newPage(browser);
  const query = new URLSearchParams({
    error: "call 555-0100",
    state: "x:https://elsewhere.test/",
  }).toString();
  await page.goto(`https://code.lab.test/oauth2/callback?rd=https://elsewhere.test/&${query}`);
  expect(await page.locator("body").innerText()).not.toContain("555-0100");
  expect(await page.getByRole("link").first().getAttribute("href")).toBe("https://code.lab.test/");
});

test("the session is protected from scripts, plain HTTP, other sites' requests and other hosts", async () => {
  const page = await openAs(browser, people.ada, "https://code.lab.test/");
  const cookies = await page.context().cookies("https://code.lab.test/");
  const session = cookies.filter(({ name }) => name.startsWith("_oauth2_proxy_site"));

  expect(session.length).toBeGreaterThan(0);
  for (const cookie of session) {
    expect(cookie).toMatchObject({ domain: "code.lab.test", httpOnly: true, secure: true, sameSite: "Lax" });
    const hours = (cookie.expires - Date.now() / 1000) / 3600;
    expect(Math.round(hours)).toBe(168);
  }
  expect(await page.evaluate("document.cookie")).toBe("");
});
