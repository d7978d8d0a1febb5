/** What the next hop learns of the connection. */
import { type Site } from "../../site/site.ts";
import { type Directive, expr } from "./nginx-conf.ts";

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
export function forwarded(site: Site, host = site.domain): Directive[] {
  return [
    ["proxy_http_version", "1.1"],
    ["proxy_set_header", "Host", host],
    ["proxy_set_header", "X-Real-IP", expr("$remote_addr")],
    ["proxy_set_header", "X-Request-Id", expr("$request_id")],
    ["proxy_set_header", "X-Forwarded-For", expr("$remote_addr")],
    ["proxy_set_header", "X-Forwarded-Proto", "https"],
    ["proxy_set_header", "X-Forwarded-Host", site.domain],
    ["proxy_set_header", "X-Forwarded-Port", 443],
    ["proxy_set_header", "X-Forwarded-Uri", expr("$request_uri")],
    ...blankHeaders.map((name): Directive => ["proxy_set_header", name, ""]),
  ];
}
