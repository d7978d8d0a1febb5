/** The sites' access logs. */
import { type Site } from "../../site/site.ts";
import { cacheStatus, cachedAuthStatus } from "./auth-cache.ts";
import { authSeconds, authStatus, identityVariable } from "./identity-headers.ts";
import { type Directive, expr } from "../../nginx/print.ts";

const plain = "protected_sites";
const withCache = "protected_sites_auth_cache";

/** The format of a site's access log; with `authCache`, a line says whether the answer was a kept one. */
export function logFormat(site: Site): string {
  return site.authCache === undefined ? plain : withCache;
}

/** What its formats read of oauth2-proxy's answer. */
export const variablesOfLogs: readonly string[] = [
  identityVariable("user"),
  authStatus,
  authSeconds,
  cacheStatus,
];

/**
 * For all sites of a host: one JSON object per request. The path is there without its query, which may hold a sign-in's
 * code or an application's secrets; cookies, tokens and the referrer are not.
 */
export function accessLogFormats(): Directive[] {
  return [
    accessLogFormat(plain, { auth: authStatus }),
    accessLogFormat(withCache, { auth: cachedAuthStatus, auth_cache: cacheStatus }),
  ];
}

function accessLogFormat(name: string, auth: Readonly<Record<string, string>>): Directive {
  const fields = {
    time: "$time_iso8601",
    site: "$server_name",
    request_id: "$request_id",
    client: "$remote_addr",
    user: identityVariable("user"),
    ...auth,
    auth_seconds: authSeconds,
    method: "$request_method",
    path: "$uri",
    protocol: "$server_protocol",
    status: "$status",
    bytes: "$body_bytes_sent",
    seconds: "$request_time",
    backend_seconds: "$upstream_response_time",
    user_agent: "$http_user_agent",
  };
  const members = Object.entries(fields).map(([key, value]) => `"${key}":"${value}"`);
  return ["log_format", name, "escape=json", expr(`{${members.join(",")}}`)];
}
