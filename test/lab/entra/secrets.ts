/** Random texts, and how they are kept: as hashes, so that no secret of the lab lies in the tenant's file. */
import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";

import { givenDate, secretDate } from "./dates.ts";
import type { Behaviour, Registration, Secret } from "./model.ts";

/** A client secret looks like `Ab18Q~…`: 40 characters of letters, digits, `~`, `.`, `_` and `-`. */
export function newSecretText(): string {
  const rest = randomBytes(27).toString("base64url").slice(0, 34);
  return `${randomBytes(3).toString("base64url").slice(0, 3)}8Q~${rest}`;
}

/** A password that can be typed. */
export function newPassword(): string {
  return `${randomBytes(9).toString("base64url")}-Lab1`;
}

/** SHA-256, base64url. Enough for random texts of this length. */
export function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** Whether `text` is what was hashed. */
export function matches(text: string, hashed: string): boolean {
  const [one, other] = [Buffer.from(hash(text)), Buffer.from(hashed)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** A new secret of a registration, and the one time that its text is told. */
export function makeSecret(
  text: string,
  given: { readonly displayName?: unknown; readonly startDateTime?: unknown; readonly endDateTime?: unknown },
  { delaySeconds, meanwhile }: Behaviour["newSecrets"],
): Secret {
  const now = new Date();
  const twoYears = new Date(now);
  twoYears.setFullYear(now.getFullYear() + 2);
  return {
    keyId: randomUUID(),
    displayName: typeof given.displayName === "string" ? given.displayName : null,
    hint: text.slice(0, 3),
    hash: hash(text),
    startDateTime: dateOf(given.startDateTime, now),
    endDateTime: dateOf(given.endDateTime, twoYears),
    knownFrom: now.getTime() + delaySeconds * 1000,
    meanwhile,
  };
}

function dateOf(given: unknown, otherwise: Date): string {
  return typeof given === "string" ? givenDate(given) : secretDate(otherwise);
}

const attempts = new Map<string, number>();

/** What the token endpoint makes of a client secret. */
export function judgeSecret({ secrets }: Registration, text: string): "valid" | "expired" | "invalid" {
  const found = secrets.find(({ hash: hashed }) => matches(text, hashed));
  if (found === undefined) return "invalid";
  const now = Date.now();
  if (now < found.knownFrom && !isHeardOf(found)) return "invalid";
  if (now < Date.parse(found.startDateTime)) return "invalid";
  return now < Date.parse(found.endDateTime) ? "valid" : "expired";
}

/** Replicas that differ: while a secret is on its way, every second question reaches one that knows it. */
function isHeardOf({ keyId, meanwhile }: Secret): boolean {
  if (meanwhile === "refuse") return false;
  const attempt = (attempts.get(keyId) ?? 0) + 1;
  attempts.set(keyId, attempt);
  return attempt % 2 === 0;
}
