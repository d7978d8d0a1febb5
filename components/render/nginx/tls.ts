/** What clients may speak to a host. */
import type { Directive } from "../../nginx/print.ts";

/** The intermediate profile of the Server Side TLS guidelines, https://data.tlsref.org/guidelines/6.0.json. */
export const intermediateTls: readonly Directive[] = [
  ["ssl_protocols", "TLSv1.2", "TLSv1.3"],
  [
    "ssl_ciphers",
    [
      "ECDHE-ECDSA-AES128-GCM-SHA256",
      "ECDHE-RSA-AES128-GCM-SHA256",
      "ECDHE-ECDSA-AES256-GCM-SHA384",
      "ECDHE-RSA-AES256-GCM-SHA384",
      "ECDHE-ECDSA-CHACHA20-POLY1305",
      "ECDHE-RSA-CHACHA20-POLY1305",
    ].join(":"),
  ],
  ["ssl_prefer_server_ciphers", "off"],
  ["ssl_session_timeout", "1d"],
  ["ssl_session_cache", "shared:protected-sites:10m"],
  ["ssl_session_tickets", "off"],
];

/**
 * The groups of the same profile, for the default server: its list is every site's, whatever a site says. OpenSSL's own
 * list, up to 3.4, has ffdhe8192: a handshake with it costs the host 200 times what one with X25519 does (CVE-2002-20001).
 *
 * X25519MLKEM768 is missing here, since an OpenSSL before 3.5 refuses the whole list for it: a set-up puts it in front.
 */
export const keyExchangeGroups: Directive = ["ssl_ecdh_curve", "X25519:prime256v1:secp384r1"];
