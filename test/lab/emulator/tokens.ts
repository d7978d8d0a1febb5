/** Signs what others verify, and seals what only Entra itself reads. */
import { randomBytes } from "node:crypto";

import {
  createLocalJWKSet,
  EncryptJWT,
  errors,
  importJWK,
  type JWK,
  jwtDecrypt,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

import type { Emulator } from "./emulator.ts";

/** Entra dates its tokens back by five minutes. */
const backdated = 300;

/** Key set of the tenant. Entra's names no `alg`. */
export function publicKeys({ state, issuer }: Emulator): JWK[] {
  return state.signingKeys.map(
    ({ kty, use, kid, n, e }) => ({ kty, use, kid, x5t: kid, n, e, issuer }) as JWK,
  );
}

/**
 * A JWT of Entra.
 * @param lifetime - seconds
 */
export async function sign(emulator: Emulator, claims: JWTPayload, lifetime: number): Promise<string> {
  const key = emulator.state.signingKeys[0];
  if (key?.kid === undefined) throw new Error("the tenant has no signing key");
  const now = Math.floor(emulator.now() / 1000);
  return new SignJWT({ ...claims, uti: randomBytes(16).toString("base64url"), ver: claims["ver"] ?? "2.0" })
    .setProtectedHeader({ typ: "JWT", alg: "RS256", kid: key.kid })
    .setIssuedAt(now - backdated)
    .setNotBefore(now - backdated)
    .setExpirationTime(now + lifetime)
    .sign(await importJWK(key, "RS256"));
}

/** What an access token for Graph says, or nothing where it is not one of ours, or has expired. */
export async function verifyGraphToken(emulator: Emulator, token: string): Promise<JWTPayload | undefined> {
  const keys = createLocalJWKSet({ keys: publicKeys(emulator) });
  try {
    const { payload } = await jwtVerify(token, keys, {
      audience: "https://graph.microsoft.com",
      currentDate: new Date(emulator.now()),
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** What a code, a refresh token or a browser's session stands for. */
export interface Ticket {
  readonly kind: "code" | "refresh" | "session";
  /** The user's object ID. */
  readonly user: string;
  /** Milliseconds since 1970 at which the person signed in. */
  readonly signedInAt: number;
  /** Of the browser's session. */
  readonly sid: string;
  /** Of the application; a session belongs to none. */
  readonly appId?: string;
  readonly scope?: string;
  readonly nonce?: string;
  readonly redirectUri?: string;
  readonly codeChallenge?: string;
  readonly codeChallengeMethod?: string;
}

/**
 * Seals a ticket, so that it needs no room in the state and outlives a restart. As with Entra's own refresh tokens, an
 * old one stays valid beside its successor.
 * @param lifetime - seconds
 */
export async function seal({ state }: Emulator, ticket: Ticket, lifetime: number): Promise<string> {
  return new EncryptJWT({ ...ticket, jti: randomBytes(12).toString("base64url") })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime)
    .encrypt(Buffer.from(state.encryptionKey, "base64url"));
}

/** @returns "expired", or nothing where it is no ticket of that kind */
export async function unseal(
  { state }: Emulator,
  kind: Ticket["kind"],
  sealed: string,
): Promise<(Ticket & { readonly jti: string }) | "expired" | undefined> {
  try {
    const { payload } = await jwtDecrypt(sealed, Buffer.from(state.encryptionKey, "base64url"));
    return payload["kind"] === kind ? (payload as unknown as Ticket & { jti: string }) : undefined;
  } catch (error) {
    if (error instanceof errors.JWTExpired) return "expired";
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
