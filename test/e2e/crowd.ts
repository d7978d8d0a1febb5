/** Many signed-in people at once, who browse on all hosts in turn. */
import { setTimeout as sleep } from "node:timers/promises";

import { Visitor } from "../lab/entra/visitor.ts";
import { lab, people } from "./instance.ts";

const page = "https://wiki.lab.test/api/page";

/** What happened while a crowd browsed. */
export interface Walk {
  readonly requests: number;
  /** Answers that ask for a sign-in. */
  readonly signOuts: number;
  /** All answers but the application's, in words. */
  readonly failures: readonly string[];
}

/** One person, whose requests go to one host after the other. */
export class Person {
  #turn: number;
  readonly #visitor: Visitor;

  constructor(number: number) {
    this.#turn = number;
    this.#visitor = new Visitor({
      resolve: (host) => (host === "wiki.lab.test" ? { address: this.#host().address } : undefined),
    });
  }

  /** Opens the site, and stands at Entra's sign-in. @returns what ends it, and says with which status */
  async beginSignIn(): Promise<() => Promise<number>> {
    const form = await this.#visitor.open("https://wiki.lab.test/", {
      headers: { accept: "text/html", "sec-fetch-mode": "navigate" },
    });
    return async () => (await this.#visitor.signIn(form, people.ada)).status;
  }

  /** One request, on the next host. */
  async request(): Promise<number> {
    this.#turn += 1;
    return (await this.#visitor.fetch(page, { headers: { accept: "application/json" } })).status;
  }

  #host() {
    const host = lab.hosts[this.#turn % lab.hosts.length];
    if (host === undefined) throw new Error("the lab has no hosts");
    return host;
  }
}

/** Signs people in, one after the other. */
export async function signedIn(count: number): Promise<Person[]> {
  const crowd = Array.from({ length: count }, (_, number) => new Person(number));
  for (const person of crowd) {
    const end = await person.beginSignIn();
    const status = await end();
    if (status !== 200) throw new Error(`the sign-in ended with ${status}`);
  }
  return crowd;
}

/** Each of them asks for a page every so many milliseconds, until told to stop. */
export function browse(crowd: readonly Person[], pause: number): { stop: () => Promise<Walk> } {
  let going = true;
  let requests = 0;
  const statuses: string[] = [];
  const walk = async (person: Person, number: number) => {
    await sleep((pause * number) / crowd.length);
    while (going) {
      const status = await person.request().catch((error: unknown) => String(error));
      requests += 1;
      if (status !== 200) statuses.push(String(status));
      await sleep(pause);
    }
  };
  const walking = crowd.map(walk);
  return {
    stop: async () => {
      going = false;
      await Promise.all(walking);
      const signOuts = statuses.filter((it) => it === "401" || it === "302").length;
      return { requests, signOuts, failures: statuses };
    },
  };
}
