/** A registration in Entra that existed before its site. */
import { z } from "zod";

import * as checks from "./checks.ts";

/** The registration that a site adopts with its first update, so that its client ID stays. */
export interface AdoptedRegistrationSettings {
  /** Object ID of the application: `az ad app show --id CLIENT_ID --query id`. */
  application: string;
  /** Object ID of its service principal: `az ad sp show --id CLIENT_ID --query id`. */
  servicePrincipal: string;
  /**
   * ID of an administrator's consent for everybody: `az ad app permission list-grants --id CLIENT_ID --query
   * "[?consentType=='AllPrincipals'].id"`. @default there is none
   */
  consent?: string;
}

/** The shape of {@link AdoptedRegistrationSettings}. */
export const adoptedRegistrationSchema = z.strictObject(
  { application: checks.guid, servicePrincipal: checks.guid, consent: checks.consentId.optional() },
  { error: checks.expected("a registration's IDs (application, servicePrincipal, consent)") },
);
