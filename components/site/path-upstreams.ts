/** Parts of a site that another application answers: where a request goes, and never who may send it. */
import { z } from "zod";

import { isAtAddress, isEncrypted, upstreamPath } from "./backends.ts";
import * as checks from "./checks.ts";
import { isOurs, proxyPrefixOf } from "./path-access.ts";

/** A part of the site with an application of its own. Who may enter it is what it would be without. */
export interface PathUpstreamSettings {
  /** The decoded path as in `/api`: it and all below it, by whole names. Where several fit, the longest counts. */
  path: string;
  /**
   * Scheme, host and port of its application, like the site's `upstream`, and encrypted where that is; one of the two
   * may be gRPC. It gets the whole path, as it came. With https and grpcs, its certificate has to be for this host, of
   * `upstreamCa`.
   */
  upstream: string;
}

/** A checked {@link PathUpstreamSettings}; its path has no `/` at its end. */
export interface PathUpstream {
  readonly path: string;
  readonly upstream: string;
}

/** The shape of {@link PathUpstreamSettings}. */
export const pathUpstreamSchema = z.strictObject(
  {
    path: checks.path.transform((it) => it.replace(/\/$/, "")),
    upstream: checks.upstreamUrl,
  },
  { error: checks.expected("a path and its application (path, upstream)") },
);

/** Rules that need more than one setting. Takes what is there, also where other settings are wrong. */
export function pathUpstreamContradictions(args: {
  readonly upstreams?: unknown;
  readonly upstream?: unknown;
  readonly hostHeader?: unknown;
  readonly proxyPrefix?: unknown;
}): string[] {
  const found: string[] = [];
  const given = z.array(pathUpstreamSchema).safeParse(args.upstreams ?? []).data ?? [];
  if (given.length === 0 || typeof args.upstream !== "string") return found;
  const secure = isEncrypted(args.upstream);
  if (args.hostHeader === "upstream")
    found.push("upstreams get the site's name as their Host; leave hostHeader: upstream out, or upstreams");
  if (upstreamPath(args.upstream) !== "/")
    found.push(
      `upstreams cannot stand beside an upstream with a path of its own, got "${args.upstream}"; give both without one`,
    );
  const paths = new Set<string>();
  for (const [index, { path, upstream }] of given.entries()) {
    const what = `upstreams.${index}`;
    if (path === "") found.push(`${what}.path "/" is the whole site; use the site's own upstream`);
    if (isOurs(path, proxyPrefixOf(args)))
      found.push(
        `${what}.path "${path}" belongs to the sign-in or the push; choose a path of the application`,
      );
    if (paths.has(path.toLowerCase()))
      found.push(`${what}.path "${path}" is already there; give each path once`);
    paths.add(path.toLowerCase());
    if (isEncrypted(upstream) !== secure)
      found.push(
        `${what}.upstream must be ${secure ? "https or grpcs" : "plain HTTP or grpc"}, encrypted or not like upstream, got "${upstream}"`,
      );
    if (upstreamPath(upstream) !== "/")
      found.push(`${what}.upstream gets the path as it came, and has none of its own, got "${upstream}"`);
    if (secure && isAtAddress(upstream))
      found.push(
        `${what}.upstream "${upstream}" is an address, and Nginx compares certificates with names only; give a name`,
      );
  }
  return found;
}
