/** Consents, with the IDs that Entra gives them. */
import type { PermissionGrant } from "./model.ts";

/** A consent. @param principalId - null is for everybody */
export function makeGrant(
  clientId: string,
  resourceId: string,
  principalId: string | null,
  scope: string,
): PermissionGrant {
  const parts = [clientId, resourceId, ...(principalId === null ? [] : [principalId])];
  return {
    // Computed from Microsoft's example: the object IDs' bytes one after the other.
    id: Buffer.concat(parts.map(guidBytes)).toString("base64url"),
    clientId,
    resourceId,
    principalId,
    consentType: principalId === null ? "AllPrincipals" : "Principal",
    scope,
  };
}

/** A GUID's first three groups are little-endian. */
function guidBytes(guid: string): Buffer {
  const [a = "", b = "", c = "", ...rest] = guid.split("-");
  const reversed = [a, b, c].map((group) => Buffer.from(group, "hex").reverse());
  return Buffer.concat([...reversed, Buffer.from(rest.join(""), "hex")]);
}
