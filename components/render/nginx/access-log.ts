/** A site's access log. */
import { identifier } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { authStatus } from "./auth-cache.ts";
import { type Directive, expr } from "./nginx-conf.ts";

export function logFormat(site: Site): string {
  return `protected_sites_${identifier(site.domain)}`;
}

/**
 * One JSON object per request. The path is there without its query, which may hold a sign-in's code or an
 * application's secrets; cookies, tokens and the referrer are not.
 */
export function accessLogFormat(site: Site): Directive {
  const fields = {
    time: "$time_iso8601",
    site: site.domain,
    request_id: "$request_id",
    client: "$remote_addr",
    user: "$oauth2_user",
    auth: authStatus(site),
    ...(site.authCache === undefined ? {} : { auth_cache: "$oauth2_cache" }),
    auth_seconds: "$oauth2_seconds",
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
  return ["log_format", logFormat(site), "escape=json", expr(`{${members.join(",")}}`)];
}
