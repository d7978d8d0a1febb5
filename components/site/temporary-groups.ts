/** Groups that may enter a site for some time. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** A group whose members may enter until a last day. */
export interface TemporaryGroupSettings {
  /** Its object ID in Entra. */
  group: string;
  /** The last day, in UTC, as `2027-01-31`; hosts then refuse its members by their own clock, without an update. */
  until: string;
}

/** The shape of {@link TemporaryGroupSettings}. */
export const temporaryGroupSchema = z.strictObject(
  { group: checks.guid, until: checks.date },
  { error: checks.expected("a group that is allowed for some time (group, until)") },
);
