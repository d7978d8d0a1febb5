/** What hosts say of their logs: one of their program's commands, which only reads, on all hosts at the same time. */
import { z } from "zod";

import { program } from "../components/host/program.ts";
import type { Environment } from "./environment.ts";
import { answerIn, type Ended, reasonIn, runOnHost } from "./ssh.ts";

/** What is asked: for the time since then, and for one site or all. */
export interface Question {
  readonly since: Date;
  /** Its domain. */
  readonly site?: string | undefined;
}

/** What a host has answered; without an answer, why not, in one line. */
export type HostAnswer<T> =
  { readonly host: string; readonly answer: T } | { readonly host: string; readonly problem: string };

/**
 * How much of a log a host has read. Lengths are bounded here as well: the lines are other people's.
 * `begins`: the time of the log's oldest line in seconds since 1970, where that is later than what was asked for.
 */
export const readingSchema = z.object({
  lines: z.number(),
  invalid: z.number(),
  begins: z.number().nullable(),
  unread: z.array(z.string().max(1000)),
});

/** How much of a log a host has read. */
export type Reading = z.output<typeof readingSchema>;

/**
 * Asks all hosts at the same time; one that cannot be reached delays no other.
 * @param command of the program on the host; what varies travels on standard input, so that a sudo rule can name it
 */
export async function askHosts<T>(
  environment: Environment,
  identity: string | undefined,
  command: "who" | "history",
  { since, site }: Question,
  schema: z.ZodType<T>,
): Promise<HostAnswer<T>[]> {
  const asker = { user: environment.adminUser, identity };
  const question = JSON.stringify({ since: since.getTime() / 1000, ...(site === undefined ? {} : { site }) });
  return Promise.all(
    environment.hosts.map(async (host): Promise<HostAnswer<T>> => {
      try {
        const ended = await runOnHost(host, asker, `sudo -n ${program} ${command}`, question);
        return { host: host.name, answer: summaryIn(ended, schema) };
      } catch (error) {
        return { host: host.name, problem: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

function summaryIn<T>(ended: Ended, schema: z.ZodType<T>): T {
  const { exitCode, stderr } = ended;
  if (stderr.includes("usage, as root: protected-sites"))
    throw new Error("its push program is older than this command; `pulumi up` replaces it");
  if (exitCode !== 0) throw new Error(stderr.trim().split("\n").at(-1)?.trim() ?? reasonIn(stderr));
  return answerIn(ended, /^\{/m, schema);
}

/** What is missing in hosts' answers, in lines. @param of what the log is of, where a host has several */
export function gaps({ begins, unread, invalid }: Reading, of: string): string[] {
  return [
    ...(begins === null ? [] : [`${of}: the log begins at ${timeOf(begins)}, and knows nothing from before`]),
    ...unread.map((it) => `${of}: could not be read to its end: ${it}`),
    ...(invalid === 0 ? [] : [`${of}: lines of another format, left out: ${invalid}`]),
  ];
}

/** A time in UTC, to the second. @param seconds since 1970 */
export function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
