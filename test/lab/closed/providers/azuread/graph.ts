/** Calls to Microsoft Graph as the real azuread provider makes them: sign-in, retries, waiting for consistency. */
import { STATUS_CODES } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What Graph answers with: an object of a kind that only the caller knows. */
export type GraphObject = Readonly<Record<string, unknown>> & { readonly id?: string };

/** Who the provider signs in as. */
export interface Credentials {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** How one call differs from others. */
export interface CallOptions {
  readonly body?: unknown;
  /** Answers that the directory gives while it still makes up its mind, beyond those that are always retried. */
  readonly retryIf?: (error: GraphError) => boolean;
  readonly signal?: AbortSignal;
}

/** Graph refused a call. The message carries Graph's own code and message. */
export class GraphError extends Error {
  readonly status: number;
  /** Code and message, as Graph gave them. */
  readonly detail: string;

  constructor(status: number, detail: string) {
    const told = [status, STATUS_CODES[status] && `(${status} ${STATUS_CODES[status]})`]
      .filter(Boolean)
      .join(" ");
    super(
      detail === ""
        ? `unexpected status ${told} received with no body`
        : `unexpected status ${told} with error: ${detail}`,
    );
    this.status = status;
    this.detail = detail;
  }
}

/** Whether an object is not there (yet, or any more). */
export const notFound = (error: unknown) => error instanceof GraphError && error.status === 404;

const graphUrl = "https://graph.microsoft.com";

/** Longest time for one call with its retries; the real provider's is that of the whole resource, 5 to 15 minutes. */
const longest = 5 * 60_000;

/** A signed-in client. */
export class Graph {
  /** Of the caller itself, from its token. */
  readonly objectId: string;
  readonly credentials: Credentials;
  #token: Token;

  private constructor(credentials: Credentials, token: Token, objectId: string) {
    this.credentials = credentials;
    this.#token = token;
    this.objectId = objectId;
  }

  /** Signs in: the real provider, too, does that before anything else, in previews as well. */
  static async signIn(credentials: Credentials): Promise<Graph> {
    const token = await requestToken(credentials);
    const { oid } = claims(token.value);
    const graph = new Graph(credentials, token, oid ?? "");
    if (oid !== undefined) return graph;
    const [own] = await graph.list(`/v1.0/servicePrincipals`, `appId eq '${credentials.clientId}'`);
    if (own?.id === undefined)
      throw new Error("attempting to discover object ID for authenticated service principal: there is none");
    return new Graph(credentials, token, own.id);
  }

  get = (path: string, options?: CallOptions) => this.#call("GET", path, options);
  post = (path: string, body: unknown, options?: CallOptions) =>
    this.#call("POST", path, { ...options, body });
  patch = (path: string, body: unknown, options?: CallOptions) =>
    this.#call("PATCH", path, { ...options, body });
  delete = (path: string, options?: CallOptions) => this.#call("DELETE", path, options);

  /** All elements of a list, page by page. */
  async list(path: string, filter?: string): Promise<GraphObject[]> {
    const all: GraphObject[] = [];
    let next: string | undefined =
      filter === undefined ? path : `${path}?${new URLSearchParams({ $filter: filter }).toString()}`;
    while (next !== undefined) {
      const page: GraphObject = await this.get(next);
      all.push(...((page["value"] ?? []) as GraphObject[]));
      next = page["@odata.nextLink"] as string | undefined;
    }
    return all;
  }

  async #call(method: string, path: string, options: CallOptions = {}): Promise<GraphObject> {
    const url = path.startsWith("https://") ? path : graphUrl + path;
    const until = Date.now() + longest;
    for (let attempt = 0; ; attempt++) {
      if (Date.now() > this.#token.renewAfter) this.#token = await requestToken(this.credentials);
      const response = await send(url, {
        method,
        headers: {
          authorization: `Bearer ${this.#token.value}`,
          accept: "application/json",
          ...(options.body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      if (response.error === undefined) return response.body;
      const { error, retryAfter } = response;
      const retry = alwaysRetried(error, method) || options.retryIf?.(error) === true;
      const delay = retryAfter ?? Math.min(2 ** attempt * 1000, 61_000);
      if (!retry || Date.now() + delay > until) throw error;
      await sleep(delay, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}

/** Status 0 is a connection that failed: only what changes nothing may be repeated then. */
function alwaysRetried({ status }: GraphError, method: string): boolean {
  if (status === 0) return method === "GET";
  return status === 408 || status === 424 || status === 429 || (status >= 500 && status !== 501);
}

interface Answer {
  readonly body: GraphObject;
  readonly error?: GraphError;
  /** Milliseconds. */
  readonly retryAfter?: number;
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  let response;
  let text;
  try {
    response = await fetch(url, init);
    text = await response.text();
  } catch (error) {
    if (init.signal?.aborted) throw error;
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    return { body: {}, error: new GraphError(0, `${new URL(url).host}: ${why}`) };
  }
  const body = parsed(text);
  if (response.ok) return { body };
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return {
    body,
    error: new GraphError(response.status, errorText(body, text)),
    ...(Number.isFinite(seconds) ? { retryAfter: seconds * 1000 } : {}),
  };
}

function parsed(text: string): GraphObject {
  try {
    return text === "" ? {} : (JSON.parse(text) as GraphObject);
  } catch {
    return {};
  }
}

/** Graph nests its errors, the token endpoint does not. */
function errorText(body: GraphObject, text: string): string {
  const { error, error_description: description } = body as {
    error?: string | { code?: string; message?: string };
    error_description?: string;
  };
  if (typeof error === "string") return [error, description].filter(Boolean).join(": ");
  const parts = [error?.code, error?.message].filter(Boolean);
  return parts.length > 0 ? parts.join(": ") : text.slice(0, 500);
}

interface Token {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly renewAfter: number;
}

async function requestToken({ tenantId, clientId, clientSecret }: Credentials): Promise<Token> {
  const url = `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`;
  for (let attempt = 0; ; attempt++) {
    const { body, error, retryAfter } = await send(url, {
      method: "POST",
      body: new URLSearchParams({
        client_id: clientId,
        client_secret: clientSecret,
        grant_type: "client_credentials",
        scope: `${graphUrl}/.default`,
      }),
    });
    if (error === undefined) {
      const lifetime = Number(body["expires_in"] ?? 3600);
      return {
        value: body["access_token"] as string,
        renewAfter: Date.now() + Math.max(lifetime - 300, lifetime / 2) * 1000,
      };
    }
    if (attempt === 4 || !alwaysRetried(error, "GET"))
      throw new Error(`unable to obtain access token: ${error.message}`, { cause: error });
    await sleep(retryAfter ?? 2 ** attempt * 1000);
  }
}

function claims(token: string): { oid?: string } {
  const payload = token.split(".")[1];
  if (payload === undefined) throw new Error("unable to parse claims in access token: it is no JWT");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as { oid?: string };
}

/**
 * Asks until the answer was yes five times in a row: the directory's replicas do not all know the same.
 *
 * @param interval - Seconds between two questions. With the lab's emulator, which is of one mind, the environment's
 * LAB_GRAPH_POLL_INTERVAL_MS shortens it; the number of questions stays.
 * @param patience - Seconds.
 */
export async function settled(
  interval: number,
  what: string,
  ask: () => Promise<boolean>,
  patience = 300,
): Promise<void> {
  const pause = Number(process.env["LAB_GRAPH_POLL_INTERVAL_MS"] ?? interval * 1000);
  const until = Date.now() + patience * 1000;
  for (let inRow = (await ask()) ? 1 : 0; inRow < 5;) {
    if (Date.now() > until) throw new Error(`${what}: timeout while waiting for state to become settled`);
    await sleep(pause);
    inRow = (await ask()) ? inRow + 1 : 0;
  }
}

/** Waits until `path` is gone. */
export async function gone(graph: Graph, path: string): Promise<void> {
  await settled(5, `waiting for deletion of ${path}`, async () => {
    try {
      await graph.get(path);
      return false;
    } catch (error) {
      if (notFound(error)) return true;
      throw error;
    }
  });
}
