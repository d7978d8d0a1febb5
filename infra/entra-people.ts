/** The people of a tenant, as Microsoft Graph's delta query shows them, and what has changed since the last time. */
import { z } from "zod";

import { GraphFailure, type GraphCall, pathOf } from "./graph.ts";

/** Somebody of the tenant. */
export interface Person {
  /** Of the account in this tenant: a guest's is not what they sign in with. */
  readonly upn: string;
  readonly enabled: boolean;
  /** Refresh tokens from before are void; missing where Graph does not say so. */
  readonly sessionsFrom?: string | undefined;
}

/** Everybody at one time, by object ID: Graph says of a deleted person only that. */
export type People = ReadonlyMap<string, Person>;

/** What one run leaves for the next. */
export interface PeopleState {
  readonly tenantId: string;
  /** When Graph was asked: ISO 8601. */
  readonly asked: string;
  /** Where Graph tells what has changed since. */
  readonly deltaLink: string;
  readonly people: People;
}

/** How Graph was asked, and what it said. */
export interface Round {
  readonly state: PeopleState;
  /** How many entries Graph sent. */
  readonly entries: number;
  /** Whether it sent everybody, and not only who has changed. */
  readonly everybody: boolean;
}

const sessionsProperty = "signInSessionsValidFromDateTime";

const page = z.object({
  value: z.array(
    z.object({
      id: z.string(),
      "@removed": z.object({ reason: z.string() }).optional(),
      userPrincipalName: z.string().nullish(),
      accountEnabled: z.boolean().nullish(),
      [sessionsProperty]: z.string().nullish(),
    }),
  ),
  "@odata.nextLink": z.string().optional(),
  "@odata.deltaLink": z.string().optional(),
});
type Entry = z.output<typeof page>["value"][number];

/**
 * Asks Graph who there is, or, with the last run's state, what has changed since. If Graph no longer knows that state
 * (after seven days, or a move of the tenant), it is asked for everybody. Needs User.Read.All.
 * @throws GraphFailure if Graph cannot be reached, or refuses
 */
export async function readPeople(
  graph: GraphCall,
  tenantId: string,
  before?: PeopleState,
  now = new Date(),
): Promise<Round> {
  const asked = now.toISOString();
  if (before !== undefined) {
    try {
      const { entries, deltaLink } = await entriesFrom(graph, pathOf(before.deltaLink));
      const people = merged(before.people, entries);
      return { state: { tenantId, asked, deltaLink, people }, entries: entries.length, everybody: false };
    } catch (error) {
      if (!isForgotten(error)) throw error;
    }
  }
  const { entries, deltaLink } = await everybody(graph);
  // User.ReadBasic.All, for one, shows people without it: then nobody would ever be found disabled.
  if (!entries.some(({ accountEnabled }) => typeof accountEnabled === "boolean"))
    throw new GraphFailure(
      "Microsoft Graph shows nobody's accountEnabled: expected the permission User.Read.All",
    );
  const people = merged(new Map(), entries);
  return { state: { tenantId, asked, deltaLink, people }, entries: entries.length, everybody: true };
}

/** With the end of sessions, if Graph can track it. */
async function everybody(graph: GraphCall) {
  const from = (...properties: readonly string[]) =>
    entriesFrom(
      graph,
      `/users/delta?$select=${["userPrincipalName", "accountEnabled", ...properties].join(",")}`,
    );
  try {
    return await from(sessionsProperty);
  } catch (error) {
    const refused = error instanceof GraphFailure && error.status === 400;
    if (
      !refused ||
      !error.message.includes(`not supported for the following properties: ${sessionsProperty}`)
    )
      throw error;
    return await from();
  }
}

/** All pages from a path on. @throws GraphFailure */
async function entriesFrom(
  graph: GraphCall,
  first: string,
): Promise<{ readonly entries: readonly Entry[]; readonly deltaLink: string }> {
  const entries: Entry[] = [];
  for (let path = first; ;) {
    const read = page.safeParse(await graph("GET", path));
    if (!read.success)
      throw new GraphFailure(`Microsoft Graph, GET /users/delta: ${z.prettifyError(read.error)}`);
    entries.push(...read.data.value);
    const { "@odata.nextLink": next, "@odata.deltaLink": deltaLink } = read.data;
    if (deltaLink !== undefined) return { entries, deltaLink };
    if (next === undefined)
      throw new GraphFailure("Microsoft Graph, GET /users/delta: expected a link to go on with, got none");
    path = pathOf(next);
  }
}

/** 410, or in the 400s with this code: https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset */
function isForgotten(error: unknown): boolean {
  if (!(error instanceof GraphFailure) || error.status === undefined) return false;
  return error.status === 410 || /syncStateNotFound|resyncRequired/i.test(error.message);
}

/** Entries come in any order, again, and with only some properties. */
function merged(before: People, entries: readonly Entry[]): People {
  const people = new Map(before);
  for (const entry of entries) {
    if (entry["@removed"] !== undefined) {
      people.delete(entry.id);
      continue;
    }
    const known = people.get(entry.id);
    const upn = entry.userPrincipalName ?? known?.upn;
    if (upn === undefined) continue;
    people.set(entry.id, {
      upn,
      enabled: entry.accountEnabled ?? known?.enabled ?? true,
      sessionsFrom: entry[sessionsProperty] ?? known?.sessionsFrom,
    });
  }
  return people;
}

/** What has happened to somebody who could sign in, or can again. */
export interface Change {
  readonly what: "disabled" | "deleted" | "enabled again" | "sessions revoked";
  /** What they sign in with; two if it has just changed, as sessions have the former one. */
  readonly names: readonly [string, ...string[]];
}

/** The changes from one time to another, in the order of the names. */
export function changesBetween(before: People, after: People): Change[] {
  const changes: Change[] = [];
  for (const [id, was] of before) {
    const is = after.get(id);
    const what = changeOf(was, is);
    if (what === undefined) continue;
    const [first, second] = [signInName(was.upn), signInName((is ?? was).upn)];
    changes.push({ what, names: first === second ? [first] : [first, second] });
  }
  return changes.sort((one, other) => (one.names[0] < other.names[0] ? -1 : 1));
}

function changeOf(was: Person, is: Person | undefined): Change["what"] | undefined {
  if (is === undefined) return was.enabled ? "deleted" : undefined;
  if (was.enabled !== is.enabled) return is.enabled ? "enabled again" : "disabled";
  const revoked = is.enabled && was.sessionsFrom !== undefined && was.sessionsFrom !== is.sessionsFrom;
  return revoked ? "sessions revoked" : undefined;
}

/** What somebody signs in with, in lower case: a guest's name at home, which Entra has put into the UPN. */
export function signInName(upn: string): string {
  const lower = upn.toLowerCase();
  const [, atHome] = /^(.+)#ext#@[^@]+$/.exec(lower) ?? [];
  // No domain has an underscore.
  return atHome?.replace(/_(?=[^_]+$)/, "@") ?? lower;
}

const stored = z.object({
  version: z.literal(1),
  tenantId: z.string(),
  asked: z.iso.datetime(),
  deltaLink: z.string(),
  people: z.record(
    z.string(),
    z.object({ upn: z.string(), enabled: z.boolean(), sessionsFrom: z.string().optional() }),
  ),
});

/** A state as the text of a file. */
export function writeState(state: PeopleState): string {
  return `${JSON.stringify({ version: 1, ...state, people: Object.fromEntries(state.people) })}\n`;
}

/** A state from such a text; undefined if it is none. */
export function readState(text: string): PeopleState | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = stored.safeParse(json);
  if (data === undefined) return undefined;
  return { ...data, people: new Map(Object.entries(data.people)) };
}
