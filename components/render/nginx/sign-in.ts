/** How a sign-in begins: where it leads back to, and how many one address may begin. */
import { identifier } from "../../site/names.ts";
import { type Site } from "../../site/site.ts";
import { block, comment, type Directive, expr, literal, type Item } from "./nginx-conf.ts";

export function returnToVariable(site: Site): string {
  return `$protected_sites_return_to_${identifier(site.domain)}`;
}

/**
 * Where a browser goes after the sign-in, always with GET. A form that was sent when the session had ended leads back
 * to the page that it was on, if the browser says which; its address may not answer to GET.
 */
export function returnTo(site: Site): Item[] {
  const own = literal(site.domain);
  return [
    // On the way here Nginx has made a GET of it; only the request's first line still says what it was.
    comment("After a sign-in: back to where the browser was."),
    block(
      ["map", expr("$request $http_referer"), expr(returnToVariable(site))],
      [
        ["default", expr(`https://${site.domain}$request_uri`)],
        [
          expr(`~^(?!GET |HEAD )[A-Z]+ [^ ]+ [^ ]+ https://${own}(?<protected_sites_page>/[!-~]*)$`),
          expr(`https://${site.domain}$protected_sites_page`),
        ],
      ],
    ),
  ];
}

/** Counts sign-ins by address; the check of a session is none. */
export function signInZone(site: Site): Directive[] {
  if (site.signInRate === "off") return [];
  return [
    [
      "limit_req_zone",
      expr("$binary_remote_addr"),
      `zone=${signInZoneName(site)}:1m`,
      `rate=${site.signInRate}`,
    ],
  ];
}

export function signInLimit(site: Site): Directive[] {
  if (site.signInRate === "off") return [];
  const [, rate = "", unit] = /^(\d+)r\/([sm])$/.exec(site.signInRate) ?? [];
  // An office that comes to work at nine has one address.
  const burst = unit === "s" ? 10 * Number(rate) : Number(rate);
  return [
    ["limit_req", `zone=${signInZoneName(site)}`, `burst=${burst}`, "nodelay"],
    ["limit_req_status", 429],
    // Its line in the error log would hold the query, and so a sign-in's code.
    ["limit_req_log_level", "notice"],
  ];
}

function signInZoneName(site: Site): string {
  return `protected_sites_sign_in_${identifier(site.domain)}`;
}
