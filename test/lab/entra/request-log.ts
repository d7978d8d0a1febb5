/** What was asked of Entra; never a body, a query or a header, since those hold secrets. */

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
}

const most = 20_000;

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
