/** Bodies of requests. */
import type { IncomingMessage } from "node:http";

/** Longer ones are refused. */
const longest = 1_000_000;

/** The body as text. @throws where it is longer than a megabyte */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longest) throw new Error(`a body of more than ${String(longest)} bytes came`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
