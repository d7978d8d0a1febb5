/** Rules of your own organisation: docs/policy.md says how one is written. */
import type { Policies } from "@pulumi/policy";

export const ownRules: Policies = [];
