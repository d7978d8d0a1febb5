/** Changes in words: what a statement is, and those of all settings that differ. */
import { seconds } from "../../components/site/checks.ts";
import type { Site } from "../../components/site/site.ts";
import type { Environment } from "../environment.ts";

/** What a reviewer should look at first. Access itself is judged from the rendered files: see access.ts. */
export type Effect = "opens" | "closes" | "weakens" | "signs out" | "rotates" | "plain";

/** The effects on which a reviewer has to decide. */
export type Alarm = Extract<Effect, "opens" | "weakens" | "signs out">;

/** One change in words. */
export interface Statement<Its extends Effect = Effect> {
  readonly text: string;
  readonly effect: Its;
}

/** Describes the change of a setting; called only if the two differ. */
type Words<T, Whole> = (
  before: T,
  after: T,
  whole: { readonly before: Whole; readonly after: Whole },
) => Statement[];

export type Entries<Whole> = { readonly [Field in keyof Whole]-?: Words<Whole[Field], Whole> };

/** The alarms that entries can raise, each as in `cookieExpire weakens`: test/unit/review/alarms.test.ts has all. */
export type AlarmsOf<Given extends Readonly<Record<keyof Given, (...args: never[]) => Statement[]>>> = {
  [Field in keyof Given & string]: `${Field} ${Extract<ReturnType<Given[Field]>[number]["effect"], Alarm>}`;
}[keyof Given & string];

/**
 * The statements for all fields that differ.
 * @param before of an older commit: a setting that its model did not know is `undefined`
 */
export function changes<Whole extends object>(
  entries: Entries<Whole>,
  before: Whole,
  after: Whole,
): (Statement & { readonly field: string })[] {
  return (Object.keys(entries) as (keyof Whole & string)[]).flatMap((field) => {
    const [was, is] = [before[field], after[field]] as [
      Whole[typeof field] | undefined,
      Whole[typeof field] | undefined,
    ];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const statements =
      (was === undefined || is === undefined) && !Object.hasOwn(optional, field)
        ? [plain(`${field}: ${shown(is)}; was ${shown(was)}`)]
        : entries[field](was as Whole[typeof field], is as Whole[typeof field], { before, after });
    return statements.map((statement) => ({ ...statement, field }));
  });
}

/** The settings of these types that may be absent: their entry describes what it means if there is none. */
type Optional<Whole> = {
  [Field in keyof Whole]-?: undefined extends Whole[Field] ? Field : never;
}[keyof Whole];

/** All of them; with one more or less it does not compile. */
const optional: Readonly<Record<Optional<Site> | Optional<Environment>, true>> = {
  upstreamServerName: true,
  conditionalAccess: true,
  accessTokenScope: true,
  redis: true,
  cookieRefresh: true,
  authCache: true,
  maintenance: true,
  cookieName: true,
  serviceManagementReference: true,
  goMemLimit: true,
  adoptedRegistration: true,
  outboundProxy: true,
};

function shown(value: unknown): string {
  return value === undefined ? "not a setting yet" : JSON.stringify(value);
}

export function says<Its extends Effect>(effect: Its, text: string): Statement<Its> {
  return { effect, text };
}

export function plain(text: string): Statement<"plain"> {
  return says("plain", text);
}

/** A statement that weakens the site if a duration is longer than before. */
export function longer(before: string, after: string, text: string): Statement<"weakens" | "plain"> {
  return says(seconds(after) > seconds(before) ? "weakens" : "plain", text);
}

/** As in ` until 2027-01-31`; nothing for what does not end. */
export function untilInWords({ until }: Ending): string {
  return until === undefined ? "" : ` until ${until}`;
}

/** A statement about another end. @param effect of one that is later */
export function otherEnd<Later extends Effect, Earlier extends Effect>(
  what: string,
  was: Ending,
  is: Ending,
  effect: { readonly later: Later; readonly earlier: Earlier },
): Statement<Later | Earlier>[] {
  if (was.until === is.until) return [];
  const isLater = is.until === undefined || (was.until !== undefined && was.until < is.until);
  const words = (it: Ending) => (untilInWords(it) || " without an end").trim();
  return [says(isLater ? effect.later : effect.earlier, `${what} ${words(is)}; was ${words(was)}`)];
}

/** What has a last day, as `2027-01-31`, or none. */
interface Ending {
  readonly until?: string | undefined;
}

export function without<T>(list: readonly T[], taken: readonly T[]): T[] {
  return list.filter((it) => !taken.includes(it));
}

export function authorization(passed: boolean, where: string): Statement<"weakens" | "plain"> {
  return passed
    ? says("weakens", `${where}the backend gets the Authorization header from anybody unchecked`)
    : plain(`${where}the backend gets no Authorization header of clients`);
}

export function below({ path, match }: { readonly path: string; readonly match: string }): string {
  return match === "prefix" ? `${path.replace(/\/$/, "")}/ and everything below` : path;
}
