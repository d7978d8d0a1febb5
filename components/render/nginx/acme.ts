/** Proof for ACME servers, https://www.rfc-editor.org/rfc/rfc8555#section-8.3 */
import { acmeFolder, acmePath } from "../../site/names.ts";
import { server } from "./addresses.ts";
import { block, type Directive, expr, ifEquals } from "../../nginx/print.ts";

/** All hosts of an environment, under a name of Nginx's. @param hosts their addresses; at least one */
export function acmeUpstream(hosts: readonly string[], name: string): Directive {
  return block(
    ["upstream", name],
    hosts.map((address) => server(hostOf(address), 80)),
  );
}

/**
 * Answers to ACME challenges, of this host or, where it has none, of the environment's others. The header keeps hosts
 * from asking each other in turn.
 */
export function acmeLocations(upstream: string): Directive[] {
  return [
    block(
      ["location", "^~", acmePath],
      [
        ["default_type", "text/plain"],
        ["root", acmeFolder],
        ["error_page", 404, "=", "@acme"],
      ],
    ),
    block(
      ["location", "@acme"],
      [
        ifEquals("$http_x_protected_sites_acme", 1, ["return", 404]),
        ["proxy_set_header", "Host", expr("$host")],
        ["proxy_set_header", "X-Protected-Sites-Acme", 1],
        ["proxy_connect_timeout", "5s"],
        ["proxy_next_upstream", "error", "timeout", "http_404"],
        ["proxy_pass", `http://${upstream}`],
      ],
    ),
  ];
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
