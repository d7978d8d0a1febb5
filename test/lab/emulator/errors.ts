/** Entra's own errors, https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
import { randomUUID } from "node:crypto";

/** What the token endpoint says of each: `error`, status, text. */
const known = {
  50011: [
    "invalid_request",
    400,
    "The redirect URI specified in the request does not match the redirect URIs configured for the application.",
  ],
  50020: [
    "invalid_grant",
    400,
    "User account from identity provider does not exist in tenant and cannot access the application.",
  ],
  50034: ["invalid_grant", 400, "The user account does not exist in the directory."],
  50057: ["invalid_grant", 400, "The user account is disabled."],
  50058: ["login_required", 400, "A silent sign-in request was sent but no user is signed in."],
  50105: [
    "invalid_grant",
    400,
    "Your administrator has configured the application to block users unless they are specifically granted ('assigned') access to the application. The signed in user is blocked because they are not assigned to a role for the application, nor is a direct member of a group with access.",
  ],
  50126: ["invalid_grant", 400, "Error validating credentials due to invalid username or password."],
  50173: [
    "invalid_grant",
    400,
    "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
  ],
  54005: [
    "invalid_grant",
    400,
    "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
  ],
  65001: [
    "invalid_grant",
    400,
    "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
  ],
  70008: [
    "invalid_grant",
    400,
    "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
  ],
  70011: [
    "invalid_scope",
    400,
    "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.",
  ],
  70003: ["unsupported_grant_type", 400, "The app requested an unsupported grant type."],
  90002: ["invalid_tenant", 400, "Tenant not found. Check to make sure you have the correct tenant ID."],
  500112: [
    "invalid_client",
    400,
    "The reply address does not match the reply address provided when requesting Authorization code.",
  ],
  501481: [
    "invalid_grant",
    400,
    "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
  ],
  650053: [
    "invalid_client",
    400,
    "The application asked for a scope that doesn't exist on the resource '00000003-0000-0000-c000-000000000000'. Contact the app vendor.",
  ],
  700016: [
    "unauthorized_client",
    400,
    "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
  ],
  700054: ["unsupported_response_type", 400, "response_type 'id_token' is not enabled for the application."],
  900144: ["invalid_request", 400, "The request body must contain all required parameters."],
  7000112: ["unauthorized_client", 400, "Application is disabled."],
  7000215: [
    "invalid_client",
    401,
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app.",
  ],
  7000218: [
    "invalid_client",
    401,
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  ],
  7000222: [
    "invalid_client",
    401,
    "The provided client secret keys for the app are expired. Visit the Azure portal to create new keys for your app.",
  ],
  9002313: ["invalid_grant", 400, "Invalid request. Request is malformed or invalid."],
} as const satisfies Record<number, readonly [error: string, status: number, text: string]>;

/** The number of an error that the emulator can give. */
export type ErrorCode = keyof typeof known;

/** Entra refuses a request. */
export class EntraError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  /** OAuth's name for it. */
  readonly error: string;
  /** Ends the request's trace in Entra's logs; shown to people and to programs. */
  readonly traceId = randomUUID();
  readonly correlationId = randomUUID();
  readonly timestamp = new Date().toISOString().replace("T", " ").replace(/\.\d+/, "");

  /** @param detail - what came, after Entra's own text */
  constructor(code: ErrorCode, detail = "") {
    const [error, status, text] = known[code];
    super(`AADSTS${code}: ${text}${detail === "" ? "" : ` ${detail}`}`);
    this.code = code;
    this.status = status;
    this.error = error;
  }

  /** As the token endpoint answers, and an application is told at its redirect URI. */
  get description(): string {
    return `${this.message} Trace ID: ${this.traceId} Correlation ID: ${this.correlationId} Timestamp: ${this.timestamp}`;
  }

  /** The body of a refusal, in Entra's order. */
  get body(): Record<string, unknown> {
    return {
      error: this.error,
      error_description: this.description,
      error_codes: [this.code],
      timestamp: this.timestamp,
      trace_id: this.traceId,
      correlation_id: this.correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${this.code}`,
      ...(this.code === 70008 ? { suberror: "bad_token" } : {}),
      ...(this.code === 65001 ? { suberror: "consent_required" } : {}),
    };
  }
}
