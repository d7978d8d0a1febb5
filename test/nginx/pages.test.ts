/** The pages that people see instead of a site, in each language: from the real Nginx and oauth2-proxy, in Chromium. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { parse, stringify } from "smol-toml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { oauth2ProxyConfig } from "../../components/render/oauth2-proxy.ts";
import { errorPage, errorPageFile } from "../../components/render/pages.ts";
import { type Pages, pagesFrom, usualPages } from "../../components/site/pages.ts";
import type { Site } from "../../components/site/site.ts";
import { openBrowser } from "../lab/browser.ts";
import { makeAuthority } from "../lab/certificates.ts";
import { ensureOauth2Proxy } from "../lab/oauth2-proxy.ts";
import { tenantId } from "../sites.ts";
import { type Ask, serve, siteOf } from "./served.ts";

const group = "0a9b1c2d-0000-4000-8000-000000000001";
const open = siteOf("pages", 30, {
  signInRate: "1r/m",
  contact: "the <pages> team",
  paths: [{ path: "/admin", allowedGroups: [group] }],
});
const closed = siteOf("closed", 31, { maintenance: "Back at noon." });

const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
const form = { ...navigation, "content-type": "application/x-www-form-urlencoded", "content-length": "0" };

/** How Nginx comes to show each page, and the status that it comes with. */
const ways: Record<string, { site?: Site; path: string; ask?: Ask; status: number }> = {
  "signed out": { path: "/oauth2/signed-out", status: 200 },
  "before the sign-in": { path: "/page", ask: { groups: null, headers: navigation }, status: 401 },
  "a form without a session": {
    path: "/page",
    ask: { method: "POST", groups: null, headers: form },
    status: 401,
  },
  "after the sign-in": { path: "/oauth2/return?to=%2Fpage", status: 200 },
  "an ambiguous address": { path: "/x/..;/admin", status: 400 },
  "a rule of a path": { path: "/admin", status: 403 },
  blocked: { path: "/page", ask: { upn: "eve@example.com" }, status: 403 },
  "no backend": { path: "/page", status: 502 },
  maintenance: { site: closed, path: "/", status: 503 },
};

const looks = {
  "as usual": usualPages,
  ...Object.fromEntries(
    ["de", "fr"].map((language) => [
      `with a logo, ${language}`,
      pagesFrom({
        language,
        name: 'Contoso & "Sons"',
        color: "#0b57d0",
        logo: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" fill="#0b57d0"/>${"<!-- as long as it may be -->".repeat(270)}</svg>\n`,
      }),
    ]),
  ),
};

let browser: Browser;
let page: Page;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "protected-sites-pages-"));
  const ca = join(folder, "ca.pem");
  await writeFile(ca, (await makeAuthority("pages")).certificate);
  browser = await openBrowser({ ca });
  page = await browser.newContext().then((it) => it.newPage());
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
});

describe.each(Object.entries(looks))("%s", (_, pages) => {
  let served: Awaited<ReturnType<typeof serve>>;
  beforeAll(async () => {
    served = await serve([open, closed], new Map(), pages);
    await served.block(["eve@example.com"]);
  });
  afterAll(() => served.close());

  test.each(Object.entries(ways))("%s", async (_, { site = open, path, ask = {}, status }) => {
    const answer = await served.ask(site, path, ask);

    expect(answer.status).toBe(status);
    await expectAccessible(answer.body, pages);
  });

  test("too many sign-ins", async () => {
    const ask = () => served.ask(open, "/oauth2/start", { groups: null, headers: navigation });
    let answer = await ask();
    for (let tries = 0; answer.status !== 429 && tries < 50; tries++) answer = await ask();

    expect(answer.status).toBe(429);
    await expectAccessible(answer.body, pages);
  });

  test.each([
    ["cancelled at Entra", "/oauth2/callback?error=access_denied"],
    ["Entra unavailable", "/oauth2/callback?error=temporarily_unavailable"],
    ["expired", "/oauth2/callback?code=x&state=x%3A%2Fpage"],
    ["failed", "/oauth2/callback?error=invalid_request"],
  ])("oauth2-proxy's own: %s", async (_, path) => {
    const answer = await fromOauth2Proxy(pages, path);

    expect(answer.status).toBe(403);
    expect(answer.body).toContain("the &lt;pages&gt; team");
    await expectAccessible(answer.body, pages);
  });
});

/** In light and dark, as a browser shows it that runs no script of the page's own: that would lead away from it. */
async function expectAccessible(body: string, { language, name }: Pages): Promise<void> {
  const address = `https://${open.domain}/`;
  const headers = { "content-security-policy": "script-src 'none'" };
  const elsewhere: string[] = [];
  await page.unrouteAll();
  await page.route("**", (route) => {
    if (route.request().url() === address) return route.fulfill({ body, contentType: "text/html", headers });
    elsewhere.push(route.request().url());
    return route.abort();
  });
  await page.goto(address);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // Without frames, it does not need a page of its own to collect the results.
    const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
    expect(violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }))).toEqual([]);
  }
  expect(elsewhere).toEqual([]);
  expect(await page.locator("html").getAttribute("lang")).toBe(language);
  const images = page.locator("header img");
  expect(await images.count()).toBe(name === undefined ? 0 : 1);
  if (name === undefined) return;
  expect(await images.getAttribute("alt")).toBe(name);
  expect(await page.evaluate("document.querySelector('header img').naturalWidth > 0")).toBe(true);
}

/** What a site's oauth2-proxy itself answers, which needs no Entra for that. */
async function fromOauth2Proxy(pages: Pages, path: string) {
  const { program } = await ensureOauth2Proxy();
  const secret = join(folder, "secret");
  await writeFile(secret, "a-secret-of-32-bytes-for-cookies");
  await writeFile(join(folder, errorPageFile), errorPage(pages));
  const config = join(folder, "oauth2-proxy.cfg");
  await writeFile(
    config,
    stringify({
      ...parse(oauth2ProxyConfig(open, tenantId, pages)),
      http_address: "127.0.0.1:4190",
      metrics_address: "",
      client_secret_file: secret,
      cookie_secret_file: secret,
      custom_templates_dir: folder,
    }),
  );
  const proxy = spawn(program, [`--config=${config}`, "--client-id=pages"], { stdio: "ignore" });
  try {
    for (;;) {
      try {
        const [response] = (await once(get(`http://127.0.0.1:4190${path}`), "response")) as [IncomingMessage];
        let body = "";
        for await (const chunk of response.setEncoding("utf8")) body += chunk as string;
        return { status: response.statusCode, body };
      } catch (error) {
        if (proxy.exitCode !== null) throw error;
        await sleep(50);
      }
    }
  } finally {
    proxy.kill();
    await once(proxy, "exit");
  }
}
