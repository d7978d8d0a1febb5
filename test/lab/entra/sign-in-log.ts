/** Entra's log of sign-ins: where report-only policies show what they would have done. */
import type { PolicyResult } from "./conditions.ts";

/** One attempt. */
export interface SignInEntry {
  readonly user: string;
  readonly application: string;
  /** 0, or the AADSTS number. */
  readonly code: number;
  readonly policies: readonly PolicyResult[];
}

/** The newest attempts, oldest first. */
export class SignInLog {
  readonly #entries: SignInEntry[] = [];

  add(entry: SignInEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > 5000) this.#entries.shift();
  }

  get entries(): readonly SignInEntry[] {
    return this.#entries;
  }

  clear(): void {
    this.#entries.length = 0;
  }
}
