/** Servers of an upstream: an address as it is, a name by the file in which the host follows its addresses. */
import { addressesFile } from "../../site/names.ts";
import { type Directive, expr } from "../../nginx/print.ts";

/**
 * Nginx itself looks a name up when it reads its configuration and never again, and does not start where one name of
 * all its sites cannot be resolved. So its files contain no names; see docs/decisions/resolving-backend-names.md.
 * @param host a host name, an IPv4 address or an IPv6 address in brackets
 */
export function server(host: string, port: number, role: "backup" | "first" = "first"): Directive {
  if (isAddress(host)) return addressed(`${host}:${port}`, role);
  return ["include", expr(addressesFile(host, port, role))];
}

/**
 * A server that has an address. None is left alone for a while after a failure: to Nginx a slow page is one, and would
 * move everybody to a backup.
 */
export function addressed(address: string, role: "backup" | "first"): Directive {
  return ["server", address, "max_fails=0", ...(role === "backup" ? ["backup"] : [])];
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
