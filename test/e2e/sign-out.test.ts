/** A sign-out at one site, and what becomes of the browser's sessions at others. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { signOutPath } from "../../components/site/names.ts";
import { openBrowser, openProfile, signIn } from "../lab/browser.ts";
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
