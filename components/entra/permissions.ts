/** The permissions of Microsoft Graph that the deployer needs. Entra's own error (403) names none. */

/** By resource type. */
const needed: Readonly<Record<string, string>> = {
  "azuread:index/application:Application": "Application.ReadWrite.OwnedBy",
  "azuread:index/servicePrincipal:ServicePrincipal": "Application.ReadWrite.OwnedBy",
  "azuread:index/applicationPassword:ApplicationPassword": "Application.ReadWrite.OwnedBy",
  "azuread:index/appRoleAssignment:AppRoleAssignment": "AppRoleAssignment.ReadWrite.All",
  "azuread:index/servicePrincipalDelegatedPermissionGrant:ServicePrincipalDelegatedPermissionGrant":
    "DelegatedPermissionGrant.ReadWrite.All",
  "azuread:index/conditionalAccessPolicy:ConditionalAccessPolicy":
    "Policy.ReadWrite.ConditionalAccess (and Policy.Read.All)",
};

/** Whether Entra may refuse the deployer this type of resource. */
export function needsPermission(type: string): boolean {
  return Object.hasOwn(needed, type);
}

/** An app management policy of the tenant, by Graph's code. https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy */
const policies: Readonly<Record<string, string>> = {
  CredentialInvalidLifetimeAsPerAppPolicy:
    "a policy of the tenant (app management policy) limits the lifetime of client secrets; set an earlier endDate for this one in clientSecrets of the stack's file, and rotate with fewer days from then on (npm run rotate -- --days 90), or have an administrator exempt this registration",
  CredentialTypeNotAllowedAsPerAppPolicy:
    "a policy of the tenant (app management policy) forbids client secrets, without which no host can sign anybody in; have an administrator exempt this registration, or all registrations that the deployer creates",
};

/** The provider's error when owners of an existing registration change, which needs more permissions than creating it. */
const owning = /Could not (?:add|remove) (?:initial )?owners?/;

/** What to do about an error of Entra, in a sentence, if it is known. @param type - of the resource */
export function remedy(type: string, error: string): string | undefined {
  const policy = Object.keys(policies).find((code) => error.includes(code));
  if (policy !== undefined) return policies[policy];
  const permission = owning.test(error)
    ? "Directory.Read.All (in addition to Application.ReadWrite.OwnedBy, to change owners)"
    : needed[type];
  return permission === undefined || !isRefusal(error) ? undefined : sentence(permission);
}

/**
 * Looks something up in Entra.
 * @throws Error that names the missing permission if Entra refuses the lookup
 */
export async function lookUp<T>(what: string, permission: string, found: Promise<T>): Promise<T> {
  try {
    return await found;
  } catch (error) {
    if (!isRefusal(String(error))) throw error;
    throw new Error(`${what} cannot be looked up in Entra: ${sentence(permission)}`, { cause: error });
  }
}

function isRefusal(error: string): boolean {
  return /Authorization_RequestDenied|Insufficient privileges|\b403\b/.test(error);
}

function sentence(permission: string): string {
  return `the deployer lacks the application permission ${permission} of Microsoft Graph; add it in the Entra admin center, with admin consent`;
}
