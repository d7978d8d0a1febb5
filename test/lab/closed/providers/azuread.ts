/** Stand-in for @pulumi/azuread: the resources and functions of a site's registration, against Microsoft Graph. */
import { applicationPassword } from "./azuread/application-password.ts";
import { application } from "./azuread/application.ts";
import { appRoleAssignment } from "./azuread/app-role-assignment.ts";
import { conditionalAccessPolicy } from "./azuread/conditional-access-policy.ts";
import { delegatedPermissionGrant } from "./azuread/delegated-permission-grant.ts";
import { getClientConfig, getGroup, getServicePrincipal, getUser } from "./azuread/functions.ts";
import { servicePrincipal } from "./azuread/service-principal.ts";
import { signIn } from "./azuread/session.ts";
import type { Provider } from "./provider.ts";

/** The provider. */
export const provider: Provider = {
  configure: signIn,
  resources: {
    "azuread:index/application:Application": application,
    "azuread:index/applicationPassword:ApplicationPassword": applicationPassword,
    "azuread:index/appRoleAssignment:AppRoleAssignment": appRoleAssignment,
    "azuread:index/conditionalAccessPolicy:ConditionalAccessPolicy": conditionalAccessPolicy,
    "azuread:index/servicePrincipal:ServicePrincipal": servicePrincipal,
    "azuread:index/servicePrincipalDelegatedPermissionGrant:ServicePrincipalDelegatedPermissionGrant":
      delegatedPermissionGrant,
  },
  functions: {
    "azuread:index/getClientConfig:getClientConfig": getClientConfig,
    "azuread:index/getGroup:getGroup": getGroup,
    "azuread:index/getServicePrincipal:getServicePrincipal": getServicePrincipal,
    "azuread:index/getUser:getUser": getUser,
  },
};
