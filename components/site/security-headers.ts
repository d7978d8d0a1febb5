/** Security headers for browsers. A backend's own always win: it knows what its pages need. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** Security headers, each unless the backend sends its own. */
export interface SecurityHeadersSettings {
  /**
   * Who may embed the site in a frame (`Content-Security-Policy: frame-ancestors`): `self`, origins like
   * `https://portal.example.com`, or `*` for anybody; an empty list, nobody. In frames on another registrable domain
   * browsers send no session, so they show only what is `open`. @default `[self]`
   */
  frameAncestors?: string[];
  /** How much of the referrer other sites get (`Referrer-Policy`). @default `strict-origin-when-cross-origin` */
  referrerPolicy?: string;
  /** Whether browsers must not guess content types (`X-Content-Type-Options: nosniff`). @default `true` */
  contentTypeOptions?: boolean;
  /** Features that pages may use (`Permissions-Policy`), for example `camera=(), microphone=(self)`. @default no such header */
  permissionsPolicy?: string;
}

/** https://www.w3.org/TR/referrer-policy/#referrer-policies */
const referrerPolicies = [
  "no-referrer",
  "no-referrer-when-downgrade",
  "origin",
  "origin-when-cross-origin",
  "same-origin",
  "strict-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url",
] as const;

/** The shape of {@link SecurityHeadersSettings}. */
export const securityHeadersSchema = z.strictObject(
  {
    frameAncestors: checks
      .listOf(checks.frameAncestor, 'self, "*" or origins like "https://portal.example.com"')
      .default(["self"]),
    referrerPolicy: z
      .enum(referrerPolicies, { error: checks.expected(`one of ${referrerPolicies.join(", ")}`) })
      .default("strict-origin-when-cross-origin"),
    contentTypeOptions: checks.flag.default(true),
    permissionsPolicy: checks.permissionsPolicy.optional(),
  },
  { error: checks.expected("security headers (frameAncestors, referrerPolicy, …)") },
);

/** A validated {@link SecurityHeadersSettings}. */
export type SecurityHeaders = checks.Checked<typeof securityHeadersSchema>;
