/** The subrequests and requests that Nginx sends to the site's oauth2-proxy. */
import { instanceName, signInPaths } from "../../site/names.ts";
import { machineClients } from "../../site/roles.ts";
import { type Site } from "../../site/site.ts";
import { authCache } from "./auth-cache.ts";
import { type Arg, block, comment, type Directive, expr, group, type Item } from "../../nginx/print.ts";
import { bodyBuffering } from "./backend.ts";
import { ofConnection, type RequestHeader, setHeaders } from "./forwarded.ts";
import { internal, internalPaths } from "./locations.ts";

/**
 * The location of a subrequest.
 * @param constraint what the user needs beyond the site's own rules, as a query
 */
export function askOauth2Proxy(site: Site, location: string, constraint = ""): Directive {
  return block(
    ["location", "=", location],
    [
      group(asking({ programs: machineClients(site).length > 0 })),
      ...authCache(site, constraint),
      ["proxy_pass", `http://${instanceName(site.domain)}${signInPaths(site).auth}${constraint}`],
    ],
  );
}

/** Directives of the `auth_request` location. @param programs whether oauth2-proxy gets their bearer tokens */
export function asking({ programs }: { readonly programs: boolean }): Item[] {
  return [
    ...internal,
    // An instance that ends may close a connection that it has just taken; the next one answers. At most ten times.
    ["error_page", 502, "=", expr("$uri")],
    ...toOauth2Proxy({ authorization: programs ? expr(bearerVariable) : "" }),
    ...withoutBody,
    // oauth2-proxy's own requests to Entra have no timeout. It waits 5 s for another request's renewal, whose lock
    // ends after 2 s: with an Entra that takes 8 s, the last of several answers comes after 12 s.
    ["proxy_connect_timeout", "5s"],
    ["proxy_read_timeout", "20s"],
  ];
}

/**
 * oauth2-proxy answers 401 and takes the cookie back when its Redis cannot be reached, as it does when a session has
 * ended. Its readiness tells the two apart.
 */
export function askForStore(site: Site): Directive[] {
  if (site.sessionStore !== "redis") return [];
  return [
    block(
      ["location", "=", internalPaths.store],
      [group(askingForStore()), ["proxy_pass", `http://${instanceName(site.domain)}/ready`]],
    ),
  ];
}

/** Directives of the location that checks whether the session store is reachable. */
export function askingForStore(): Item[] {
  return [
    ...internal,
    ...toOauth2Proxy(),
    ...withoutBody,
    ["proxy_connect_timeout", "5s"],
    ["proxy_read_timeout", "10s"],
  ];
}

const bearerVariable = "$protected_sites_bearer";

/**
 * For all sites of a host. oauth2-proxy would take a token out of a Basic header, too, which browsers and proxies send
 * by themselves; and it knows the scheme in one case only, which has none.
 */
export function bearerTokens(): Item[] {
  return [
    comment("Bearer tokens of applications; oauth2-proxy gets no other value of this header."),
    block(
      ["map", expr("$http_authorization"), expr(bearerVariable)],
      [
        ["default", ""],
        [
          expr(
            "~^[Bb][Ee][Aa][Rr][Ee][Rr] +(?<protected_sites_token>[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+)$",
          ),
          expr("Bearer $protected_sites_token"),
        ],
      ],
    ),
  ];
}

/**
 * The same on every site. Of a request's headers oauth2-proxy reads few
 * (https://github.com/oauth2-proxy/oauth2-proxy/tree/v7.15.3), and a browser sends fifteen: it gets the few, and none
 * that a client has made up. A list of headers also costs Nginx memory in each location that has one.
 * @param ask.returnTo where the browser goes after the sign-in, in `X-Auth-Request-Redirect`
 * @param ask.authorization the `Authorization` header that oauth2-proxy gets, `""` for none
 */
export function toOauth2Proxy({
  returnTo = "",
  authorization = "",
}: { readonly returnTo?: Arg; readonly authorization?: Arg } = {}): Directive[] {
  return [
    ["proxy_http_version", "1.1"],
    ["proxy_pass_request_headers", "off"],
    ...setHeaders("http", [
      ["Host", expr("$server_name")],
      ...ofConnection(),
      ["Connection", ""],
      ["Cookie", expr("$http_cookie")],
      // For its log.
      ["User-Agent", expr("$http_user_agent")],
      ...given("Authorization", authorization),
      ...given("X-Auth-Request-Redirect", returnTo),
    ]),
    ...bodyBuffering("on"),
    // With 200 groups, the most that Entra names, an answer that renews a session has 75 kB of headers.
    ["proxy_buffer_size", "96k"],
    ["proxy_buffers", 4, "64k"],
    ["proxy_busy_buffers_size", "128k"],
  ];
}

function given(name: string, value: Arg): RequestHeader[] {
  return value === "" ? [] : [[name, value]];
}

export const withoutBody: readonly Directive[] = [
  ["proxy_method", "GET"],
  ["proxy_pass_request_body", "off"],
  ["proxy_set_header", "Content-Length", ""],
];
