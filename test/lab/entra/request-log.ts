/** What was asked of Entra; never a body, a query or a header, since those hold secrets. */

import type { IncomingMessage } from "node:http";

/** One request. */
export interface LoggedRequest {
  /** ISO 8601. */
  readonly time: string;
  readonly host: "login" | "graph";
  readonly method: string;
  readonly path: string;
  /** Address of whoever asked. */
  readonly client: string;
  /** 0 where the connection was cut. */
  readonly status: number;
  /** Client ID of the application that asked, where it said so. */
  readonly application?: string;
  /** The AADSTS number of the token endpoint's refusal. */
  readonly error?: number;
}

const most = 20_000;

type Note = Pick<LoggedRequest, "application" | "error">;

const notes = new WeakMap<IncomingMessage, Note>();

/** Remembers of a request what only its handler knows, until it is logged. */
export function note(request: IncomingMessage, known: Note): void {
  notes.set(request, { ...notes.get(request), ...known });
}

/** What was remembered of a request. */
export function noted(request: IncomingMessage): Note {
  return notes.get(request) ?? {};
}

/** The newest requests, oldest first. */
export class RequestLog {
  readonly #requests: LoggedRequest[] = [];

  add(request: LoggedRequest): void {
    this.#requests.push(request);
    if (this.#requests.length > most) this.#requests.shift();
  }

  get requests(): readonly LoggedRequest[] {
    return this.#requests;
  }

  clear(): void {
    this.#requests.length = 0;
  }
}
