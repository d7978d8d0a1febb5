/** What test/access/inheritance.ts asks a site: everything that a directive of Nginx's could change. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { type IncomingMessage, request as plain, type RequestOptions } from "node:http";
import { request as tls } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { cookieName } from "../../components/site/names.ts";
import type { Site } from "../../components/site/site.ts";
import { navigation } from "../lab/http.ts";
import { oauth2Proxy, reached } from "./asked-programs.ts";

/** By question, what came back and what the programs behind got, in words. */
export type Outcome = Readonly<Record<string, string>>;

interface Question {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Parts of a body, which are sent one after the other. */
  readonly body?: readonly string[];
  readonly scheme?: "http";
  /** As another host than the site. */
  readonly host?: string;
}

const signedIn = ["/", "/page", "/packed", "/redirect", "/slow", "/elsewhere", "/drop", "//a/../b", "/admin"];
const errors = ["401", "403", "404", "429", "500", "503"].map((it) => `/status/${it}`);

/** How the connection is kept is nobody's promise; and the time goes on. */
const ignored = new Set(["date", "connection", "keep-alive"]);

function questionsFor(site: Site, number: number): Question[] {
  const cookie = `${cookieName(site)}=session${number}`;
  const api = { accept: "application/json" };
  const spoofed = { ...api, "X-Auth-Request-User": "eve", X_Auth_Request_User: "eve", "X.Y": "1" };
  const msie = { "user-agent": "Mozilla/4.0 (compatible; MSIE 6.0)" };
  const gzip = { "accept-encoding": "gzip" };
  const parts = ["x".repeat(20_000), "y".repeat(20_000)];
  const anybody: Question[] = [
    { path: "/", headers: navigation },
    { path: "/", headers: spoofed },
    { path: "/", headers: { ...spoofed, authorization: "Basic ZXZlOmV2ZQ==" } },
    { path: "/admin", headers: api },
    { path: "//health", headers: api },
    { path: "/health", headers: { ...spoofed, ...gzip } },
    { path: "/health", method: "POST", headers: api, body: ["x"] },
    { path: "/.htaccess" },
    { path: "/oauth2/callback?code=x", headers: navigation },
    { path: "/oauth2/sign_in?rd=/x", headers: navigation },
    { path: "/oauth2/auth" },
    { path: "/.well-known/protected-sites/auth" },
    { path: "/oauth2/signed-out", headers: { ...navigation, ...gzip } },
    { path: "/oauth2/signed-out", headers: { range: "bytes=0-9" } },
    { path: "/oauth2/signed-out", method: "PUT", body: ["x"] },
    { path: "/oauth2/signed-out", method: "DELETE" },
    { path: "/page", method: "OPTIONS", headers: api },
  ];
  const somebody: Question[] = [
    ...[...signedIn, ...errors].map((path) => ({ path, headers: { cookie, ...gzip } })),
    ...["/status/404", "/redirect", "/admin"].map((path) => ({ path, headers: { cookie, ...msie } })),
    { path: "/page", method: "HEAD", headers: { cookie } },
    { path: "/page", headers: { cookie, range: "bytes=0-9", "if-range": '"1"' } },
    {
      path: "/page",
      headers: { cookie, "if-none-match": '"1"', "if-modified-since": "Mon, 02 Nov 2026 00:00:00 GMT" },
    },
    { path: "/", headers: { cookie: `${cookie}; renew=1` } },
    { path: "/", headers: { ...spoofed, cookie: `${cookie}; a=${"b".repeat(30_000)}` } },
    { path: "/form", method: "POST", headers: { cookie }, body: parts },
    { path: "/status/503", method: "POST", headers: { cookie }, body: parts },
  ];
  const withoutTls: Question[] = [
    { path: "/a?b=c", scheme: "http" },
    { path: "/a", method: "POST", body: ["x"], scheme: "http" },
    { path: "/.well-known/acme-challenge/token", scheme: "http" },
    { path: "/.well-known/acme-challenge/", scheme: "http" },
    { path: "/.well-known/acme-challenge/new", method: "PUT", body: ["x"], scheme: "http" },
    { path: "/", host: "nobody.test", scheme: "http" },
    { path: "/", host: "nobody.test", headers: { cookie } },
  ];
  return [...anybody, ...somebody, ...withoutTls];
}

let times = 0;

/**
 * @param root Nginx's root folder
 * @param kept a site whose answers of oauth2-proxy Nginx keeps for two seconds, to be asked again when they are too old
 *   and oauth2-proxy does not answer
 */
export async function outcomeOf(
  root: string,
  sites: readonly Site[],
  kept: Site | undefined,
): Promise<Outcome> {
  // Sessions are not those of another time.
  const number = 1000 + ++times;
  const outcome: Record<string, string> = {};
  const add = async (site: Site, question: Question, when = "") => {
    const { path, method = "GET", scheme = "https", headers = {}, host = site.domain } = question;
    const words = Object.entries(headers).map(([name, value]) => `${name}: ${value.slice(0, 40)}`);
    const title = `${method} ${scheme}://${host}${path} (${words.join(", ")})${when}`;
    reached.length = 0;
    const answer = await ask(site, question);
    // What is kept for seconds depends on how slow the machine is; what it is answered with does not.
    outcome[title.replaceAll(`session${number}`, "session")] = [answer, ...(site === kept ? [] : reached)]
      .join("\n     ")
      .replaceAll(`session${number}`, "session")
      .replaceAll(/\b[0-9a-f]{32}\b/g, "<request ID>");
  };
  for (const site of sites) for (const question of questionsFor(site, number)) await add(site, question);
  if (kept !== undefined) {
    const question = { path: "/", headers: { cookie: `${cookieName(kept)}=session${number}` } };
    for (const when of [" first", " again"]) await add(kept, question, when);
    oauth2Proxy.answers = false;
    await sleep(3300);
    await add(kept, question, " while oauth2-proxy does not answer");
    oauth2Proxy.answers = true;
  }
  for (const folder of ["body", "stored"]) {
    const files = await readdir(join(root, "/var/lib/nginx", folder), { recursive: true }).catch(() => []);
    outcome[`files in ${folder}`] = files.join(" ");
  }
  outcome["lines for questions to oauth2-proxy"] = await logsSubrequests(root, sites, number);
  return outcome;
}

/** Whether the questions to oauth2-proxy have lines of their own in the sites' logs. */
async function logsSubrequests(root: string, sites: readonly Site[], number: number): Promise<string> {
  let count = 0;
  for (const { domain } of sites) {
    const text = await readFile(join(root, `/var/log/nginx/${domain}.log`), "utf8").catch(() => "");
    count += text.split('"path":"/.well-known/protected-sites/auth"').length - 1;
  }
  // One of the questions asks for it.
  return String(count > 2 * sites.length * (number - 1000));
}

async function ask(site: Site, question: Question): Promise<string> {
  const { path, method = "GET", headers = {}, body = [], scheme, host = site.domain } = question;
  const options: RequestOptions & { rejectUnauthorized: boolean; servername: string } = {
    host: "127.0.0.1",
    port: scheme === "http" ? 80 : 443,
    agent: false,
    path,
    method,
    headers: {
      host,
      ...headers,
      ...(body.length === 0 ? {} : { "content-length": body.join("").length }),
    },
    rejectUnauthorized: false,
    servername: host,
    signal: AbortSignal.timeout(2000),
  };
  try {
    const sent = scheme === "http" ? plain(options) : tls(options);
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    answered.catch(() => undefined);
    sent.on("error", () => undefined);
    for (const [index, part] of body.entries()) {
      if (index > 0) await sleep(30);
      sent.write(part);
    }
    sent.end();
    const [response] = await answered;
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("latin1");
    const shown = Object.entries(response.headersDistinct)
      .filter(([name]) => !ignored.has(name))
      .sort(([one], [other]) => one.localeCompare(other))
      .map(([name, values = []]) => `${name}: ${values.join(" | ")}`);
    const trailers = Object.entries(response.trailers).map(
      ([name, value]) => `trailer ${name}: ${value ?? ""}`,
    );
    return [response.statusCode, ...shown, ...trailers, text].join("\n     ");
  } catch (error) {
    return `no answer: ${error instanceof Error ? ("code" in error ? String(error.code) : error.name) : String(error)}`;
  }
}
