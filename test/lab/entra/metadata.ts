/** Documents that anybody may read: discovery, keys, and what a cloud consists of. */
import { publicEntry } from "./keys.ts";
import type { Tenant } from "./model.ts";
import { issuerOf } from "./tokens.ts";

const login = "https://login.microsoftonline.com";

/** OpenID Connect discovery, as Entra words it: PKCE works, and is not told of. */
export function discovery({ tenantId }: Tenant) {
  const at = `${login}/${tenantId}`;
  return {
    token_endpoint: `${at}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    jwks_uri: `${at}/discovery/v2.0/keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer: issuerOf(tenantId),
    request_uri_parameter_supported: false,
    userinfo_endpoint: "https://graph.microsoft.com/oidc/userinfo",
    authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${at}/oauth2/v2.0/logout`,
    claims_supported: [
      ...[
        "sub",
        "iss",
        "cloud_instance_name",
        "cloud_instance_host_name",
        "cloud_graph_host_name",
        "msgraph_host",
      ],
      ...[
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        "nonce",
        "preferred_username",
        "name",
        "tid",
        "ver",
        "at_hash",
      ],
      ...["c_hash", "email"],
    ],
    tenant_region_scope: "EU",
    cloud_instance_name: "microsoftonline.com",
    cloud_graph_host_name: "graph.windows.net",
    msgraph_host: "graph.microsoft.com",
    rbac_url: "https://pas.windows.net",
  };
}

/** The keys whose signatures hold. */
export function keySet({ tenantId, signingKeys }: Tenant) {
  return { keys: signingKeys.map((key) => publicEntry(key, issuerOf(tenantId))) };
}

/** What a client that is told only a `metadataHost` learns of the cloud. */
export function cloudEndpoints() {
  return {
    name: "AzureCloud",
    portal: "https://portal.azure.com",
    resourceManager: "https://management.azure.com/",
    microsoftGraphResourceId: "https://graph.microsoft.com/",
    graph: "https://graph.windows.net/",
    graphAudience: "https://graph.windows.net/",
    authentication: {
      loginEndpoint: `${login}/`,
      audiences: ["https://management.core.windows.net/", "https://management.azure.com/"],
      tenant: "common",
      identityProvider: "AAD",
    },
    suffixes: {},
  };
}
