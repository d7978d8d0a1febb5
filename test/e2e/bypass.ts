/** Runs the attempts to get past the sign-in of the lab's site code, and judges what the application saw. */
import pMap from "p-map";
import { expect } from "vitest";

import type { Echo } from "../lab/application.ts";
import { type Attempt, attempts } from "./bypass-attempts.ts";
import { lab } from "./instance.ts";
import { exchange } from "./raw-http.ts";

const address = lab.hosts[0]?.address ?? "";

/** What the application saw of what was sent; empty where nothing reached it. */
export async function reached({ bytes, protocol = "http1" }: Attempt, cookie: string): Promise<Echo[]> {
  const answer = await exchange({ address, servername: "code.lab.test", protocol, bytes: bytes(cookie) });
  const echoes = answer.match(/^\{\n {2}"site": [^]*?^\}$/gm) ?? [];
  // An answer of the application that is none of these would be missed otherwise.
  if (echoes.length === 0) expect(answer).not.toMatch(/"site"|is signed in|Signed in as/);
  return echoes.map((it) => JSON.parse(it) as Echo);
}

/**
 * Makes all attempts, some at a time.
 * @param cookie a Cookie header; "" for none
 * @param person whose session it is: the application may see them and nobody else; without it, it may see nothing
 * @param made the attempts; all by default
 * @returns how many there were, how often the application saw any, and those that passed
 */
export async function passing(cookie: string, person?: string, made: readonly Attempt[] = attempts) {
  const reaching = async (attempt: Attempt) =>
    (await reached(attempt, cookie)).map((echo) => ({ what: attempt.what, echo }));
  const seen = (await pMap(made, reaching, { concurrency: 16 })).flat();
  const through = seen.filter(({ echo }) => person === undefined || !isOnly(person, echo));
  return { attempts: made.length, seen: seen.length, through };
}

function isOnly(person: string, { site, headers }: Echo): boolean {
  const told = ["x-auth-request-user", "x-auth-request-email", "x-auth-request-preferred-username"];
  const others = Object.entries(headers).filter(
    ([name]) =>
      /auth|user|email|group|token|remote|forwarded|real|client|original|rewrite/.test(name) &&
      !told.includes(name),
  );
  return (
    site === "code" &&
    told.every((name) => headers[name]?.join() === person) &&
    others.every(
      ([name, values]) => values.join() === expectedOf[name] || /^(user-agent|x-forwarded-uri)$/.test(name),
    )
  );
}

/** What Nginx itself says of this test's connections. */
const expectedOf: Readonly<Record<string, string>> = {
  "x-real-ip": "192.0.2.1",
  "x-forwarded-for": "192.0.2.1",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "code.lab.test",
  "x-forwarded-port": "443",
};
