/**
 * What stands behind the sites of test/access/inheritance.ts: an application that tells what it got and answers in every
 * way that a proxy could touch, and an oauth2-proxy that knows one session.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { execa } from "execa";

import { cookieName } from "../../components/site/names.ts";
import type { Site } from "../../components/site/site.ts";

/** What reached a program, in order; whoever asks empties it. */
export const reached: string[] = [];

/** Whether oauth2-proxy answers. */
export const oauth2Proxy = { answers: true };

const page = `<html><head><title>a</title></head><body>${"a page of the application's ".repeat(1500)}<!--# echo var="request_id" --></body></html>`;

/** @returns ends it */
export async function startApplication(root: string, certificates: string): Promise<() => Promise<void>> {
  const at = join(root, certificates);
  await execa("openssl", [
    ..."req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=backend".split(" "),
    ...["-addext", "subjectAltName=DNS:backend.example.com"],
    ...["-keyout", join(at, "upstream.key"), "-out", join(at, "upstream.pem")],
  ]);
  const tls = {
    key: await readFile(join(at, "upstream.key")),
    cert: await readFile(join(at, "upstream.pem")),
  };
  const servers = [
    await listeningOn(createServer(application), 3000),
    await listeningOn(createTlsServer(tls, application), 3443),
  ];
  // HTTP/2, as gRPC is.
  const http2 = createSecureServer(tls, (request, response) => {
    application(request as unknown as IncomingMessage, response as unknown as Parameters<RequestListener>[1]);
  });
  http2.listen(3444, "127.0.0.1");
  await once(http2, "listening");
  return async () => {
    http2.close();
    await close(servers);
  };
}

/** @returns ends them */
export async function startSignIn(sites: readonly Site[]): Promise<() => Promise<void>> {
  const servers: Server[] = [];
  for (const site of sites) servers.push(await listeningOn(createServer(signIn(site)), site.port));
  return () => close(servers);
}

const application: RequestListener = (request, response) => {
  // Where Nginx has given up.
  answer(request, response).catch(() => response.destroy());
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await told("application", request);
  const path = (request.url ?? "").replace(/^\/app\//, "/");
  const own = { "x-from-application": "1", "x-accel-charset": "koi8-r", server: "application" };
  const [, status] = /^\/status\/(\d+)/.exec(path) ?? [];
  if (status !== undefined) {
    response
      .writeHead(Number(status), { ...own, "content-type": "text/html" })
      .end(`the application's ${status}`);
  } else if (path === "/redirect") {
    const headers = {
      location: `https://${request.headers.host ?? ""}/app/next`,
      "set-cookie": "a=1; Path=/app/",
    };
    response.writeHead(302, { ...own, ...headers }).end();
  } else if (path === "/page") {
    response.writeHead(200, {
      ...own,
      "content-type": "text/html",
      "content-length": Buffer.byteLength(page),
      "cache-control": "private",
      "set-cookie": ["app=1; Path=/; Secure; HttpOnly", "other=2; Domain=example.com"],
      etag: '"1"',
      "last-modified": "Sun, 01 Nov 2026 00:00:00 GMT",
    });
    response.end(request.method === "HEAD" ? "" : page);
  } else if (path === "/packed") {
    response.writeHead(200, { ...own, "content-type": "text/html", "content-encoding": "gzip" });
    response.end(gzipSync(page));
  } else if (path === "/slow") {
    await sleep(40);
    response.writeHead(200, { ...own, "x-large": "x".repeat(6000) }).end("slow");
  } else if (path === "/elsewhere") {
    response.writeHead(200, { ...own, "x-accel-redirect": "/health" }).end();
  } else if (path === "/drop") {
    request.socket.destroy();
  } else {
    response.writeHead(200, { ...own, "content-type": "text/plain" }).end(body);
  }
}

function signIn(site: Site): RequestListener {
  return (request, response) => {
    const answer = async () => {
      await told("oauth2-proxy", request);
      if (!oauth2Proxy.answers) {
        request.socket.destroy();
        return;
      }
      const url = new URL(request.url ?? "/", "http://oauth2-proxy");
      const known = (request.headers.cookie ?? "").includes(`${cookieName(site)}=session`);
      if (url.pathname === "/oauth2/auth") {
        const user = {
          "x-auth-request-preferred-username": "ada@example.com",
          "x-auth-request-groups": "1,2",
        };
        const constrained = url.searchParams.has("allowed_groups");
        const renews = (request.headers.cookie ?? "").includes("renew=1");
        const renewed = { "set-cookie": `${cookieName(site)}=renewed; Path=/` };
        response.writeHead(!known ? 401 : constrained ? 403 : 202, {
          ...(known ? user : {}),
          ...(renews ? renewed : {}),
        });
      } else if (url.pathname === "/oauth2/sign_in") {
        const to = `https://login.example.com/?rd=${String(request.headers["x-auth-request-redirect"])}`;
        response.writeHead(302, { location: to, "set-cookie": `${cookieName(site)}_csrf=1; Path=/` });
      } else
        response
          .writeHead(403, { "content-type": "text/html" })
          .write("<html>oauth2-proxy's own page</html>");
      response.end();
    };
    answer().catch(() => response.destroy());
  };
}

/** Notes a request. @returns what it was */
async function told(who: string, request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = createHash("sha256").update(Buffer.concat(chunks)).digest("hex");
  const { method, url, headers, httpVersion } = request;
  const text = JSON.stringify({
    who,
    method,
    url,
    httpVersion,
    headers,
    body: chunks.length === 0 ? "" : body,
  });
  reached.push(text);
  return text;
}

async function listeningOn<S extends Server>(server: S, port: number): Promise<S> {
  server.keepAliveTimeout = 60_000;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function close(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  return Promise.resolve();
}
