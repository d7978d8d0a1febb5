/** What has been done on the hosts of an environment, and by whom: their logs, put together. */
import { z } from "zod";

import { gaps, type HostAnswer, readingSchema } from "./ask-hosts.ts";

const text = z.string().transform((it) => it.slice(0, 10_000));

/** A line of a host's log (components/host/protected_sites/log.py). */
interface Line {
  /** In UTC. */
  readonly when: string;
  /** `push`, `rollback`, `remove`, `credentials`, `remove-credentials`, `block`, `unblock` or `end of block`. */
  readonly action: string;
  readonly ok: boolean;
  /** What the host said of it. */
  readonly verdict: string;
  /** The domain. */
  readonly site?: string | undefined;
  /** The UPN of whom a block is about. */
  readonly user?: string | undefined;
  /** Why they are blocked. */
  readonly why?: string | undefined;
  /** When their block ends by itself. */
  readonly until?: string | undefined;
  /** Who did it, as their machine says. */
  readonly who?: string | undefined;
  /** As which user on the host. */
  readonly by?: string | undefined;
  readonly commit?: string | undefined;
  /** Whether files differed from that commit. */
  readonly dirty?: boolean | undefined;
  readonly stack?: string | undefined;
  /** The live one after it; null where there is none. */
  readonly generation?: number | null | undefined;
  /** The generation that was pushed again. */
  readonly rollbackTo?: number | undefined;
  /** Files that differed. */
  readonly changed?: readonly string[] | undefined;
  /** The step that failed. */
  readonly step?: string | undefined;
}

const lineSchema: z.ZodType<Line> = z.object({
  ...{ when: z.iso.datetime(), action: text, ok: z.boolean(), verdict: text },
  ...{ site: text.optional(), user: text.optional(), why: text.optional(), until: text.optional() },
  ...{ who: text.optional(), by: text.optional(), commit: text.optional(), dirty: z.boolean().optional() },
  ...{ stack: text.optional(), generation: z.number().nullish(), rollbackTo: z.number().optional() },
  ...{ changed: z.array(text).optional(), step: text.optional() },
});

/** A host's part of the history (components/host/protected_sites/history.py); null for a line that is none. */
export const hostHistorySchema = readingSchema.extend({
  entries: z.array(lineSchema.nullable().catch(null)),
});

/** Something that was done on a host, or was tried. */
export interface Entry extends Line {
  readonly host: string;
}

/** What was done on all hosts, the oldest first. */
export interface History {
  readonly entries: readonly Entry[];
  /** What is missing, in lines. */
  readonly gaps: readonly string[];
}

/** Puts the histories of hosts together, in the order of time. */
export function historyIn(answers: readonly HostAnswer<z.output<typeof hostHistorySchema>>[]): History {
  const entries = answers.flatMap((from) =>
    "problem" in from
      ? []
      : from.answer.entries.flatMap((entry) => (entry === null ? [] : [{ host: from.host, ...entry }])),
  );
  return {
    entries: entries.sort((one, other) => Date.parse(one.when) - Date.parse(other.when)),
    gaps: answers.flatMap((from) => {
      if ("problem" in from) return [`${from.host}: could not be reached: ${from.problem}`];
      const invalid = from.answer.invalid + from.answer.entries.filter((it) => it === null).length;
      // Hosts keep this log for ever: where it begins, they began.
      return gaps({ ...from.answer, invalid, begins: null }, from.host);
    }),
  };
}
