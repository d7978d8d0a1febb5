/**
 * What a real Chromium keeps of many sites under one domain. A small server plays the sites: it sets the cookies that
 * oauth2-proxy sets, by the same names and in the same sizes, and says which of them come back.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { sessionParts } from "../../components/site/browser-cookies.ts";
import { cookieName } from "../../components/site/names.ts";
import { openBrowser } from "../lab/browser.ts";
import { certificateOf } from "../lab/lab.ts";
import { site } from "../sites.ts";
import { close } from "./close.ts";
import { lab } from "./instance.ts";
import { newPage } from "./people.ts";

const parent = "many.lab.test";
let server: Server;
let browser: Browser;

beforeAll(async () => {
  const { certificate, key } = await certificateOf(lab.name, parent);
  server = createServer(
    { cert: await readFile(certificate), key: await readFile(key), maxHeaderSize: 256 * 1024 },
    (request, response) => {
      const asked = new URL(request.url ?? "/", "https://any.test");
      const name = cookieName(site({ domain: request.headers.host?.split(":")[0] ?? "" }));
      const parts = Number(asked.searchParams.get("parts"));
      const session = Array.from({ length: parts }, (_, part) => `${name}_${part}=${"x".repeat(3900)}`);
      response.setHeader("set-cookie", [
        ...session.map((pair) => `${pair}; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax`),
        ...(parts > 0 ? ["application=1; Path=/; HttpOnly"] : []),
      ]);
      const came = (request.headers.cookie ?? "").split("; ").filter((pair) => pair.startsWith(`${name}_`));
      response.end(String(came.length));
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const flags = [`--host-resolver-rules=MAP *.${parent} 127.0.0.1:${port}`, "--ignore-certificate-errors"];
  browser = await openBrowser({ ca: lab.ca, args: flags });
});

afterAll(async () => {
  await close(browser);
  server.closeAllConnections();
  server.close();
});

/** Signs in to one site after the other, and returns how many parts of each session came back afterwards. */
async function keptOf(page: Page, sites: number, parts: number): Promise<number[]> {
  const url = (index: number) => `https://s${index}.${parent}/`;
  for (let index = 0; index < sites; index++) await page.goto(`${url(index)}?parts=${parts}`);
  const kept: number[] = [];
  for (let index = 0; index < sites; index++) {
    await page.goto(url(index));
    kept.push(Number(await page.locator("body").textContent()));
  }
  return kept;
}

test("a browser keeps the sessions of 40 sites with the defaults, and a cookie of each application", async () => {
  const parts = sessionParts(site());
  const kept = await keptOf(await newPage(browser), 40, parts);
  expect(kept).toEqual(Array.from({ length: 40 }, () => parts));
});

test("of 26 sites with seven parts each, about which the review warns, it loses the first ones", async () => {
  const kept = await keptOf(await newPage(browser), 26, 7);
  expect(kept[0]).toBe(0);
  expect(kept.at(-1)).toBe(7);
});
