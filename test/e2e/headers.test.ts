/** What travels between browser, Nginx and application in headers. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request as tlsRequest } from "node:https";

import fc from "fast-check";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { request } from "../lab/http.ts";
import { lab, people } from "./instance.ts";
import { backend, closeBackends, giveBack, serve, servedByStack } from "./own-backend.ts";
import { cookieHeader, openAs } from "./people.ts";

const [{ address } = { address: "" }] = lab.hosts;
const code = "https://code.lab.test";

let browser: Browser;
/** ada's session, and nothing else. */
let session: string;
/** What the stack has pushed, and gets back. */
let before: string;

beforeAll(async () => {
  browser = await openBrowser({ ca: lab.ca });
  session = await cookieHeader((await openAs(browser, people.ada, `${code}/`)).context(), code);
  before = await servedByStack();
});

afterEach(closeBackends);

afterAll(async () => {
  await giveBack(before);
  await browser.close();
});

/** One cookie of a request, and whether it belongs to the site's own sign-in. */
interface Sent {
  readonly text: string;
  readonly own: boolean;
}

const ownName = "_oauth2_proxy_code_lab_test";
const state = fc.stringMatching(/^[\w-]{8}$/);
/** As oauth2-proxy names them: a session, its parts, and what is kept while somebody signs in. */
const ownCookie = fc
  .tuple(
    fc.constantFrom("", "__Host-"),
    fc.oneof(
      fc.constantFrom("", "_csrf"),
      fc.nat(11).map((part) => `_${part}`),
      state.map((it) => `_${it}_csrf`),
    ),
    fc.stringMatching(/^[\w|=-]{0,12}$/),
  )
  .map(([prefix, suffix, value]): Sent => ({ text: `${prefix}${ownName}${suffix}=${value}`, own: true }));
/** Of applications, of other sites' sign-ins, and what only looks like one of ours. */
const otherCookie = fc
  .tuple(
    fc.oneof(
      fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+.^`|~_-]{1,12}$/),
      fc.constantFrom(
        ...["_oauth2_proxy", "_oauth2_proxy_0", "_oauth2_proxy_csrf", "__Host-_oauth2_proxy_wiki_lab_test"],
        ...["x", "_", "_x", "_1a", "_csrf_", "_short_csrf", "_too_long0_csrf", "_0_csrf", ".0"].map(
          (it) => `${ownName}${it}`,
        ),
        ...[`x${ownName}`, `-${ownName}`, `__Secure-${ownName}`, ownName.toUpperCase()],
      ),
    ),
    fc.oneof(
      fc.stringMatching(/^[\w!#$%&'()*+./:<=>?@[\]^`{|}~-]{0,20}$/),
      fc.constantFrom(`"a b"`, "a=b==", `"${ownName}=1"`, `${ownName}_0=1`, "_oauth2_proxy", ` ${ownName}=`),
    ),
  )
  .map(([name, value]): Sent => ({ text: `${name}=${value}`, own: false }));
const cookies = fc.array(
  fc.tuple(fc.oneof({ weight: 2, arbitrary: otherCookie }, ownCookie), fc.constantFrom("; ", ";")),
  { maxLength: 90, size: "max" },
);

test("of all cookies that a request may carry, the application gets all but those of its site's sign-in", async () => {
  const upstream = await backend(({ headers }, response) => response.end(JSON.stringify(headers.cookie)));
  await serve({ upstream: `http://${upstream}`, open: [{ path: "/open", why: "A test." }] });
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const arrive = async (cookie: string): Promise<string[]> => {
    const headers = { host: "code.lab.test", cookie };
    const sent = tlsRequest({ agent, host: address, servername: "code.lab.test", path: "/open", headers });
    sent.end();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    const text = (await answer.toArray()).join("");
    expect(answer.statusCode).toBe(200);
    return text === "" ? [] : (JSON.parse(text) as string).split(";").map((it) => it.trim());
  };
  let planted = 0;
  await fc.assert(
    fc.asyncProperty(cookies, async (sent) => {
      const header = sent.map(([{ text }, separator]) => `${text}${separator}`).join("");
      const wanted = sent.filter(([{ own }]) => !own).map(([{ text }]) => text.trim());
      const got = await arrive(header.replace(/; ?$/, ""));
      const own = sent.length - wanted.length;
      // More than a browser ever has of ours: then some are missing, and still none of ours arrives.
      if (own > 17) planted += 1;
      expect(got).toEqual(own > 17 ? wanted.slice(0, got.length) : wanted);
    }),
    { numRuns: 400 },
  );
  expect(planted).toBeGreaterThan(10);
  const flood = Array.from({ length: 900 }, (_, number) => `c${number}=1; ${ownName}_${number}=1`);
  expect((await arrive(flood.join("; "))).length).toBeGreaterThan(17);
  agent.destroy();
});

test("who is signed in keeps the application's cookies, whatever another sign-in has left in the browser", async () => {
  const upstream = await backend(({ headers }, response) => response.end(headers.cookie));
  await serve({ upstream: `http://${upstream}` });
  const others = ["a=1", "_oauth2_proxy=x", ...Array.from({ length: 30 }, (_, n) => `_oauth2_proxy_${n}=x`)];
  for (const cookie of [`${others.join("; ")}; ${session}`, `${session}; ${others.join("; ")}`]) {
    const { body } = await request({ url: `${code}/`, address, headers: { cookie, accept: "*/*" } });
    expect(body).toBe(others.join("; "));
  }
});
