/**
 * The token endpoint. The OpenID Connect core is our own: what is tested against it is what Entra does differently from
 * the standard's libraries (several secrets of one client at once, refresh tokens that stay valid beside their
 * successors, errors on Entra's page instead of at the redirect URI, AADSTS bodies), and a library's provider would have
 * to be overruled in each of these. The cryptography is jose's.
 */
import { createHash } from "node:crypto";

import { authenticate, type ClientCredentials } from "./clients.ts";
import type { Emulator } from "./emulator.ts";
import { EntraError } from "./errors.ts";
import { admit, applicationTokens, personTokens, scopesOf } from "./sign-in.ts";
import type { Application, User } from "./state.ts";
import { seal, type Ticket, unseal } from "./tokens.ts";

/** Seconds that a refresh token holds: 90 days. */
const refreshLifetime = 90 * 86_400;

/**
 * Answers a token request.
 * @throws EntraError
 */
export async function answerTokenRequest(
  emulator: Emulator,
  form: URLSearchParams,
  credentials: ClientCredentials,
  deployerId: string,
): Promise<Record<string, unknown>> {
  const grantType = form.get("grant_type");
  if (grantType === null) throw new EntraError(900144, "Missing: 'grant_type'.");
  const application = authenticate(emulator, credentials);
  switch (grantType) {
    case "client_credentials":
      if (!(form.get("scope") ?? "").endsWith("/.default"))
        throw new EntraError(70011, `Got: '${form.get("scope") ?? ""}'.`);
      return applicationTokens(emulator, application, application.appId === deployerId);
    case "authorization_code":
      return redeemCode(emulator, application, form);
    case "refresh_token":
      return refresh(emulator, application, form);
    default:
      throw new EntraError(70003, `Got: '${grantType}'.`);
  }
}

async function redeemCode(emulator: Emulator, application: Application, form: URLSearchParams) {
  const code = form.get("code");
  if (code === null) throw new EntraError(900144, "Missing: 'code'.");
  const ticket = await unseal(emulator, "code", code);
  if (ticket === "expired") throw new EntraError(70008);
  if (ticket === undefined || ticket.appId !== application.appId) throw new EntraError(9002313);
  if (ticket.redirectUri !== form.get("redirect_uri")) throw new EntraError(500112);
  if (!provesChallenge(ticket, form.get("code_verifier"))) throw new EntraError(501481);
  if (emulator.redeemed.has(ticket.jti)) throw new EntraError(54005);
  emulator.redeemed.add(ticket.jti);
  return tokensFor(emulator, application, ticket, ticket.scope ?? "");
}

async function refresh(emulator: Emulator, application: Application, form: URLSearchParams) {
  const token = form.get("refresh_token");
  if (token === null) throw new EntraError(900144, "Missing: 'refresh_token'.");
  const ticket = await unseal(emulator, "refresh", token);
  if (ticket === "expired") throw new EntraError(70008);
  if (ticket === undefined || ticket.appId !== application.appId) throw new EntraError(9002313);
  return tokensFor(emulator, application, ticket, form.get("scope") ?? ticket.scope ?? "");
}

async function tokensFor(emulator: Emulator, application: Application, ticket: Ticket, scope: string) {
  const user: User | undefined = emulator.state.users[ticket.user];
  if (user === undefined) throw new EntraError(50034);
  if (ticket.signedInAt < user.sessionsValidFrom) throw new EntraError(50173);
  const scopes = scopesOf(scope);
  admit(emulator, application, user, scopes);
  const { kind: _kind, user: id, signedInAt, sid, appId, nonce } = ticket;
  const next: Ticket = {
    ...{ kind: "refresh", user: id, signedInAt, sid, scope },
    ...(appId === undefined ? {} : { appId }),
    ...(nonce === undefined ? {} : { nonce }),
  };
  return {
    ...(await personTokens(emulator, application, user, ticket, scopes)),
    ...(scopes.includes("offline_access")
      ? { refresh_token: await seal(emulator, next, refreshLifetime) }
      : {}),
  };
}

function provesChallenge({ codeChallenge, codeChallengeMethod }: Ticket, verifier: string | null): boolean {
  if (codeChallenge === undefined || verifier === null)
    return codeChallenge === undefined && verifier === null;
  const given =
    codeChallengeMethod === "S256" ? createHash("sha256").update(verifier).digest("base64url") : verifier;
  return given === codeChallenge;
}
