/** What all sites of a host share in Nginx: `/etc/nginx/conf.d/protected-sites.conf`. */
import { http2File } from "../../site/names.ts";
import { spellingMap } from "./ambiguous-paths.ts";
import { applicationCookies } from "./application-cookies.ts";
import { accessLogFormats, variablesOfLogs } from "./access-log.ts";
import { acmeLocations, acmeUpstream } from "./acme.ts";
import { authCacheMaps } from "./auth-cache.ts";
import { header } from "../header.ts";
import { endMap, untilVariable } from "./ends.ts";
import { blockedMaps, variablesOfBlocked } from "./blocked.ts";
import { contactVariable } from "../pages.ts";
import { inherited, inheritedTls, requestReading } from "./inherited.ts";
import { block, comment, type Directive, expr, type Item, printNginx } from "../../nginx/print.ts";
import { bearerTokens } from "./oauth2-proxy.ts";
import { securityHeaderMaps, variablesOfHeaders } from "./security-headers.ts";
import {
  browserMap,
  formMap,
  navigationMaps,
  proxyPrefixVariable,
  returnToMap,
  sharedSignInZone,
  signInsByAddress,
  wantedMap,
} from "./sign-in.ts";
import { renewedSessions, sharedLeftoversMap, variablesOfSites } from "./session-cookies.ts";
import { intermediateTls, keyExchangeGroups } from "./tls.ts";

/** Variables that are unknown to Nginx on a host without sites. */
const variablesOfServers = new Set([
  ...variablesOfSites,
  proxyPrefixVariable,
  ...variablesOfHeaders,
  contactVariable,
  ...variablesOfLogs,
  ...variablesOfBlocked,
  untilVariable,
]);

const sharedUpstream = "acme_protected-sites";

/**
 * The text of the file.
 * @param acmeHosts addresses of all hosts of the environment, where one of its sites has its certificate by ACME
 */
export function sharedNginx(acmeHosts: readonly string[] = []): string {
  return printNginx([
    comment(header("nginx/shared-nginx.ts", "every site of this host")),
    // Names of variables hold the site's domain, which may have 253 characters.
    ["variables_hash_bucket_size", 512],
    ["variables_hash_max_size", 4096],
    ["server_names_hash_bucket_size", 256],

    comment("Only WebSockets: with any other protocol, a client could bypass all of these rules."),
    ...upgradeMaps,
    ...navigationMaps(),
    ...bearerTokens(),
    comment("Which requests count as a sign-in."),
    signInsByAddress(),
    sharedSignInZone(),
    fromHost,
    ...applicationCookies(),
    ...renewedSessions(),
    ...sharedLeftoversMap(),
    comment("Whether the client is a browser that can run a script in the page."),
    browserMap(),
    comment("Whether the request submits a form, which a sign-in would lose."),
    formMap(),
    comment("Where to return to after a sign-in, from the state parameter of its callback."),
    wantedMap(),
    ...returnToMap(),
    ...spellingMap(),
    ...authCacheMaps(),
    ...blockedMaps(),
    ...endMap(),
    ...securityHeaderMaps(),
    ...accessLogFormats(),

    ...(acmeHosts.length === 0
      ? []
      : [
          comment(
            "An ACME server may validate at any of a site's hosts, not only the one that requested the certificate.",
          ),
          acmeUpstream(acmeHosts, sharedUpstream),
        ]),

    comment("Unknown host names get neither a certificate nor content."),
    defaultHttpServer(acmeHosts.length > 0),
    defaultHttpsServer,
  ]);
}

/** The protocols to which a request may switch. */
const upgradeMaps: readonly Item[] = [
  block(
    ["map", expr("$http_upgrade"), expr("$protected_sites_upgrade")],
    [
      ["default", ""],
      [expr("~*^websocket$"), "websocket"],
    ],
  ),
  block(
    ["map", expr("$protected_sites_upgrade"), expr("$protected_sites_connection")],
    [
      ["default", ""],
      ["websocket", "upgrade"],
    ],
  ),
];

/** 1 where the host itself makes the request. */
const fromHost = block(
  ["geo", expr("$protected_sites_from_host")],
  [
    ["default", 0],
    ["127.0.0.0/8", 1],
    ["::1", 1],
  ],
);

function defaultHttpServer(withAcme: boolean): Directive {
  return block(
    ["server"],
    [
      ["listen", 80, "default_server"],
      ["listen", "[::]:80", "default_server"],
      ["server_tokens", "off"],
      ...(!withAcme
        ? [...requestReading.says, ["return", 444] as const]
        : [...inherited, block(["location", "/"], [["return", 444]]), ...acmeLocations(sharedUpstream)]),
    ],
  );
}

const defaultHttpsServer = block(
  ["server"],
  [
    comment(
      `Before Nginx 1.25.1, "http2" here applies to all servers. With a newer one, the set-up removes it: each site includes ${http2File}.`,
    ),
    ["listen", 443, "ssl", "http2", "default_server"],
    ["listen", "[::]:443", "ssl", "http2", "default_server"],
    ["server_tokens", "off"],
    ["ssl_reject_handshake", "on"],
    // The default server's protocols are those of every site: the name comes after the version.
    ...intermediateTls,
    comment("With OpenSSL 3.5 or newer, the set-up adds X25519MLKEM768 at the beginning."),
    keyExchangeGroups,
    ...inheritedTls.says,
    ...requestReading.says,
    // The maps above read them. Not by `set`, after which Nginx would log each request that has none.
    ...[...variablesOfServers].map((it): Directive => ["auth_request_set", expr(it), ""]),
    // A client may say one of our names in TLS and another in its request. A browser does where a certificate has
    // both names, and asks again by a connection of its own.
    block(["location", "/"], [["return", 421]]),
  ],
);
