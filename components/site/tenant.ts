/** The endpoints of a Microsoft Entra tenant in the public cloud; `tenantId` is a GUID. */
export function tenantEndpoints(tenantId: string) {
  const login = `https://login.microsoftonline.com/${tenantId}`;
  return {
    issuer: `${login}/v2.0`,
    authorize: `${login}/oauth2/v2.0/authorize`,
    token: `${login}/oauth2/v2.0/token`,
    logout: `${login}/oauth2/v2.0/logout`,
    keys: `${login}/discovery/v2.0/keys`,
  };
}
