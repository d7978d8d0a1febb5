/** Who has used which site from where: what hosts' access logs know, put together. */
import { z } from "zod";

import { gaps, type HostAnswer, readingSchema, timeOf } from "./ask-hosts.ts";
import type { Environment } from "./environment.ts";

const count = z.number().int().nonnegative();
const time = z.number().min(-8.64e12).max(8.64e12);
const counts = { requests: count, refused: count, refusedByBackend: count };

/** A host's summary of its access logs (components/host/protected_sites/who.py). */
export const summarySchema = z.object({
  sites: z.array(
    readingSchema.extend({
      domain: z.string().max(253),
      unnamed: z.object(counts),
      uses: z.array(
        z.object({
          user: z.string().max(400),
          client: z.string().max(400),
          first: time,
          last: time,
          ...counts,
        }),
      ),
    }),
  ),
});

/** Requests by what became of them. */
export interface Counts {
  readonly requests: number;
  /** Of these, refused by Nginx with a 401 or 403. */
  readonly refused: number;
  /** Of these, refused by the backend with a 401 or 403. */
  readonly refusedByBackend: number;
}

/** Requests of a person at a site from an address. */
export interface Use extends Counts {
  readonly user: string;
  /** Its name; the domain, where the environment's file does not have it any more. */
  readonly site: string;
  readonly domain: string;
  /** The address that Nginx saw; empty for the rest, where there were too many. */
  readonly client: string;
  readonly hosts: readonly string[];
  /** The beginning of the first request, and the end of the last, in UTC. */
  readonly first: string;
  readonly last: string;
}

/** Requests at a site in which nobody is named. */
export interface Unnamed extends Counts {
  readonly site: string;
  readonly domain: string;
}

/** The answer to who was there. */
export interface Who {
  /** The latest first. */
  readonly uses: readonly Use[];
  readonly unnamed: readonly Unnamed[];
  /** What is missing, in lines. */
  readonly gaps: readonly string[];
}

/** Puts the summaries of hosts together: one line for each person, site and address, whichever host was asked. */
export function whoIn(
  answers: readonly HostAnswer<z.output<typeof summarySchema>>[],
  { sites }: Pick<Environment, "sites">,
): Who {
  const nameOf = (domain: string) => sites.find((site) => site.domain === domain)?.name ?? domain;
  const uses = new Map<string, Use>();
  const unnamed = new Map<string, Unnamed>();
  const missing: string[] = [];
  for (const from of answers) {
    if ("problem" in from) {
      missing.push(`${from.host}: could not be reached: ${from.problem}`);
      continue;
    }
    for (const site of from.answer.sites) {
      const { domain } = site;
      const place = { site: nameOf(domain), domain };
      missing.push(...gaps(site, `${from.host}, ${domain}`));
      const before = unnamed.get(domain);
      unnamed.set(domain, { ...place, ...sum(site.unnamed, before) });
      for (const { user, client, first, last, ...found } of site.uses) {
        const key = JSON.stringify([user, domain, client]);
        const one = { hosts: [from.host], first: timeOf(first), last: timeOf(last) };
        const other = uses.get(key) ?? one;
        uses.set(key, {
          ...{ user, ...place, client },
          hosts: [...new Set([...other.hosts, from.host])],
          first: other.first < one.first ? other.first : one.first,
          last: other.last > one.last ? other.last : one.last,
          ...sum(found, uses.get(key)),
        });
      }
    }
  }
  return {
    uses: [...uses.values()].sort((one, other) =>
      one.last < other.last ? 1 : one.last > other.last ? -1 : 0,
    ),
    unnamed: [...unnamed.values()],
    gaps: missing,
  };
}

function sum(one: Counts, other: Counts | undefined): Counts {
  return {
    requests: one.requests + (other?.requests ?? 0),
    refused: one.refused + (other?.refused ?? 0),
    refusedByBackend: one.refusedByBackend + (other?.refusedByBackend ?? 0),
  };
}
