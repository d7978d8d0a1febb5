/** Downloads of official releases, for machines that have the internet. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** How long a server may take to begin its answer: a closed machine must find out quickly that it is one. */
const patience = 5_000;

/** The server cannot be reached from this machine, or does not have the file. */
export class NotAvailable extends Error {}

/**
 * Writes what `url` holds to `file`.
 *
 * @param sha256 - What the file must have; without it, the server's certificate is all that is trusted.
 * @throws NotAvailable, or an Error where the checksum is another one.
 */
export async function download(url: string, file: string, sha256?: string): Promise<void> {
  const response = await begin(url);
  if (!response.ok || response.body === null)
    throw new NotAvailable(`${url}: answered ${response.status} ${response.statusText}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(file));
  if (sha256 === undefined) return;
  const found = await sha256Of(file);
  if (found !== sha256) throw new Error(`${url}: its SHA-256 must be ${sha256}, got ${found}`);
}

/** Whether the server answers at all. */
export async function reachable(url: string): Promise<boolean> {
  try {
    await (await begin(url)).body?.cancel();
    return true;
  } catch {
    return false;
  }
}

async function begin(url: string): Promise<Response> {
  const tooLate = new AbortController();
  const timer = setTimeout(() => {
    tooLate.abort();
  }, patience);
  try {
    return await fetch(url, { signal: tooLate.signal });
  } catch (error) {
    throw new NotAvailable(`${url} cannot be reached`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** The SHA-256 of a file, as 64 hexadecimal digits. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
