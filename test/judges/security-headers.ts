/** OWASP's Secure Headers Project: which headers a site's answers should have. */
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request } from "node:https";

import { parse } from "smol-toml";

import { cookieOf } from "../access/oauth2-proxy.ts";
import type { AskedSite } from "./asked-site.ts";
import type { RenderedSite } from "../golden-sites.ts";

/**
 * Recommended values: https://owasp.org/www-project-secure-headers/ci/headers_add.json, of 2026-07-19 05:44:10 UTC.
 * Clear-Site-Data is for the answer to a sign-out.
 */
const recommended: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store, max-age=0",
  "Clear-Site-Data": '"cache","cookies","storage"',
  "Content-Security-Policy":
    "default-src 'self'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy":
    "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(self), usb=(), web-share=(), xr-spatial-tracking=(), clipboard-read=(), clipboard-write=(), gamepad=(), hid=(), idle-detection=(), interest-cohort=(), serial=(), unload=()",
  "Referrer-Policy": "no-referrer",
  "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
  "X-Content-Type-Options": "nosniff",
  "X-DNS-Prefetch-Control": "off",
  "X-Frame-Options": "deny",
  "X-Permitted-Cross-Domain-Policies": "none",
};

/** Of its list of headers to remove, those that could be the host's: the others are an application's, as are these there. */
const removed = ["Server", "X-Powered-By", "Via", "X-Varnish-Server"];

/**
 * Asks as a stranger's browser, as a stranger's program, and, where the sign-in is the stand-in, as somebody who may enter.
 * @param signedIn whether the stand-in is there
 * @returns findings as `<header>: not sent`, `… not on every answer`, `… another value` or `… sent`
 */
export async function headerFindings(
  site: AskedSite,
  { files }: RenderedSite,
  signedIn: boolean,
): Promise<string[]> {
  const strangers = [{ "sec-fetch-mode": "navigate", accept: "text/html" }, { accept: "*/*" }];
  const asked = signedIn ? [...strangers, session(files.get("oauth2-proxy.cfg") ?? "")] : strangers;
  const answers = await Promise.all(asked.map((headers) => ask(site, headers)));
  const values = (name: string) => answers.map((it) => it[name.toLowerCase()]?.toString());
  return [
    ...Object.entries(recommended).flatMap(([name, value]) => {
      const sent = values(name);
      if (sent.every((it) => it === undefined)) return [`${name}: not sent`];
      if (sent.includes(undefined)) return [`${name}: not on every answer`];
      return sent.every((it) => it === value) ? [] : [`${name}: another value`];
    }),
    ...removed.flatMap((name) => (values(name).every((it) => it === undefined) ? [] : [`${name}: sent`])),
  ];
}

/** Somebody who may enter, as the stand-in knows people. */
function session(configuration: string): Record<string, string> {
  const {
    cookie_name: name,
    email_domains: [domain = "example.com"],
    allowed_groups: groups = [],
  } = parse(configuration) as unknown as {
    cookie_name: string;
    email_domains: string[];
    allowed_groups?: string[];
  };
  const upn = `ada@${domain === "*" ? "example.com" : domain}`;
  return { accept: "text/html", cookie: `${name}=${cookieOf({ upn, groups })}` };
}

async function ask(
  { domain, address, port = 443 }: AskedSite,
  headers: Record<string, string>,
): Promise<IncomingHttpHeaders> {
  const outgoing = request({
    host: address,
    port,
    servername: domain,
    path: "/",
    headers: { host: domain, ...headers },
    agent: false,
    rejectUnauthorized: false,
    timeout: 10_000,
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error(`${address}: no answer in 10 s`)));
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  return response.headers;
}
