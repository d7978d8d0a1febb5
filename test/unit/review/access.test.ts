/**
 * "Access widens", judged from the rendered files, against the rules of the model, read by a few plain lines that
 * share nothing with the review.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import type { Site } from "../../../components/site/site.ts";
import { environmentFrom } from "../../../infra/environment.ts";
import { runs } from "../quick.ts";
import { reviewed, siteArgs, settings } from "./environments.ts";
import { byGroup, type GeneratedPerson, methods, people, targets } from "./generated-sites.ts";

/** Days on which somebody asks: of what has ended, and of what ends. */
const days = ["2026-11-30", "2100-01-01"];

/** The rules of docs/configuration.md: nobody is `undefined`. */
function mayEnter(
  site: Site,
  person: GeneratedPerson | undefined,
  method: string,
  target: string,
  day: string,
): boolean {
  const opened = site.open
    // The name of an open folder without its slash is closed, also where it lies in another open folder.
    .filter((it) => it.match === "exact" || !site.open.some(({ path }) => path === `${target}/`))
    .filter((it) => (it.match === "prefix" ? target.startsWith(it.path) : target === it.path))
    .sort((one, other) => other.path.length - one.path.length)[0];
  const deepest = site.paths
    .filter(
      (it) =>
        target === it.path ||
        target === `${it.path}/` ||
        (it.match === "prefix" && target.startsWith(`${it.path}/`)),
    )
    .sort((one, other) => other.path.length - one.path.length)[0];
  const openIsDeeper =
    opened !== undefined && (deepest === undefined || opened.path.length > deepest.path.length);
  const isOver = opened?.until !== undefined && opened.until < day;
  if (openIsDeeper && !isOver && (opened.methods as string[]).includes(method)) return true;
  if (person === undefined || !site.emailDomains.includes(person.domain)) return false;
  const hasEnded = (group: string) => site.temporaryGroups.some((it) => it.group === group && it.until < day);
  const isIn = (any: readonly string[]) =>
    any.length === 0 || any.some((it) => person.groups.includes(it) && !hasEnded(it));
  return isIn(site.allowedGroups) && isIn(deepest?.allowedGroups ?? []);
}

const environment = (given: object) => settings({ sites: { wiki: siteArgs("wiki", 4181, given) } });
const siteOf = (given: object): Site => {
  const [site] = environmentFrom(environment(given), "").sites;
  if (site === undefined) throw new Error("no site");
  return site;
};

test("over generated pairs, the review reports that access widens or narrows exactly when it does", () => {
  const sample = runs(150);
  let widened = 0;
  let narrowed = 0;
  fc.assert(
    fc.property(byGroup, byGroup, (one, other) => {
      const [before, after] = [siteOf(one), siteOf(other)];
      const entries = [undefined, ...people].flatMap((person) =>
        methods.flatMap((method) =>
          targets.flatMap((target) =>
            days.map((day) => [
              mayEnter(before, person, method, target, day),
              mayEnter(after, person, method, target, day),
            ]),
          ),
        ),
      );
      const review = reviewed(environment(other), environment(one));
      const widens = entries.some(([was, is]) => !was && is);
      const narrows = entries.some(([was, is]) => was && !is);
      if (widens) widened += 1;
      if (narrows) narrowed += 1;
      expect(review.cannotJudge).toEqual([]);
      expect({ widens: review.widens, narrows: review.narrows }).toEqual({
        widens: widens ? ["wiki"] : [],
        narrows: narrows ? ["wiki"] : [],
      });
    }),
    sample,
  );
  // One in seven, or no change of access would be judged.
  expect(Math.min(widened, narrowed)).toBeGreaterThan(sample.numRuns / 7);
}, 120_000);
