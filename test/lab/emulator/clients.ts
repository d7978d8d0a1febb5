/** Applications that prove who they are with a client secret. */
import { timingSafeEqual } from "node:crypto";

import { hashOf } from "./directory.ts";
import type { Emulator } from "./emulator.ts";
import { EntraError } from "./errors.ts";
import type { Application } from "./state.ts";

/** What an application says of itself. */
export interface ClientCredentials {
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
}

/** Reads them from the form, else from basic authentication, whose parts are form-encoded (RFC 6749, 2.3.1). */
export function clientCredentials(
  form: URLSearchParams,
  authorization: string | undefined,
): ClientCredentials {
  const basic = /^basic (.+)$/i.exec(authorization ?? "")?.[1];
  if (basic === undefined)
    return {
      clientId: form.get("client_id") ?? undefined,
      clientSecret: form.get("client_secret") ?? undefined,
    };
  const text = Buffer.from(basic, "base64").toString();
  const colon = text.indexOf(":");
  const part = (value: string) => decodeURIComponent(value.replaceAll("+", " "));
  return { clientId: part(text.slice(0, colon)), clientSecret: part(text.slice(colon + 1)) };
}

/**
 * The application that these credentials are of. Any of its secrets that is valid now will do.
 * @throws EntraError as Entra's token endpoint answers
 */
export function authenticate(emulator: Emulator, { clientId, clientSecret }: ClientCredentials): Application {
  if (clientId === undefined || clientId === "") throw new EntraError(900144, "Missing: 'client_id'.");
  const application = emulator.applicationOf(clientId);
  const principal = emulator.principalOf(clientId);
  if (application === undefined || principal === undefined)
    throw new EntraError(700016, `Application: '${clientId}'.`);
  if (principal["accountEnabled"] === false) throw new EntraError(7000112);
  if (clientSecret === undefined || clientSecret === "") throw new EntraError(7000218);
  const given = Buffer.from(hashOf(clientSecret));
  for (const { keyId, startDateTime, endDateTime } of application.passwordCredentials) {
    const secret = emulator.state.secrets[keyId];
    if (secret === undefined || !timingSafeEqual(given, Buffer.from(secret.hash))) continue;
    const now = emulator.now();
    if (Date.parse(endDateTime) <= now) throw new EntraError(7000222);
    if (Date.parse(startDateTime) > now + 300_000) break;
    if (Date.now() >= secret.settledAt) return application;
    secret.attempts += 1;
    if (secret.alternates && secret.attempts % 2 === 0) return application;
    break;
  }
  throw new EntraError(7000215, `Application: '${clientId}'.`);
}
