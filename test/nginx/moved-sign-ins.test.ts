/** Sign-ins that were begun before `proxyPrefix` had changed: Entra sends them to a path that is the application's now. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { navigation } from "../lab/http.ts";
import { application, serve, siteOf } from "./served.ts";

const upstream = `http://${await application(({ url }, response) => {
  response.end(url);
})}`;
const moved = siteOf("moved", 1, { upstream, proxyPrefix: "/_sign-in" });
const never = siteOf("never", 2, { upstream, proxyPrefix: "/_sign-in", formerProxyPrefixes: [] });

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  served = await serve([moved, never]);
});
afterAll(() => served.close());

const wanted = "https%3a%2f%2fmoved.example.com%2fp%3fx%3d1";
const callback = (state: string) => `/oauth2/callback?code=x&state=${state}&session_state=y`;
const ask = (target: string, site = moved, headers: Record<string, string> = navigation) =>
  served.ask(site, target, { groups: null, headers });

test("a browser is redirected to the sign-in again, and then to the page that it wanted at first", async () => {
  for (const mode of [{}, { "sec-fetch-dest": "document" }]) {
    const { status, headers } = await ask(callback(`n-1_A%3a${wanted}`), moved, { ...navigation, ...mode });
    expect([status, headers.location]).toEqual([
      302,
      `https://moved.example.com/_sign-in/start?rd=${wanted}`,
    ]);
  }
  const returns = "https%3A%2F%2Fmoved.example.com%2Foauth2%2Freturn%3Fto%3D%252Fp";
  expect((await ask(callback(`n:${returns}`))).headers.location).toBe(
    "https://moved.example.com/_sign-in/start?rd=https%3A%2F%2Fmoved.example.com/_sign-in/return%3Fto%3D%252Fp",
  );
});

test("to no other site, from no other path, and only browsers without a session", async () => {
  const elsewhere = [
    "https%3a%2f%2felsewhere.test%2f",
    "https%3a%2f%2fmoved.example.com.elsewhere.test%2f",
    "%2fp",
  ];
  for (const target of [...elsewhere.map((it) => callback(`n%3a${it}`)), `/x${callback(`n%3a${wanted}`)}`])
    expect((await ask(target)).headers.location ?? "", target).not.toContain("?rd=");
  expect((await ask(callback(`n%3a${wanted}`), never)).headers.location ?? "").not.toContain("?rd=");
  const target = callback(`n%3a${wanted}`);
  expect((await ask(target, moved, { accept: "application/json" })).status).toBe(401);
  expect((await served.ask(moved, target)).body).toBe(target);
});
