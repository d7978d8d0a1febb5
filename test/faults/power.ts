/** The power of a host is cut at every system call of the push program that changes its disk. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import type { Bench, Outcome } from "./bench.ts";
import type { Ended } from "../lab/host-shell.ts";
import { boot, cutOff } from "../lab/hosts.ts";
import { request } from "../lab/http.ts";
import { ensureImage } from "../lab/image.ts";
import { Disk, lay, recovered, siteOn } from "./disk.ts";
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

/** What the disk held after a step of a change. */
interface Cut {
  /** The step. */
  readonly title: string;
  /** A file with all that had reached the disk. */
  readonly snapshot: string;
  /** Whether the change had said that it is done. */
  readonly told: boolean;
}

/** A change of the host, step by step. */
interface Filmed {
  readonly cuts: readonly Cut[];
  /** The site's files before it and after it. */
  readonly old: string;
  readonly fresh: string;
}

/**
 * Makes a change of the host, which must succeed, and keeps what its disk holds after some of its steps.
 * @param folder - Gets the snapshots.
 * @param keeps - Whether that of a step is wanted, the n-th from 0.
 * @param broken - What keeps the push program from doing right.
 */
async function film(
  bench: Bench,
  change: () => Promise<Ended>,
  folder: string,
  keeps: (step: Pick<Cut, "title" | "told">, nth: number) => boolean,
  broken: readonly Injection[] = [],
): Promise<Filmed> {
  // It stands still longer than its watchdog allows.
  const worker = await TracedWorker.on(bench.shell, { watchdog: false });
  const disk = await Disk.under(bench.lab, bench.shell);
  try {
    const old = await siteOn(bench.shell, bench.domain);
    await worker.arm();
    const changing = change();
    const spared = new Set(broken.map(({ call }) => call));
    const stops = everywhere("signal=SIGSTOP").filter(({ call }) => !spared.has(call));
    const traced = await worker.attach([...stops, ...broken]);
    const cuts: Cut[] = [];
    let told = false;
    let steps = 0;
    while ((await traced.stop()) === "stopped") {
      const past = (await traced.steps()).map((step) => step.title);
      const title = past.at(-1) ?? "";
      told ||= past.includes("fsync verdicts");
      if (!/\/run\/|socket/.test(title) && keeps({ title, told }, steps++)) {
        const snapshot = join(folder, `cut-${cuts.length}`);
        await disk.snapshot(snapshot);
        cuts.push({ title, told, snapshot });
      }
      await traced.goOn();
    }
    const { ok, text } = await changing;
    await traced.forget();
    if (!ok) throw new Error(`a push that stands still now and then must succeed, got: ${text}`);
    return { cuts, old, fresh: await siteOn(bench.shell, bench.domain) };
  } finally {
    await TracedWorker.on(bench.shell);
    await disk.remove();
  }
}

/** Every n-th step, and each once the change has said that it is done. */
function everySo(many: number): Parameters<typeof film>[3] {
  return ({ told }, nth) => told || nth % many === 0;
}

/** A folder for snapshots. */
async function snapshots({ lab }: Bench): Promise<string> {
  const folder = join(lab.state, "cuts");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  return folder;
}

/**
 * Cuts the power at each step of one change of the host.
 * @param change - Makes it, and must succeed.
 * @param every - Judges only every n-th cut.
 * @param broken - What keeps the push program from doing right, to see that this is found.
 * @param inPart - It may be left half-way, as long as Nginx starts with what is left and a removal then ends it.
 */
export async function cutPower(
  bench: Bench,
  change: () => Promise<Ended>,
  { every = 1, broken = [] as readonly Injection[], inPart = false } = {},
): Promise<Cuts> {
  const folder = await snapshots(bench);
  try {
    const { cuts, old, fresh } = await film(bench, change, folder, everySo(every), broken);
    const seen = { old: 0, new: 0, part: 0 };
    const problems: string[] = [];
    for (const { title, snapshot, told } of cuts) {
      const found = await recovered(bench.shell, snapshot, bench.domain, { removes: inPart });
      const { site, said, removed } = found;
      const state = site === fresh ? "new" : site === old ? "old" : inPart ? "part" : undefined;
      if (state === undefined)
        problems.push(`after ${title}: neither old nor new. ${said}\n${differing(site, old, fresh)}`);
      else if (told && state !== "new")
        problems.push(`after ${title}: ${state}, and the push had said that it is live`);
      else if (/failed/.test(said))
        problems.push(`after ${title}: ${state}, and the host does not start: ${said}`);
      else if (inPart && removed !== fresh)
        problems.push(`after ${title}: ${state}, and it cannot be removed: ${differing(removed, fresh)}`);
      else seen[state] += 1;
    }
    return { tried: cuts.length, ...seen, problems };
  } finally {
    await rm(folder, { recursive: true });
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
      every: which === "critical" ? 20 : which,
    });
    const outcome: Outcome = await bench.attempt(await bench.changed("all"), async (text) => ({
      step: `${tried} cuts: ${old} old, ${fresh} new, ${problems.length} neither`,
      ended: await bench.push(text),
    }));
    yield { ...outcome, tried, problems: [...outcome.problems, ...problems] };
  },
};

/** After the switch, what is live and the journal do not agree: there is most to put right. */
const critical = /^rename sites\/[^/]*\/current$/;

export const powerAndBoot: Fault = {
  kind: 3,
  title: "the power is cut, and the whole host boots",
  async *tries(bench, which) {
    const { lab, shell } = bench;
    const host = { ...bench.host, image: await ensureImage() };
    const old = await bench.live();
    const text = await bench.changed("all");
    const folder = await snapshots(bench);
    try {
      const keeps =
        which === "critical" ? ({ title }: { title: string }) => critical.test(title) : everySo(8 * which);
      const { cuts } = await film(bench, () => bench.push(text), folder, keeps);
      for (const { title, snapshot, told } of cuts) {
        await bench.push(old);
        const outcome = await bench.attempt(
          text,
          async () => {
            await cutOff(lab.name, host.name);
            await lay(lab.name, host, snapshot);
            await boot(lab.name, host);
            await TracedWorker.on(shell);
            return { step: title, ended: { ok: told, text: "" } };
          },
          { mayFail: true },
        );
        const session = { headers: { cookie: bench.cookie }, address: host.address };
        const { status } = await request({ url: `https://${bench.domain}/api/boot`, ...session });
        const lost = status === 200 ? [] : [`who had signed in before must still get in, got ${status}`];
        yield { ...outcome, problems: [...outcome.problems, ...lost] };
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
