/** Owners of applications and service principals. */
import type { Principal, Registration, Tenant } from "../model.ts";

/** As Graph lists them, each with its kind. */
export function ownersOf(
  { users, principals }: Tenant,
  { owners }: Registration | Principal,
): Readonly<Record<string, unknown>>[] {
  return owners.map((id) => {
    const user = users.find((one) => one.id === id);
    if (user !== undefined)
      return {
        "@odata.type": "#microsoft.graph.user",
        id,
        displayName: user.displayName,
        userPrincipalName: user.userPrincipalName,
      };
    const principal = principals.find(({ servicePrincipal }) => servicePrincipal.id === id);
    return {
      "@odata.type": "#microsoft.graph.servicePrincipal",
      id,
      appId: principal?.servicePrincipal.appId ?? null,
      displayName: principal?.servicePrincipal.displayName ?? null,
    };
  });
}
