/** A sign-out at one site, and what becomes of the browser's sessions at others. */
import type { Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";

import { signOutPath } from "../../components/site/names.ts";
import { openBrowser, openProfile, signIn } from "../lab/browser.ts";
import { startRedis } from "../lab/redis.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { tenantId } from "../sites.ts";
import { lab, people } from "./instance.ts";

/** Signs in at both sites and out at one. @returns where each leads then */
async function signedOutAtCode(page: Page): Promise<string[]> {
  await page.goto("https://code.lab.test/");
  await signIn(page, people.ada);
  await page.goto("https://wiki.lab.test/");
  expect(await page.title()).toBe("wiki");
  const frame = page.waitForResponse(
    /^https:\/\/wiki\.lab\.test\/\.well-known\/protected-sites\/front-channel-logout\?sid=/,
  );

  const site = { domain: "code.lab.test", proxyPrefix: "/oauth2" };
  await page.goto(`https://${site.domain}${signOutPath(site, tenantId)}`);
  expect((await frame).status()).toBe(200);
  await page.waitForURL("https://code.lab.test/oauth2/signed-out");

  const hosts: string[] = [];
  for (const name of ["code", "wiki"]) {
    await page.goto(`https://${name}.lab.test/`);
    hosts.push(new URL(page.url()).hostname);
  }
  return hosts;
}

const entra = "login.microsoftonline.com";

test("a sign-out at one site ends the browser's sessions at the others, in frames of Entra's page", async () => {
  const profile = await openProfile({ ca: lab.ca });
  expect(await signedOutAtCode(await profile.newPage())).toEqual([entra, entra]);
  await profile.close();
});

test("in a browser that takes no cookies in such frames, the others' sessions go on", async () => {
  const browser = await openBrowser({ ca: lab.ca });
  expect(await signedOutAtCode(await browser.newPage())).toEqual([entra, "wiki.lab.test"]);
  await browser.close();
});

describe("with another session store at the other site", { timeout: 240_000 }, () => {
  /** Deploys the other site with these settings, until the end of the test. */
  async function deployed(settings: Record<string, string>, redisPassword?: string): Promise<void> {
    const stack = await openStack(lab.name);
    if (redisPassword !== undefined)
      await stack.setConfig("protected-sites:redisPassword", { value: redisPassword, secret: true });
    onTestFinished(async () => {
      await (await openStack(lab.name)).up();
    }, 120_000);
    await setAll(stack, settings, "sites.wiki.");
    await stack.up();
  }

  async function expectSignedOutAtBoth(): Promise<void> {
    const profile = await openProfile({ ca: lab.ca });
    onTestFinished(() => profile.close());
    expect(await signedOutAtCode(await profile.newPage())).toEqual([entra, entra]);
  }

  test("minimal: the browser's session is over", async () => {
    await deployed({ sessionStore: "minimal" });
    await expectSignedOutAtBoth();
  });

  test("Redis: the browser's session is over, and stays in the Redis until it expires", async () => {
    const redis = await startRedis(lab);
    onTestFinished(() => redis.close());
    const settings = { "redis.host": redis.host, "redis.port": String(redis.port) };
    await deployed({ sessionStore: "redis", ...settings }, redis.password);
    await expectSignedOutAtBoth();
    expect(await redis.ask("DBSIZE")).toEqual(["1"]);
  });
});
