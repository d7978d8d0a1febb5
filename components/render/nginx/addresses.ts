/** Servers of an upstream: an address as it is, a name by the file in which the host follows its addresses. */
import { addressesFile } from "../../site/names.ts";
import { type Directive, expr } from "./nginx-conf.ts";

/**
 * Nginx itself looks a name up when it reads its configuration and never again, and does not start where one name of
 * all its sites cannot be resolved. So no name stands in its files; see docs/decisions/names-of-backends.md.
 * @param host a host name, an IPv4 address or an IPv6 address in brackets
 */
export function server(host: string, port: number, role: "backup" | "first" = "first"): Directive {
  if (isAddress(host)) return ["server", `${host}:${port}`, ...(role === "backup" ? ["backup"] : [])];
  return ["include", expr(addressesFile(host, port, role))];
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
