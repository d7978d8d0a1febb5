/** The docs site as it is published: built by its command, served on loopback, read in a browser. */
import { globSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

import { execa } from "execa";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";

const root = join(import.meta.dirname, "../..");
const dist = join(root, "docs-site/dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
};
/** Releases lie side by side, each in a folder of its own. */
const base = `/sites/v${version}/`;

let server: Server;
let browser: Browser;
let origin: string;

beforeAll(async () => {
  await execa("npm", ["run", "docs:site"], { cwd: root, env: { DOCS_BASE: base } });
  server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://docs");
    const file = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    const types: Record<string, string> = {
      ".html": "text/html",
      ".js": "text/javascript",
      ".css": "text/css",
      ".svg": "image/svg+xml",
    };
    try {
      const content = readFileSync(join(dist, decodeURIComponent(file.slice(base.length))));
      response
        .writeHead(file.startsWith(base) ? 200 : 404, {
          "Content-Type": types[extname(file)] ?? "",
          "Cache-Control": "max-age=600",
        })
        .end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
}, 300_000);

afterAll(async () => {
  await browser.close();
  server.close();
});

/** A page of the site, and what goes wrong there. */
async function open(path = ""): Promise<{ readonly page: Page; readonly wrong: string[] }> {
  const page = await browser.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(`${page.url()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) wrong.push(`${page.url()} asks for ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) wrong.push(`${page.url()}: ${response.status()} for ${response.url()}`);
  });
  await page.goto(`${origin}${base}${path}`);
  return { page, wrong };
}

/** What a page has, as the browser shows it. */
interface Found {
  readonly links: readonly string[];
  readonly ids: readonly string[];
  readonly broken: readonly string[];
}

const found = `({
  links: [...document.querySelectorAll("a[href]")].map(({ href }) => href),
  ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
  broken: [...document.images].filter((it) => it.complete && it.naturalWidth === 0).map(({ src }) => src),
})`;

test("all pages open, every link and anchor leads somewhere, and no other host is asked", async () => {
  const { page, wrong } = await open();
  const start = `${origin}${base}`;
  /** Every link to a page of the site, with a page that has it. */
  const links = new Map([[start, start]]);
  const anchors = new Map<string, readonly string[]>();
  for (const link of links.keys()) {
    const [url = ""] = link.split("#");
    if (anchors.has(url)) continue;
    await page.goto(url);
    const { links: all, ids, broken } = await page.evaluate<Found>(found);
    anchors.set(url, ids);
    wrong.push(...broken.map((it) => `${url}: no image ${it}`));
    for (const it of all) if (it.startsWith(start) && !links.has(it)) links.set(it, url);
  }
  const dead = [...links].filter(([link]) => {
    const [url = "", anchor = ""] = link.split("#");
    return anchor !== "" && !anchors.get(url)?.includes(decodeURIComponent(anchor));
  });
  expect(dead.map(([link, from]) => `${from} links to ${link}`)).toEqual([]);
  expect(wrong).toEqual([]);
  const built = globSync("**/*.html", { cwd: dist }).filter((it) => it !== "404.html");
  const asFile = (url: string) => url.slice(start.length).replace(/(^|\/)$/, "$1index.html");
  expect([...new Set([...anchors.keys()].map(asFile))].sort()).toEqual(built.sort());
}, 300_000);

describe("the search", () => {
  test.each([
    ["leaked client secret", "rotation.html#a-client-secret-has-leaked"],
    ["cookieRefresh", "configuration.html"],
    ["stolen laptop", "operations.html#somebody-has-to-get-out-at-once"],
    ["empty virtual machine", "tutorial.html"],
  ])('finds "%s"', async (words, target) => {
    const { page, wrong } = await open();
    await page.locator("#local-search button").click();
    await page.locator("#localsearch-input").fill(words);
    const results = page.locator("#localsearch-list a");
    await results.first().waitFor();
    const first = await Promise.all((await results.all()).slice(0, 5).map((it) => it.getAttribute("href")));
    expect(first.filter((it) => it?.startsWith(`${base}${target}`))).not.toEqual([]);
    await results.first().click();
    await page.waitForURL((url) => url.pathname !== base);
    expect(wrong).toEqual([]);
    await page.close();
  });
});

test("every page says its version", async () => {
  const { page } = await open("rotation.html");
  expect(await page.locator(".VPNavBarMenu a").innerText()).toBe(`Version ${version}`);
});

describe("pictures", () => {
  test("of a review say what a change opens", async () => {
    const { page } = await open("review.html");
    expect(await page.locator(".comment").innerText()).toMatch(
      /ACCESS WIDENS on wiki, files[^]*OPENS \/health is open to EVERYBODY/,
    );
  });

  test("of status say what differs", async () => {
    const { page } = await open("operations.html");
    const status = page.locator(".language-text", { hasText: "npm run status" }).first();
    expect(await status.innerText()).toMatch(
      /wiki\.office\.example\.com .* nginx\.conf differs[^]*the certificate expires on/,
    );
  });

  test("of each page that people see have its words for those who do not see them", async () => {
    const { page } = await open("sessions.html");
    const all = await page.locator(".pages img").all();
    const images = await Promise.all(all.map(async (it) => (await it.getAttribute("alt")) ?? ""));
    expect(images).toHaveLength(13);
    expect(images.filter((it) => it.length < 30)).toEqual([]);
    expect(images.join("\n")).toContain("is currently unavailable");
  });

  test("of the flow of a request have all its steps", async () => {
    const { page } = await open();
    expect(await page.locator(".picture svg").textContent()).toContain("code and client secret");
  });

  test("of the matrix say what is open", async () => {
    const { page } = await open("example-matrix.html");
    expect(await page.locator("main").innerText()).toContain(
      "everybody, without signing in: The code host signs its calls itself.",
    );
  });
});
