/** Figures of several runs, and tables of Markdown. */
import type { Sample } from "./load.ts";
import type { Server } from "./servers.ts";

/**
 * What a request costs at each server.
 * @param cookies what each server's session has people send
 */
export function table(
  samples: ReadonlyMap<Server, readonly Sample[]>,
  cookies: ReadonlyMap<Server, string>,
): string {
  const [floor = []] = samples.values();
  const rows = [...samples].map(([server, found]) => {
    // In pairs of one round: the machine's speed changes from one to the next.
    const relative = (of: (sample: Sample) => number) =>
      median(found.map((sample, round) => of(sample) / of(floor[round] ?? sample))).toFixed(2);
    return [
      server.title,
      `${cookies.get(server)?.length ?? 0} B`,
      spread(found.map(({ requestsPerSecond }) => requestsPerSecond)),
      relative(({ requestsPerSecond }) => requestsPerSecond),
      spread(found.map(({ cpu }) => cpu)),
      relative(({ cpu }) => cpu),
      [median(found.map(({ p50 }) => p50)), median(found.map(({ p99 }) => p99))]
        .map((time) => (time / 1000).toFixed(1))
        .join(" / "),
      median(found.map((it) => it.connections)).toFixed(3),
    ];
  });
  const head = [
    "Server",
    "Cookies",
    "Requests/s: min / median / max",
    "to Nginx alone",
    "CPU µs/request: min / median / max",
    "to Nginx alone",
    "p50 / p99 ms",
    "Connections opened/request",
  ];
  return markdown(head, rows);
}

/** A table of Markdown. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The least, the median and the largest. */
export function extent(values: readonly number[]): number[] {
  return [Math.min(...values), median(values), Math.max(...values)];
}

function spread(values: readonly number[]): string {
  return extent(values)
    .map((value) => Math.round(value).toLocaleString("en").replaceAll(",", " "))
    .join(" / ");
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = low] = sorted.slice(
    sorted.length % 2 === 0 ? middle - 1 : middle,
    middle + 1,
  );
  return sorted.length % 2 === 0 ? (low + high) / 2 : low;
}
