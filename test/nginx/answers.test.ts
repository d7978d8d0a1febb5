/** An application's answers: people get them with the headers and the length that the application gave them. */
import { get } from "node:http";
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

import { afterAll, beforeAll, expect, test } from "vitest";

import { application, serve, siteOf } from "./served.ts";

const body = `<html><head><title>A page</title></head><body>${"A line of it. ".repeat(2000)}</body></html>`;
const kinds: Record<string, Record<string, string>> = {
  "/page": { "Content-Type": "text/html; charset=iso-8859-1", ETag: '"strong"', "Cache-Control": "no-cache" },
  "/download": {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": 'attachment; filename="report.bin"',
    "Accept-Ranges": "bytes",
    "Last-Modified": "Sun, 01 Nov 2026 10:00:00 GMT",
    Expires: "Mon, 01 Nov 2027 10:00:00 GMT",
  },
  "/compressed": { "Content-Type": "application/json", "Content-Encoding": "gzip", Vary: "Accept-Encoding" },
  "/feed": {
    "Content-Type": "application/atom+xml",
    Link: "</feed?page=2>; rel=next",
    "X-Total-Count": "31",
  },
};

const address = await application(({ url, method, headers: { range } }, response) => {
  const part = range === undefined ? body : body.slice(0, 100);
  if (range !== undefined) response.setHeader("Content-Range", `bytes 0-99/${body.length}`);
  response.writeHead(range === undefined ? 200 : 206, {
    ...kinds[url ?? ""],
    "Content-Length": String(part.length),
  });
  response.end(method === "HEAD" ? "" : part);
});
const site = siteOf("answers", 1, { upstream: `http://${address}` });

let served: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  served = await serve([site]);
});
afterAll(() => served.close());

/** What Nginx says itself, of its own connection and of the site. */
const nginxsOwn = [
  ...["connection", "date", "keep-alive", "server"],
  ...["strict-transport-security", "content-security-policy", "referrer-policy", "x-content-type-options"],
];

const applications = (headers: IncomingHttpHeaders) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !nginxsOwn.includes(name)));

test.each(["GET", "HEAD", "part"].flatMap((how) => Object.keys(kinds).map((path) => [how, path] as const)))(
  "%s of %s has the headers that the application gave",
  async (how, path) => {
    const method = how === "HEAD" ? "HEAD" : "GET";
    const headers: Record<string, string> = how === "part" ? { range: "bytes=0-99" } : {};
    const [direct] = (await once(get(`http://${address}${path}`, { method, headers }), "response")) as [
      IncomingMessage,
    ];
    direct.resume();
    const answer = await served.ask(site, path, { method, headers });

    expect(answer.status).toBe(direct.statusCode);
    expect(applications(answer.headers)).toEqual(applications(direct.headers));
    expect(answer.headers["content-length"]).toBeDefined();
  },
);
