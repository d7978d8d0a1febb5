import { afterAll, beforeAll, expect, test } from "vitest";

import { type Application, type Echo, startApplication } from "../../lab/application.ts";
import { echoOverWebSocket, navigation, request } from "../../lab/http.ts";

let application: Application;

beforeAll(async () => {
  application = await startApplication({ listen: "127.0.0.1:0", name: "code" });
});

afterAll(() => application.close());

test("an API client sees what reached the backend, including duplicate headers", async () => {
  const { status, body } = await request({
    url: `${application.url}/a//b?x=1&y=../2`,
    method: "POST",
    headers: { accept: "application/json", "x-twice": ["1", "2"] },
    body: "abc",
  });

  const echo = JSON.parse(body) as Echo;
  expect(status).toBe(200);
  expect(echo).toMatchObject({ site: "code", method: "POST", url: "/a//b?x=1&y=../2", bodyLength: 3 });
  expect(echo.headers["x-twice"]).toEqual(["1", "2"]);
});

test("a path below /api/ answers with JSON, whatever the client accepts", async () => {
  const { headers } = await request({ url: `${application.url}/api/x`, headers: navigation });
  expect(headers["content-type"]).toEqual(["application/json; charset=utf-8"]);
});

test("a browser is shown the signed-in user as text, not as HTML", async () => {
  const { headers, body } = await request({
    url: `${application.url}/`,
    headers: { ...navigation, "x-auth-request-user": "<b>ada" },
  });
  expect(headers["content-type"]).toEqual(["text/html; charset=utf-8"]);
  expect(body).toContain('Signed in as <strong id="user">&lt;b&gt;ada</strong>');
});

test("a WebSocket at /ws echoes; there is none elsewhere", async () => {
  expect(await echoOverWebSocket({ url: `${application.url}/ws` }, "hello")).toBe("hello");
  expect(await echoOverWebSocket({ url: `${application.url}/other` }, "hello")).toBe(404);
});

test("an event stream starts immediately", async () => {
  const { body } = await fetch(`${application.url}/events`);
  const first = await body?.pipeThrough(new TextDecoderStream()).getReader().read();
  expect(first?.value).toBe("id: 1\ndata: code 1\n\n");
});
