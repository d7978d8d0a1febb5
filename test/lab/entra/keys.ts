/** Keys that sign tokens, published as Entra does: kid = x5t, with a certificate, without `alg`. */
import "reflect-metadata";

import { createHash, webcrypto } from "node:crypto";

import * as x509 from "@peculiar/x509";

import type { SigningKey } from "./model.ts";

const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
} as const;

/** A new RSA key with a certificate that it signs itself. */
export async function makeSigningKey(): Promise<SigningKey> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const notBefore = new Date(Date.now() - 86_400_000);
  const notAfter = new Date(notBefore);
  notAfter.setFullYear(notAfter.getFullYear() + 5);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["accounts.accesscontrol.windows.net"] }],
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys,
  });
  const der = Buffer.from(certificate.rawData);
  return {
    kid: createHash("sha1").update(der).digest("base64url"),
    x5c: der.toString("base64"),
    privateJwk: (await webcrypto.subtle.exportKey("jwk", keys.privateKey)) as Record<string, unknown>,
  };
}

/** The entry of the tenant's key set. */
export function publicEntry({ kid, x5c, privateJwk }: SigningKey, issuer: string): Record<string, unknown> {
  const { kty, n, e } = privateJwk;
  return { kty, use: "sig", kid, x5t: kid, n, e, x5c: [x5c], issuer };
}
