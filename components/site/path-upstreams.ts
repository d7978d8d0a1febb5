/** Parts of a site that another application answers: where a request goes, and never who may send it. */
import { z } from "zod";

import * as checks from "./checks.ts";

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

/** The shape of {@link PathUpstreamSettings}. */
export const pathUpstreamSchema = z.strictObject(
  {
    path: checks.path.transform((it) => it.replace(/\/$/, "")),
    upstream: checks.upstreamUrl,
  },
  { error: checks.expected("a path and its application (path, upstream)") },
);

/** A checked {@link PathUpstreamSettings}; its path has no `/` at its end. */
export type PathUpstream = checks.Checked<typeof pathUpstreamSchema>;
