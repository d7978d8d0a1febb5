/**
 * Delta queries of users: https://learn.microsoft.com/graph/api/user-delta and
 * https://learn.microsoft.com/graph/delta-query-overview, as read in November 2026.
 */
import { randomBytes } from "node:crypto";

import { directoryDate } from "../dates.ts";
import type { DeltaToken, Tenant, User } from "../model.ts";
import { type GraphAnswer, type GraphCall, require, type Route } from "./call.ts";
import { badRequest, GraphRefusal } from "./errors.ts";
import { shownUser, userReaders } from "./people.ts";

type Item = Readonly<Record<string, unknown>>;

/** For directory objects. */
const tokenDays = 7;
/** That a tenant's people were made at: nobody's sessions have been revoked before. */
const madeAt = Date.UTC(2024, 0, 1);

/** The call. `/delta` is short for the function's full name. */
export const usersDeltaRoutes: readonly Route[] = [
  [
    "GET",
    /^\/users\/(?:microsoft\.graph\.)?delta(?:\(\))?$/,
    async (call) => {
      require(call, ...userReaders);
      const answer = answerTo(call);
      await call.state.save();
      return answer;
    },
  ],
];

function answerTo(call: GraphCall): GraphAnswer {
  const { tenant } = call;
  const query = new Map([...call.query].map(([name, value]) => [name.toLowerCase(), value]));
  const [skip, delta] = [query.get("$skiptoken"), query.get("$deltatoken")];
  if (skip !== undefined) {
    const { select, shown, rest } = known(call, skip);
    return page(call, select, shown, rest ?? []);
  }
  if (delta !== undefined && delta !== "latest" && delta !== "") {
    const { select, shown } = known(call, delta);
    const now = snapshot(tenant, select);
    return page(call, select, now, changes(tenant, shown, now));
  }
  const select = selected(call, query);
  const now = snapshot(tenant, select);
  const removed = tenant.deletedUsers.map(({ id }) => removal(id));
  const all = delta === "latest" ? [] : [...Object.values(now).map(read), ...removed];
  return page(call, select, now, all);
}

/** Of what was shown and is there no more, or is another; all that is selected, be it the same or not. */
function changes({ deletedUsers }: Tenant, shown: DeltaToken["shown"], now: DeltaToken["shown"]): Item[] {
  const gone = Object.keys(shown).filter((id) => now[id] === undefined);
  const restorable = new Set(deletedUsers.map(({ id }) => id));
  return [
    ...Object.entries(now)
      .filter(([id, text]) => shown[id] !== text)
      .map(([, text]) => read(text)),
    ...gone.map((id) => removal(id, restorable.has(id) ? "changed" : "deleted")),
  ];
}

/** `changed` can be restored, `deleted` cannot. Nothing else is told of who is gone. */
const removal = (id: string, reason: "changed" | "deleted" = "changed"): Item => ({
  id,
  "@removed": { reason },
});
const read = (text: string) => JSON.parse(text) as Item;

function page(
  { tenant, version, query }: GraphCall,
  select: DeltaToken["select"],
  shown: DeltaToken["shown"],
  items: readonly Item[],
): GraphAnswer {
  const { pageSize } = tenant.behaviour.usersDelta;
  const rest = items.length > pageSize ? items.slice(pageSize) : null;
  const token = randomBytes(60).toString("base64url");
  tenant.deltaTokens[token] = { made: Date.now(), select, shown, rest };
  const graph = `https://graph.microsoft.com/${version}`;
  const properties = query.has("$select") ? `(${query.get("$select") ?? ""})` : "";
  return {
    status: 200,
    body: {
      "@odata.context": `${graph}/$metadata#users${properties}`,
      ...(rest === null
        ? { "@odata.deltaLink": `${graph}/users/delta?$deltatoken=${token}` }
        : { "@odata.nextLink": `${graph}/users/delta?$skiptoken=${token}` }),
      value: items.slice(0, pageSize),
    },
  };
}

/** @throws GraphRefusal 410 where the tenant has moved, 400 for one that is too old */
function known({ tenant, version }: GraphCall, text: string): DeltaToken {
  const { tokens } = tenant.behaviour.usersDelta;
  const found = tenant.deltaTokens[text];
  if (tokens === "gone" || found === undefined)
    // Only the status and this header are documented.
    throw new GraphRefusal(410, "UnknownError", "", {
      Location: `https://graph.microsoft.com/${version}/users/delta?$deltatoken=`,
    });
  if (tokens === "expired" || found.made < Date.now() - tokenDays * 86_400_000)
    throw new GraphRefusal(
      400,
      "syncStateNotFound",
      "The sync state generation is not found. The delta token is expired and data must be synchronized again.",
    );
  return found;
}

/** @throws GraphRefusal 400 for what a delta query of users cannot have */
function selected({ tenant }: GraphCall, query: ReadonlyMap<string, string>): DeltaToken["select"] {
  const others = ["$top", "$orderby", "$expand", "$filter", "$search"].find((name) => query.has(name));
  if (others !== undefined) throw badRequest(`${others} is not supported for a delta query of users.`);
  const names = query.get("$select")?.split(",") ?? null;
  const tracked = Object.keys(tracking(tenant, [...tenant.users, ...tenant.deletedUsers][0]));
  const unknown = names?.filter((name) => !tracked.includes(name)) ?? [];
  // In the words that people have got for `signInActivity`.
  if (unknown.length > 0)
    throw new GraphRefusal(
      400,
      "BadRequest",
      `Invalid request for delta query: for this entity set, $expand/$select is not supported for the following properties: ${unknown.join(",")}`,
    );
  return names;
}

function snapshot(tenant: Tenant, select: DeltaToken["select"]): DeltaToken["shown"] {
  return Object.fromEntries(
    tenant.users.map((user) => {
      const all = Object.entries(tracking(tenant, user));
      const wanted = all.filter(([name]) => name === "id" || select === null || select.includes(name));
      return [user.id, JSON.stringify(Object.fromEntries(wanted))];
    }),
  );
}

function tracking({ behaviour }: Tenant, user: User | undefined): Item {
  if (user === undefined) return {};
  return {
    ...shownUser(user),
    ...(behaviour.usersDelta.tracksSessions
      ? { signInSessionsValidFromDateTime: directoryDate(new Date(Math.max(user.validFrom, madeAt))) }
      : {}),
  };
}
