/** People who ask again and again, and have WebSockets open, while something changes. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";

import { WebSocket } from "ws";

/** An answer: its status, 0 where there was none, and when it came. */
export interface Came {
  readonly status: number;
  readonly when: number;
}

/**
 * Asks each of these on and on, until told to stop.
 * @param pause milliseconds between two requests
 * @returns stops, and says what came of which
 */
export function keepAsking<T>(
  asked: readonly T[],
  ask: (it: T) => Promise<{ readonly status: number }>,
  pause: number,
): () => Promise<(Came & { readonly of: T })[]> {
  const came: (Came & { readonly of: T })[] = [];
  let going = true;
  const loops = asked.map(async (it) => {
    while (going) {
      const status = await ask(it).then(
        (answer) => answer.status,
        () => 0,
      );
      came.push({ of: it, status, when: Date.now() });
      await sleep(pause);
    }
  });
  return async () => {
    going = false;
    await Promise.all(loops);
    return came;
  };
}

/** A WebSocket to the application of a site. @throws with the status of a host that refuses it */
export async function openSocket(address: string, domain: string, cookie: string): Promise<WebSocket> {
  const socket = new WebSocket(`wss://${address}/ws`, {
    headers: { host: domain, cookie },
    createConnection: () => connect({ host: address, port: 443, servername: domain }),
  });
  await once(socket, "open");
  return socket;
}
