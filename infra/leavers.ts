/** Who is blocked because Entra has disabled or deleted them. */
import { userPrincipalName } from "../components/site/checks.ts";
import { hasEnded } from "../components/site/ends.ts";
import { blockedAt, type NewBlock } from "./blocked.ts";
import { columns } from "./columns.ts";
import { type Change, type People, type PeopleState, type Round, signInName } from "./entra-people.ts";
import type { Environment } from "./environment.ts";
import { isOf } from "./review/needs.ts";
import { day } from "./rotation.ts";

type Where = Pick<Environment, "blocked" | "sites">;

/** What becomes of a change in Entra. */
export interface Outcome extends Change {
  readonly done:
    | "to block"
    | "blocked already"
    /** No site lets in people of their domain. */
    | "of no site's domains"
    /** The environment's file cannot hold their name. */
    | "cannot be blocked"
    /** Only reported. */
    | "not blocked here";
  /** What blocks them; two for somebody who has just got another name. */
  readonly blocks: readonly NewBlock[];
}

/** How the reason of a block begins that comes from Entra. */
const reasons = { disabled: "Disabled in Entra", deleted: "Deleted in Entra" } as const;

/** What becomes of each change. @param now - today is in the reasons */
export function outcomes(changes: readonly Change[], environment: Where, now: Date): Outcome[] {
  const domains = environment.sites.flatMap(({ emailDomains }) =>
    // Guests may enter by a role or group.
    emailDomains.length === 0 ? ["*"] : emailDomains,
  );
  const inForce = blockedAt(environment, now).map(({ user }) => user.toLowerCase());
  return changes.map((change): Outcome => {
    const { what, names } = change;
    const nothing = (done: Outcome["done"]) => ({ ...change, done, blocks: [] });
    const entering = names.filter((it) => isOf(domains, it));
    if (entering.length === 0) return nothing("of no site's domains");
    if (what !== "disabled" && what !== "deleted") return nothing("not blocked here");
    const missing = entering.filter((it) => !inForce.includes(it));
    if (missing.length === 0) return nothing("blocked already");
    const accepted = missing.filter((it) => userPrincipalName.safeParse(it).success);
    if (accepted.length === 0) return nothing("cannot be blocked");
    const why = `${reasons[what]}, seen on ${day(now)}.`;
    return { ...change, done: "to block", blocks: accepted.map((user) => ({ user, why })) };
  });
}

/** People whom Entra has enabled again, and who are still blocked because it had disabled or deleted them. */
export function enabledAndBlocked({ blocked }: Where, people: People, now: Date): string[] {
  const enabled = new Set([...people.values()].filter((it) => it.enabled).map(({ upn }) => signInName(upn)));
  const ours = Object.values(reasons);
  return blocked
    .filter((it) => ours.some((reason) => it.why.startsWith(reason)) && !hasEnded(it, now))
    .map(({ user }) => user)
    .filter((user) => enabled.has(user.toLowerCase()));
}

/** What a run found. */
interface Findings {
  readonly found: readonly Outcome[];
  readonly round: Round;
  /** Of the last run. */
  readonly before: PeopleState;
  /** See {@link enabledAndBlocked}. */
  readonly still: readonly string[];
  readonly now: Date;
}

/** The findings as text, for a job's log. */
export function report(stack: string, { found, round, before, still, now }: Findings): string {
  const { people } = round.state;
  const asked = `${before.asked}, ${ageOf(before, now)} ago`;
  const count = (is: (it: Outcome) => boolean) => found.filter(is).length;
  const changed = (["disabled", "deleted", "enabled again", "sessions revoked"] as const).map(
    (what) => `${count((it) => it.what === what)} ${what}`,
  );
  const done = (["to block", "blocked already", "cannot be blocked"] as const).map(
    (it) => `${count((one) => one.done === it)} ${it}`,
  );
  const skipped = count((it) => it.done === "of no site's domains");
  const listed = found.filter((it) => it.done !== "of no site's domains");
  const rows = listed.map(({ names, what, done: here }) => [
    [...names].reverse().join(", formerly "),
    what,
    here,
  ]);
  return [
    round.everybody
      ? `${stack}: Entra no longer knows the state of ${asked}; all ${people.size} people are compared with it`
      : `${stack}: what has changed in Entra since ${asked}: ${round.entries} entries, of ${people.size} people`,
    ...(rows.length === 0 ? [] : ["", columns(["name", "in Entra", "here"], rows), ""]),
    `${changed.join(", ")}: ${done.join(", ")}, ${skipped} skipped (of no site's domains)`,
    ...notes(found, people),
    ...still.map(
      (it) =>
        `${it} is enabled in Entra again, and stays blocked until: npm run unblock -- --stack ${stack} ${it}`,
    ),
  ].join("\n");
}

function notes(found: readonly Outcome[], people: People): string[] {
  const revoked = found.some((it) => it.what === "sessions revoked" && it.done === "not blocked here");
  const told = [...people.values()].some((it) => it.sessionsFrom !== undefined);
  return [
    ...(revoked
      ? ["Revoked sessions end at their next renewal (cookieRefresh). To end them now: npm run block"]
      : []),
    ...(told ? [] : ["Graph does not tell here whose sessions were revoked."]),
  ];
}

/** For example `5 minutes`. */
function ageOf({ asked }: PeopleState, now: Date): string {
  const minutes = Math.round((now.getTime() - Date.parse(asked)) / 60_000);
  const [count, unit] =
    minutes < 120
      ? [minutes, "minute"]
      : minutes < 48 * 60
        ? [Math.round(minutes / 60), "hour"]
        : [Math.round(minutes / 1440), "day"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
