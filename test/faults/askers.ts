/**
 * Clients that ask all the time, whatever happens to the hosts: of each site one that has signed in, and one that has
 * not. What they got is judged afterwards. Each request has a connection of its own.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { request } from "../lab/http.ts";

/** What is asked, and where. */
export interface Question {
  readonly domain: string;
  /** The application's name, which its answers begin with. */
  readonly application: string;
  readonly host: { readonly name: string; readonly address: string };
  /** Of somebody who has signed in; asked for each time. */
  readonly cookie: () => string;
}

/** What happened to the requests of some time. */
export interface Heard {
  readonly asked: number;
  /** Requests of nobody that got content: each says what it got. There must be none. */
  readonly leaks: readonly string[];
  /** Requests of somebody who has signed in that got no content. */
  readonly failures: readonly string[];
}

interface Record extends Heard {
  asked: number;
  readonly leaks: string[];
  readonly failures: string[];
}

export class Askers {
  #going = true;
  #heard: Record = { asked: 0, leaks: [], failures: [] };
  readonly #walking: readonly Promise<void>[];

  /** @param pause - Milliseconds between an answer and the next question. */
  constructor(questions: readonly Question[], pause = 40) {
    this.#walking = questions.flatMap((question) => [
      this.#walk(question, true, pause),
      this.#walk(question, false, pause),
    ]);
  }

  /** What was heard since the last time. */
  take(): Heard {
    const heard = this.#heard;
    this.#heard = { asked: 0, leaks: [], failures: [] };
    return heard;
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#walking);
  }

  async #walk(question: Question, signedIn: boolean, pause: number): Promise<void> {
    while (this.#going) {
      // Judged with what it began with: an answer that comes late belongs to the time in which it was asked.
      const heard = this.#heard;
      await ask(question, signedIn, heard);
      heard.asked += 1;
      await sleep(pause);
    }
  }
}

async function ask(
  { domain, application, host, cookie }: Question,
  signedIn: boolean,
  { leaks, failures }: Record,
): Promise<void> {
  const at = `${new Date().toISOString().slice(11, 23)} ${host.name} ${domain}`;
  try {
    const { status, body } = await request({
      url: `https://${domain}/api/faults`,
      address: host.address,
      headers: { accept: "application/json", connection: "close", ...(signedIn ? { cookie: cookie() } : {}) },
    });
    const content = body.includes(`"site": "${application}"`);
    if (signedIn && !(status === 200 && content)) failures.push(`${at}: ${status} ${body.slice(0, 60)}`);
    if (!signedIn && (content || status < 300)) leaks.push(`${at}: ${status} ${body.slice(0, 60)}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (signedIn) failures.push(`${at}: ${code ?? message}`);
  }
}
