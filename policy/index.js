/**
 * The policy pack that `pulumi preview --policy-pack policy` runs. JavaScript, since Pulumi loads a pack's first file in
 * a way of its own; everything that it imports is TypeScript as everywhere else.
 */
import { PolicyPack } from "@pulumi/policy";

import { ownRules } from "./own-rules.ts";
import { rules } from "./rules.ts";

new PolicyPack("protected-sites", { enforcementLevel: "mandatory", policies: [...rules, ...ownRules] });
