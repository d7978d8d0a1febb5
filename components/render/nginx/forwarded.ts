/** What the next hop learns of the connection. */
import { type Protocol } from "../../site/backends.ts";
import { type Arg, type Directive, expr } from "../../nginx/print.ts";
import { blankHeaders, connectionHeaders } from "./overwritten-headers.ts";

/** A header of a request: its name, and what it says; blank, it is not sent. */
export type RequestHeader = readonly [name: string, value: Arg];

/** The prefix of the directives for each protocol; most directives exist for both. */
export const family: Readonly<Record<Protocol, "proxy" | "grpc">> = { http: "proxy", grpc: "grpc" };

/** Has a next hop that speaks this get these headers. */
export function setHeaders(protocol: Protocol, headers: readonly RequestHeader[]): Directive[] {
  return headers.map(([name, value]) => [`${family[protocol]}_set_header`, name, value]);
}

/** What the next hop learns of the connection, the same on every site. */
export function ofConnection(): RequestHeader[] {
  const connection: Readonly<Record<(typeof connectionHeaders)[number], Arg>> = {
    "X-Real-IP": expr("$remote_addr"),
    "X-Request-Id": expr("$request_id"),
    "X-Forwarded-For": expr("$remote_addr"),
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": expr("$server_name"),
    "X-Forwarded-Port": 443,
    "X-Forwarded-Uri": expr("$request_uri"),
  };
  return connectionHeaders.map((name) => [name, connection[name]]);
}

/** The same, and blank whatever else a client could say of it, for a next hop that gets the client's headers. */
export function forwarded(): RequestHeader[] {
  return [...ofConnection(), ...blankHeaders.map((name): RequestHeader => [name, ""])];
}
