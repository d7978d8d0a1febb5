/** A site's sign-in that moves to another path while people use it: `proxyPrefix` and `formerProxyPrefixes`. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDocument } from "yaml";

import { signInToGraph } from "../../infra/graph.ts";
import { openBrowser, signIn } from "../lab/browser.ts";
import { navigation } from "../lab/http.ts";
import { openStack } from "../lab/stack.ts";
import { close } from "./close.ts";
import { lab, people } from "./instance.ts";
import { newPage, openAs, visitorOf } from "./people.ts";

const code = "https://code.lab.test";
const [first] = lab.hosts;

let stack: Stack;
let browser: Browser;

beforeAll(async () => {
  stack = await openStack(lab.name);
  browser = await openBrowser({ ca: lab.ca });
});

afterAll(async () => {
  await close(browser);
  stack = await openStack(lab.name);
  await stack.up();
}, 300_000);

/** Updates the stack with these settings of the site. */
async function upWith(settings: Readonly<Record<string, unknown>>): Promise<void> {
  stack = await openStack(lab.name);
  const path = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  const file = parseDocument(await readFile(path, "utf8"));
  for (const [key, value] of Object.entries(settings))
    file.setIn(["config", "protected-sites:sites", "code", key], value);
  await writeFile(path, file.toString({ lineWidth: 0 }));
  await stack.up();
}

/** Where Entra sends people back to, by the site's registration. */
async function redirectUris(): Promise<string[]> {
  const graph = await signInToGraph({ ...process.env, ...stack.workspace.envVars });
  const { value } = (await graph("GET", "/applications")) as {
    value: { displayName: string; web: { redirectUris: string[] } }[];
  };
  return (
    value.find(({ displayName }) => displayName === "Protected site code.lab.test")?.web.redirectUris ?? []
  );
}

const addresses = (prefix: string) => ["callback", "signed-out"].map((name) => `${code}${prefix}/${name}`);

/** A page on which somebody is asked who they are. */
async function begun(url: string): Promise<Page> {
  const page = await newPage(browser);
  await page.goto(url);
  await page.locator("input[name=loginfmt]").waitFor();
  return page;
}

test(
  "people stay signed in, and sign-ins that are under way lead to where they were to lead",
  { timeout: 400_000 },
  async () => {
    const signedIn = await openAs(browser, people.ada, `${code}/`);
    const deep = `${code}/p/q?x=1&next=https://a.test//b`;
    const [page, hash] = [await begun(deep), await begun(`${code}/#/dash/7`)];
    const old = visitorOf(lab, () => first?.address ?? "");
    const form = await old.open(deep, { headers: navigation });
    const refused = await begun(deep);

    await upWith({ proxyPrefix: "/_sign-in" });
    expect((await redirectUris()).sort()).toEqual([...addresses("/_sign-in"), ...addresses("/oauth2")]);

    await signedIn.reload();
    expect(await signedIn.locator("#user").textContent()).toBe("ada@lab.test");
    await signedIn.goto(`${code}/oauth2/callback?code=x&state=y`);
    expect(await signedIn.locator("#url").textContent()).toBe("/oauth2/callback?code=x&state=y");

    await signIn(page, people.bob);
    await page.waitForURL(deep);
    expect(await page.locator("#user").textContent()).toBe("bob@lab.test");
    await signIn(hash, people.bob);
    await hash.waitForURL(`${code}/#/dash/7`);
    expect(await hash.locator("#user").textContent()).toBe("bob@lab.test");
    const { url } = await old.signIn(form, people.bob);
    const ended = await old.open(url, { headers: navigation });
    expect([ended.url, ended.body.includes("bob@lab.test")]).toEqual([deep, true]);
    await signIn(refused, people.eve);
    expect(await refused.getByRole("heading").textContent()).toBe(
      "Your account does not have access to this site",
    );

    const fresh = await openAs(browser, people.bob, deep);
    expect(await fresh.locator("#user").textContent()).toBe("bob@lab.test");
  },
);

test(
  "without the former prefix, its addresses are gone from the registration, and nobody is signed out",
  { timeout: 400_000 },
  async () => {
    const signedIn = await openAs(browser, people.ada, `${code}/`);
    await upWith({ proxyPrefix: "/_sign-in", formerProxyPrefixes: [] });
    expect((await redirectUris()).sort()).toEqual(addresses("/_sign-in"));
    await signedIn.reload();
    expect(await signedIn.locator("#user").textContent()).toBe("ada@lab.test");
    const fresh = await openAs(browser, people.bob, `${code}/`);
    expect(await fresh.locator("#user").textContent()).toBe("bob@lab.test");
  },
);
