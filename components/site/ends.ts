/** What ends by itself after a last day, in UTC. */

/** When something ends whose last day this is, in seconds since 1970: with the beginning of the next day, in UTC. */
export function endOf(lastDay: string): number {
  return Date.parse(`${lastDay}T00:00:00Z`) / 1000 + 86_400;
}

/** Whether its last day has passed; what has none does not end. */
export function hasEnded({ until }: { readonly until?: string | undefined }, now: Date): boolean {
  return until !== undefined && endOf(until) * 1000 <= now.getTime();
}
