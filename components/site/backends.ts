/** The backends in a site's settings. */

/** The protocol between Nginx and a backend; each has its own directives. */
export type Protocol = "http" | "grpc";

export function protocolOf(upstream: string): Protocol {
  return /^grpcs?:/.test(upstream) ? "grpc" : "http";
}

export function isEncrypted(upstream: string): boolean {
  return /^(?:https|grpcs):/.test(upstream);
}

/** A backend's scheme, in words; a Unix socket speaks plain HTTP. */
export function schemeInWords(upstream: string): string {
  return /^(?:https|grpcs?)(?=:)/.exec(upstream)?.[0] ?? "plain HTTP";
}

/**
 * A backend's URL; that of gRPC as if it were HTTP, which has the same ports and rules for hosts. Undefined for a Unix
 * socket, or no backend at all.
 */
export function urlOf(upstream: string): URL | undefined {
  const url = upstream.replace(/^grpc/, "http");
  return upstream.startsWith("unix:") || !URL.canParse(url) ? undefined : new URL(url);
}

/** The backend's path that its site shows: `/`, or a path with a `/` at both ends. */
export function upstreamPath(upstream: string): string {
  return urlOf(upstream)?.pathname ?? "/";
}

/** A backend's host and port; undefined for a Unix socket, or no backend at all. */
export function addressOf(
  upstream: string,
): { readonly hostname: string; readonly number: number; readonly isLoopback: boolean } | undefined {
  const url = urlOf(upstream);
  if (url === undefined) return undefined;
  const { hostname, port, protocol } = url;
  return {
    hostname,
    number: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    isLoopback: /^(?:localhost|127\.[\d.]+|\[::1\]|0\.0\.0\.0|\[::\])$/.test(hostname),
  };
}

/** Whether a backend is given by an IP address. */
export function isAtAddress(upstream: string): boolean {
  return /^\[|^[\d.]+$/.test(addressOf(upstream)?.hostname ?? "");
}

/** Settings of a site that name backends. */
interface Backends {
  readonly upstream?: string | undefined;
  readonly backupUpstreams?: readonly string[] | undefined;
  readonly upstreams?: readonly { readonly upstream: string }[] | undefined;
}

/** Every backend that a site's settings name, each with the setting. */
export function backendsOf({ upstream, backupUpstreams = [], upstreams = [] }: Backends) {
  return [
    ...(upstream === undefined ? [] : [{ setting: "upstream", backend: upstream }]),
    ...backupUpstreams.map((backend) => ({ setting: "backupUpstreams", backend })),
    ...upstreams.map((it) => ({ setting: "upstreams", backend: it.upstream })),
  ];
}
