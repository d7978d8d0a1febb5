/** Entra's errors at the sign-in and the token endpoint, https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
import { randomUUID } from "node:crypto";

interface Known {
  readonly error: string;
  /** At the token endpoint. */
  readonly status: number;
  /** `{0}`, `{1}`: what the error is about. */
  readonly text: string;
  readonly suberror?: string;
  /** Some errors come without `error_uri`. */
  readonly withoutUri?: boolean;
}

const invalidGrant = { error: "invalid_grant", status: 400 } as const;
const invalidRequest = { error: "invalid_request", status: 400 } as const;

const known = {
  16000: {
    error: "interaction_required",
    status: 400,
    text: "Either multiple user identities are available for the current request or selected account is not supported for the scenario.",
  },
  50011: {
    ...invalidRequest,
    text: "The redirect URI '{0}' specified in the request does not match the redirect URIs configured for the application '{1}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
  },
  50034: {
    ...invalidGrant,
    text: "The user account {0} does not exist in the {1} directory. To sign into this application, the account must be added to the directory.",
  },
  50057: { ...invalidGrant, text: "The user account is disabled." },
  50058: {
    error: "login_required",
    status: 400,
    text: "A silent sign-in request was sent but no user is signed in.",
  },
  50076: {
    ...invalidGrant,
    suberror: "basic_action",
    text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{0}'.",
  },
  50105: {
    error: "access_denied",
    status: 400,
    text: "The signed in user '{0}' is not assigned to a role for the application '{1}'({2}).",
  },
  50126: { ...invalidGrant, text: "Error validating credentials due to invalid username or password." },
  50173: {
    ...invalidGrant,
    suberror: "bad_token",
    text: "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{0}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{1}'.",
  },
  53000: {
    error: "interaction_required",
    status: 400,
    suberror: "message_only",
    text: "Device is not in required device state: unmanaged. Conditional Access policy requires a compliant device, and the device is not compliant. The user must enroll their device with an approved MDM provider like Intune.",
  },
  53003: {
    error: "interaction_required",
    status: 400,
    suberror: "message_only",
    text: "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
  },
  54005: {
    ...invalidGrant,
    text: "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
  },
  65001: {
    ...invalidGrant,
    suberror: "consent_required",
    withoutUri: true,
    text: "The user or administrator has not consented to use the application with ID '{0}' named '{1}'. Send an interactive authorization request for this user and resource.",
  },
  65004: { error: "access_denied", status: 400, text: "User declined to consent to access the app." },
  70000: { ...invalidGrant, text: "Provided grant is invalid or malformed." },
  70003: {
    error: "unsupported_grant_type",
    status: 400,
    text: "The app requested an unsupported grant type '{0}'.",
  },
  70007: {
    error: "unsupported_response_mode",
    status: 400,
    text: "'{0}' is not a supported value of 'response_mode' when requesting a token.",
  },
  70008: {
    ...invalidGrant,
    text: "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
  },
  70011: {
    error: "invalid_scope",
    status: 400,
    text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {0} is not valid.",
  },
  70021: {
    error: "invalid_request",
    status: 400,
    text: "No matching federated identity record found for presented assertion. Assertion Issuer: '{0}'. Assertion Subject: '{1}'. Assertion Audience: '{2}'.",
  },
  70043: {
    ...invalidGrant,
    suberror: "token_expired",
    text: "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on {0} and the maximum allowed lifetime for this request is {1}.",
  },
  90009: {
    ...invalidRequest,
    text: "Application '{0}'({1}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier.",
  },
  90013: { ...invalidRequest, text: "Invalid input received from the user." },
  90014: {
    ...invalidRequest,
    text: "The required field '{0}' is missing from the credential. Ensure that you have all the necessary parameters for the login request.",
  },
  90019: {
    ...invalidRequest,
    text: "No tenant-identifying information found in either the request or implied by any provided credentials.",
  },
  90023: { ...invalidRequest, text: "Invalid STS request." },
  90094: {
    error: "consent_required",
    status: 400,
    text: "{0} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.",
  },
  500112: {
    error: "invalid_client",
    status: 400,
    text: "The reply address '{0}' does not match the reply address '{1}' provided when requesting Authorization code.",
  },
  500113: { ...invalidRequest, text: "No reply address is registered for the application." },
  501051: {
    error: "access_denied",
    status: 400,
    text: "Application '{0}'({1}) is not assigned to a role for the application '{2}'({3}).",
  },
  501481: {
    ...invalidGrant,
    withoutUri: true,
    text: "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
  },
  650053: {
    error: "invalid_client",
    status: 400,
    text: "The application '{0}' asked for scope '{1}' that doesn't exist on the resource '{2}'. Contact the app vendor.",
  },
  700016: {
    error: "unauthorized_client",
    status: 400,
    text: "Application with identifier '{0}' was not found in the directory '{1}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
  },
  700054: {
    error: "unsupported_response_type",
    status: 400,
    text: "response_type '{0}' is not enabled for the application.",
  },
  700082: {
    ...invalidGrant,
    suberror: "bad_token",
    text: "The refresh token has expired due to inactivity. The token was issued on {0} and was inactive for 90.00:00:00.",
  },
  7000112: { error: "unauthorized_client", status: 400, text: "Application '{0}'({1}) is disabled." },
  7000215: {
    error: "invalid_client",
    status: 401,
    text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{0}'.",
  },
  7000218: {
    error: "invalid_client",
    status: 401,
    text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  },
  7000222: {
    error: "invalid_client",
    status: 401,
    text: "The provided client secret keys for app '{0}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  },
  7000229: {
    error: "unauthorized_client",
    status: 400,
    text: "The client application {0} is missing service principal in the tenant {1}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
  },
  900144: { ...invalidRequest, text: "The request body must contain the following parameter: '{0}'." },
  9002313: { ...invalidRequest, text: "Invalid request. Request is malformed or invalid." },
  9002325: {
    ...invalidRequest,
    text: "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
  },
  90002: {
    error: "invalid_request",
    status: 400,
    text: "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
  },
  1002012: {
    ...invalidRequest,
    text: "The provided value for scope {0} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
  },
} as const satisfies Record<number, Known>;

/** An AADSTS number that the emulator uses. */
export type Code = keyof typeof known;

/** Entra refuses. */
export class EntraError extends Error {
  readonly code: Code;
  readonly details: Known;
  /** JSON of the claims that a new sign-in must ask for. */
  readonly claims: string | undefined;

  constructor(
    code: Code,
    about: readonly string[] = [],
    changes: Partial<Pick<Known, "error" | "status">> & { readonly claims?: string } = {},
  ) {
    const details: Known = known[code];
    super(details.text.replaceAll(/\{(\d)\}/g, (_, index: string) => about[Number(index)] ?? ""));
    const { claims, ...rest } = changes;
    this.code = code;
    this.details = { ...details, ...rest };
    this.claims = claims;
  }
}

/** The parameters of an error as they go back to an application, or to the token endpoint's caller. */
export function errorParameters(
  error: EntraError,
): Record<string, unknown> & { readonly error_description: string } {
  const [traceId, correlationId] = [randomUUID(), randomUUID()];
  const timestamp = `${new Date().toISOString().slice(0, 19).replace("T", " ")}Z`;
  const { code, details, message, claims } = error;
  return {
    error: details.error,
    error_description: `AADSTS${String(code)}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    ...(details.withoutUri === true
      ? {}
      : { error_uri: `https://login.microsoftonline.com/error?code=${String(code)}` }),
    ...(details.suberror === undefined ? {} : { suberror: details.suberror }),
    ...(claims === undefined ? {} : { claims }),
  };
}
