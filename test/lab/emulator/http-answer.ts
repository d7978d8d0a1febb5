/** What the emulator's servers read and write. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Most bytes of a body that are read. */
const mostBytes = 1_000_000;

/** @throws where the body is too large */
export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > mostBytes) throw new Error(`a body has at most ${mostBytes} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

/** Answers with JSON, or with nothing. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (body === undefined) {
    response.writeHead(status, { "cache-control": "no-store", ...headers }).end();
    return;
  }
  response
    .writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      ...headers,
    })
    .end(JSON.stringify(body));
}

/** Answers with a page. */
export function sendPage(response: ServerResponse, status: number, html: string): void {
  response
    .writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" })
    .end(html);
}

/** Cookies of a request. */
export function cookiesOf({ headers }: IncomingMessage): Map<string, string> {
  const pairs = (headers.cookie ?? "").split(/;\s*/).map((pair) => {
    const equals = pair.indexOf("=");
    return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
  });
  return new Map(pairs);
}
