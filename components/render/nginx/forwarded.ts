/** What the next hop learns of the connection. */
import { type Protocol } from "../../site/backends.ts";
import { type Site } from "../../site/site.ts";
import { type Arg, type Directive, expr } from "../../nginx/print.ts";

/** A header of a request: its name, and what it says; blank, it is not sent. */
export type RequestHeader = readonly [name: string, value: Arg];

/** How the names of the directives begin by which Nginx asks; most are there for both. */
export const family: Readonly<Record<Protocol, "proxy" | "grpc">> = { http: "proxy", grpc: "grpc" };

/** Has a next hop that speaks this get these headers. */
export function setHeaders(protocol: Protocol, headers: readonly RequestHeader[]): Directive[] {
  return headers.map(([name, value]) => [`${family[protocol]}_set_header`, name, value]);
}

/** Other names under which backends look for who is there and from where. No client may choose one: always blank. */
const blankHeaders = [
  "X-Forwarded-User",
  "X-Forwarded-Email",
  "X-Forwarded-Groups",
  "X-Forwarded-Preferred-Username",
  "X-Forwarded-Access-Token",
  "X-Forwarded-Client-Cert",
  "X-Forwarded-Method",
  "X-Forwarded-Prefix",
  "X-Forwarded-Scheme",
  "X-Forwarded-Server",
  "X-Forwarded-Ssl",
  "Remote-User",
  "Remote-Name",
  "Remote-Email",
  "Remote-Groups",
  "X-Remote-User",
  "X-Webauth-User",
  "X-User",
  "X-Client-IP",
  "True-Client-IP",
  "X-Original-URL",
  "X-Original-URI",
  "X-Original-Method",
  "X-Rewrite-URL",
  "Forwarded",
  "Proxy",
  "Proxy-Authorization",
  "GAP-Auth",
  "GAP-Signature",
];

/** What the next hop learns of the connection. All of it is overwritten, since a client can send any of it. */
export function forwarded(site: Site, host = site.domain): RequestHeader[] {
  return [
    ["Host", host],
    ["X-Real-IP", expr("$remote_addr")],
    ["X-Request-Id", expr("$request_id")],
    ["X-Forwarded-For", expr("$remote_addr")],
    ["X-Forwarded-Proto", "https"],
    ["X-Forwarded-Host", site.domain],
    ["X-Forwarded-Port", 443],
    ["X-Forwarded-Uri", expr("$request_uri")],
    ...blankHeaders.map((name): RequestHeader => [name, ""]),
  ];
}
