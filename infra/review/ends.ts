/** What of a site ends by the host's clock, as its file says. */
import type { ReadDirective } from "../../components/nginx/read.ts";
import { untilVariable } from "../../components/render/nginx/ends.ts";
import type { SiteReading } from "./gate.ts";
import { locationFor, normalized } from "./locations.ts";

/** When what is in a location ends; undefined if it does not. */
export function endOfLocation({ body = [] }: ReadDirective): Date | undefined {
  const until = body.find(({ name, args }) => name === "set" && args[0] === untilVariable)?.args[1];
  return until === undefined ? undefined : new Date(Number(until) * 1000);
}

/**
 * The times to come at which something ends on one of the sides, the next first, and the targets for which that makes a
 * difference: for others access changes at no time.
 */
export function laterChanges(
  readings: readonly (SiteReading | undefined)[],
  targets: readonly string[],
): { readonly times: readonly Date[]; readonly targets: readonly string[] } {
  const sides = readings.map((it) => it?.locations() ?? []);
  const ends = sides.flat().flatMap(({ directive }) => endOfLocation(directive)?.getTime() ?? []);
  const isEnding = (target: string) =>
    sides.some((locations) => {
      const taken = locationFor(normalized(target) ?? "", locations);
      return typeof taken === "object" && endOfLocation(taken) !== undefined;
    });
  const ofMemberships = readings.flatMap((it) => it?.membershipEnds ?? []).map((it) => it.getTime());
  const times = [...new Set([...ends, ...ofMemberships])]
    .filter((it) => it > Date.now())
    .sort((one, other) => one - other);
  return {
    times: times.map((it) => new Date(it)),
    targets: ofMemberships.length > 0 ? targets : targets.filter(isEnding),
  };
}
