/** Parts of a site with another backend: where a request goes, never who may send it. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A part of the site with a backend of its own. It does not change who may enter. */
export interface PathUpstreamSettings {
  /** The decoded path, for example `/api`: the path and everything below it, by whole segments. The longest match wins. */
  path: string;
  /**
   * Scheme, host and port of its backend, like the site's `upstream`, and encrypted if that is; one of the two may be
   * gRPC. It gets the whole path unchanged. With https and grpcs, its certificate has to be for this host, issued by
   * `upstreamCa`.
   */
  upstream: string;
}

/** The shape of {@link PathUpstreamSettings}. */
export const pathUpstreamSchema = z.strictObject(
  {
    path: checks.path.transform((it) => it.replace(/\/$/, "")),
    upstream: checks.upstreamUrl,
  },
  { error: checks.expected("a path and its backend (path, upstream)") },
);

/** A validated {@link PathUpstreamSettings}; its path has no `/` at its end. */
export type PathUpstream = checks.Checked<typeof pathUpstreamSchema>;
