/** The power of a host is cut at every system call of the push program that changes its disk. */
import type { Bench, Outcome } from "./bench.ts";
import type { Ended } from "../lab/host-shell.ts";
import { Disk } from "./disk.ts";
import type { Fault } from "./fault.ts";
import { everywhere, type Injection, TracedWorker } from "./traced-worker.ts";

/** What a push did, and what its disk held after each step. */
export interface Cuts {
  readonly tried: number;
  /** Cuts after which the host held the old files and the new ones. */
  readonly old: number;
  readonly new: number;
  /** Cuts that left a removal half-way. */
  readonly part: number;
  /** Each cut that left anything else: after which step, and what. */
  readonly problems: readonly string[];
}

/**
 * Cuts the power at each step of one change of the host.
 * @param change - Makes it, and must succeed.
 * @param every - Judges only every so manieth cut.
 * @param broken - What keeps the push program from doing right, to see that this is found.
 * @param inPart - It may be left half-way, as long as Nginx starts with what is left and a removal then ends it.
 */
export async function cutPower(
  bench: Bench,
  change: () => Promise<Ended>,
  { every = 1, broken = [] as readonly Injection[], inPart = false } = {},
): Promise<Cuts> {
  // It stands still longer than its watchdog allows.
  const worker = await TracedWorker.on(bench.shell, { watchdog: false });
  const disk = await Disk.under(bench.lab, bench.shell);
  try {
    const old = await disk.site(bench.domain);
    await worker.arm();
    const changing = change();
    const spared = new Set(broken.map(({ call }) => call));
    const stops = everywhere("signal=SIGSTOP").filter(({ call }) => !spared.has(call));
    const traced = await worker.attach([...stops, ...broken]);
    const cuts: { readonly title: string; readonly snapshot: string; readonly told: boolean }[] = [];
    let told = false;
    let steps = 0;
    while ((await traced.stop()) === "stopped") {
      const past = (await traced.steps()).map((step) => step.title);
      const title = past.at(-1) ?? "";
      told ||= past.includes("fsync verdicts");
      if (!/\/run\/|socket/.test(title) && (steps++ % every === 0 || told))
        cuts.push({ title, told, snapshot: await disk.snapshot(`cut-${cuts.length}`) });
      await traced.goOn();
    }
    const { ok, text } = await changing;
    await traced.forget();
    if (!ok) throw new Error(`a push that stands still now and then must succeed, got: ${text}`);
    const fresh = await disk.site(bench.domain);

    const seen = { old: 0, new: 0, part: 0 };
    const problems: string[] = [];
    for (const { title, snapshot, told: acknowledged } of cuts) {
      const { site, said, removed } = await disk.boot(snapshot, bench.domain, { removes: inPart });
      const state = site === fresh ? "new" : site === old ? "old" : inPart ? "part" : undefined;
      if (state === undefined)
        problems.push(`after ${title}: neither old nor new. ${said}\n${differing(site, old, fresh)}`);
      else if (acknowledged && state !== "new")
        problems.push(`after ${title}: ${state}, and the push had said that it is live`);
      else if (/failed/.test(said))
        problems.push(`after ${title}: ${state}, and the host does not start: ${said}`);
      else if (inPart && removed !== fresh)
        problems.push(`after ${title}: ${state}, and it cannot be removed: ${differing(removed, fresh)}`);
      else seen[state] += 1;
    }
    return { tried: cuts.length, ...seen, problems };
  } finally {
    await TracedWorker.on(bench.shell);
    await disk.remove();
  }
}

/** The lines that neither state has. */
function differing(site: string, ...states: readonly string[]): string {
  const known = new Set(states.flatMap((state) => state.split("\n")));
  return site
    .split("\n")
    .filter((line) => !known.has(line))
    .join("\n");
}

export const power: Fault = {
  kind: 3,
  title: "the power is cut",
  async *tries(bench, which) {
    const {
      tried,
      old,
      new: fresh,
      problems,
    } = await cutPower(bench, async () => bench.push(await bench.changed("all")), {
      every: which === "telling" ? 20 : which,
    });
    const outcome: Outcome = await bench.attempt(await bench.changed("all"), async (text) => ({
      step: `${tried} cuts: ${old} old, ${fresh} new, ${problems.length} neither`,
      ended: await bench.push(text),
    }));
    yield { ...outcome, tried, problems: [...outcome.problems, ...problems] };
  },
};
