/** What Entra requires at a site's sign-in in addition to a password. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A conditional access policy for the site's registration. Needs Entra ID P1, and security defaults off. */
export interface ConditionalAccessSettings {
  /** Whether a second factor is required. @default `true` */
  mfa?: boolean;
  /** Hours after which people have to sign in again. @default the tenant's setting */
  signInFrequencyHours?: number;
  /** `reportOnly`: Entra only logs what it would have done; `enabled`: it enforces the policy. @default `reportOnly` */
  state?: string;
  /** Object IDs of excluded groups, such as that of the emergency accounts. @default none */
  excludedGroups?: string[];
}

/** The shape of {@link ConditionalAccessSettings}. */
export const conditionalAccessSchema = z
  .strictObject(
    {
      mfa: checks.flag.default(true),
      signInFrequencyHours: checks.wholeNumber(1, 720).optional(),
      state: z
        .enum(["reportOnly", "enabled"], { error: checks.expected("reportOnly or enabled") })
        .default("reportOnly"),
      excludedGroups: checks.listOf(checks.guid, "object IDs of groups").default([]),
    },
    {
      error: checks.expected(
        "a conditional access policy (mfa, signInFrequencyHours, state, excludedGroups)",
      ),
    },
  )
  .refine(({ mfa, signInFrequencyHours }) => mfa || signInFrequencyHours !== undefined, {
    error: "requires nothing; set mfa: true or signInFrequencyHours",
  });

/** A validated {@link ConditionalAccessSettings}. */
export type ConditionalAccess = checks.Checked<typeof conditionalAccessSchema>;
