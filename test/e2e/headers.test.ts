/** What travels between browser, Nginx and application in headers. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request as tlsRequest } from "node:https";

import fc from "fast-check";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { openBrowser } from "../lab/browser.ts";
import { navigation, request } from "../lab/http.ts";
import { close } from "./close.ts";
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
  await close(browser);
  await giveBack(before);
});

/** One cookie of a request, and whether it belongs to the site's own sign-in. */
interface Sent {
  readonly text: string;
  readonly own: boolean;
}

const ownName = "_oauth2_proxy_site";
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

test("the backend gets all cookies of a request except its site's session cookies", async () => {
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

test("signed-in users keep the backend's cookies, whatever another sign-in has left in the browser", async () => {
  const upstream = await backend(({ headers }, response) => response.end(headers.cookie));
  await serve({ upstream: `http://${upstream}` });
  const others = ["a=1", "_oauth2_proxy=x", ...Array.from({ length: 30 }, (_, n) => `_oauth2_proxy_${n}=x`)];
  for (const cookie of [`${others.join("; ")}; ${session}`, `${session}; ${others.join("; ")}`]) {
    const { body } = await request({ url: `${code}/`, address, headers: { cookie, accept: "*/*" } });
    expect(body).toBe(others.join("; "));
  }
});

test("a backend's headers of 32 kB reach the browser, or as much as the site allows", async () => {
  const upstream = await backend((incoming, response) => {
    const kilobytes = Number(incoming.headers["x-kilobytes"]);
    for (let number = 0; number < kilobytes; number++) response.setHeader(`x-${number}`, "v".repeat(1000));
    response.end("page");
  });
  const answer = async (kilobytes: number) => {
    const headers = { host: "code.lab.test", cookie: session, "x-kilobytes": `${kilobytes}` };
    const to = { host: address, servername: "code.lab.test", agent: false, rejectUnauthorized: false };
    const sent = tlsRequest({ ...to, headers, maxHeaderSize: 256 << 10 }).end();
    const [{ statusCode }] = (await once(sent, "response")) as [IncomingMessage];
    sent.destroy();
    return statusCode;
  };
  await serve({ upstream: `http://${upstream}` });
  expect([await answer(31), await answer(40)]).toEqual([200, 502]);
  await serve({ upstream: `http://${upstream}`, proxyBufferSize: "128k" });
  expect([await answer(60), await answer(125)]).toEqual([200, 200]);
  await serve({ upstream: `http://${upstream}`, proxyBufferSize: "4k", buffering: false });
  expect([await answer(3), await answer(6)]).toEqual([200, 502]);
});

const credentials = [
  "Basic YWRhOnNlY3JldA==",
  "Bearer key-of-the-application",
  "token abc",
  'Digest username="ada"',
];

test("with passAuthorization, a client's Authorization reaches the backend, and opens nothing", async () => {
  const upstream = await backend(({ headers }, response) => {
    const own = { "www-authenticate": 'Basic realm="the application"' };
    if (headers["x-refuse"] === undefined) response.end(JSON.stringify(headers.authorization ?? ""));
    else response.writeHead(401, own).end();
  });
  const hook = { path: "/hook", methods: ["POST"], why: "A test." };
  const other = { ...hook, path: "/open" };
  const ask = (path: string, headers: Record<string, string>, method = "GET") =>
    request({ url: `${code}${path}`, address, method, headers: { accept: "*/*", ...headers } });
  const arrives = async (path: string, authorization: string, cookie = "") => {
    const answer = await ask(path, { authorization, cookie }, path === "/" ? "GET" : "POST");
    return answer.status === 200 ? (JSON.parse(answer.body) as string) : answer.status;
  };

  await serve({ upstream: `http://${upstream}`, open: [hook, other] });
  for (const authorization of credentials)
    expect([await arrives("/", authorization, session), await arrives("/hook", authorization)]).toEqual([
      "",
      "",
    ]);

  await serve({
    upstream: `http://${upstream}`,
    open: [{ ...hook, passAuthorization: true }, other],
    passAuthorization: true,
    authCache: "5s",
  });
  for (const authorization of credentials) {
    expect(await arrives("/", authorization, session)).toBe(authorization);
    expect(await arrives("/hook", authorization)).toBe(authorization);
    expect(await arrives("/open", authorization)).toBe("");
    expect(await arrives("/", authorization)).toBe(401);
  }
  const refused = await ask("/", { cookie: session, "x-refuse": "1" });
  expect([refused.status, refused.headers["www-authenticate"]]).toEqual([
    401,
    ['Basic realm="the application"'],
  ]);
});

test("a program gets a 401 with a challenge that no browser asks a password for; a page leads to the sign-in", async () => {
  await giveBack(before);
  const java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
  const said = async (headers: Record<string, string>) => {
    const answer = await request({ url: `${code}/api/x`, address, headers });
    return [answer.status, answer.headers["www-authenticate"]?.join() ?? ""];
  };
  const challenged = [401, 'Bearer realm="https://code.lab.test/"'];
  for (const authorization of ["Bearer expired", "bearer expired", "Basic eDp5", "token x"])
    expect(await said({ accept: java, authorization }), authorization).toEqual(challenged);
  expect(await said({ accept: "*/*" })).toEqual(challenged);
  expect(await said({ ...navigation, authorization: "Bearer expired" })).toEqual(challenged);

  expect(await said({ accept: java })).toEqual([302, ""]);
  // A browser that has once been asked by an application behind the site.
  expect(await said({ ...navigation, authorization: "Basic eDp5" })).toEqual([302, ""]);
});
