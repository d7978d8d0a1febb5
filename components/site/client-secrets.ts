/** The client secrets of a site's registration, and which of them hosts use. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** One client secret of a site. */
export interface ClientSecretSettings {
  /** Its number; never reused. */
  generation: number;
  /** The date on which it expires, at 00:00 UTC, for example `2027-11-01`. @default Entra's own, after two years */
  endDate?: string;
  /** Set on a replaced secret: `npm run rotate` removes it from that date on. */
  retireAfter?: string;
}

/** The shape of {@link ClientSecretSettings}. */
const clientSecretSchema = z.strictObject(
  {
    generation: checks.wholeNumber(1, 100_000),
    endDate: checks.date.optional(),
    retireAfter: checks.date.optional(),
  },
  { error: checks.expected("a client secret (generation, endDate)") },
);

/** A validated client secret. */
export type ClientSecret = checks.Checked<typeof clientSecretSchema>;

/** The shape of a site's client secrets, oldest first. */
export const clientSecretsSchema = checks
  .listOf(clientSecretSchema, "client secrets")
  .min(1, { error: checks.expected("a list with at least one client secret; the last one is in use") })
  .check(checks.inOrder(({ generation }) => generation));

/** The client secret that hosts use. */
export function activeClientSecret({
  clientSecrets,
}: {
  readonly clientSecrets: readonly ClientSecret[];
}): ClientSecret {
  const newest = clientSecrets.at(-1);
  if (newest === undefined) throw new Error("a validated site has at least one client secret");
  return newest;
}
