/** What Entra asks for at a site's sign-in beyond a password. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A conditional access policy for the site's registration. Needs Entra ID P1, and security defaults off. */
export interface ConditionalAccessSettings {
  /** Whether a second factor is asked for. @default `true` */
  mfa?: boolean;
  /** Hours after which people sign in anew. @default as the tenant has it */
  signInFrequencyHours?: number;
  /** `reportOnly`: Entra only records what it would have done; `enabled`: it does it. @default `reportOnly` */
  state?: string;
  /** Object IDs of groups that the policy is not for, such as that of the emergency accounts. @default none */
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
    error: "asks for nothing; give mfa: true or signInFrequencyHours",
  });

/** A checked {@link ConditionalAccessSettings}. */
export type ConditionalAccess = checks.Checked<typeof conditionalAccessSchema>;
