/** What clients may speak to a host. */
import type { Directive } from "./nginx-conf.ts";

/** Mozilla's intermediate profile, https://wiki.mozilla.org/Security/Server_Side_TLS, version 5.8. */
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
