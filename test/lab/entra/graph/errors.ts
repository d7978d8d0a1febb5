/** Microsoft Graph's errors. */
import { randomUUID } from "node:crypto";

/** Graph refuses. */
export class GraphRefusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The body that goes with it. */
export function errorBody({ code, message }: GraphRefusal) {
  const id = randomUUID();
  const date = new Date().toISOString().slice(0, 19);
  return { error: { code, message, innerError: { date, "request-id": id, "client-request-id": id } } };
}

/** The caller may not; Graph does not say what is missing. */
export const denied = () =>
  new GraphRefusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");

/** There is no such object, or not yet. */
export const notThere = (id: string) =>
  new GraphRefusal(
    404,
    "Request_ResourceNotFound",
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );

/** The request makes no sense. */
export const badRequest = (message: string) => new GraphRefusal(400, "Request_BadRequest", message);
