/** The power of a host is cut at every system call of the push program that changes its disk. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { type Bench, must, type Outcome, type SiteChange } from "./bench.ts";
import { boot, cutOff } from "../lab/hosts.ts";
import { request } from "../lab/http.ts";
import { ensureImage } from "../lab/image.ts";
import { Disk, lay, recovered, sitesOn } from "./disk.ts";
import type { Fault } from "./fault.ts";
import { everywhere, type Injection, TracedWorker } from "./traced-worker.ts";

/** What a push did, and what its disk held after each step. */
export interface Cuts {
  readonly tried: number;
  /** Cuts after which the host held the old files of all sites, and the new ones. */
  readonly old: number;
  readonly new: number;
  /** Cuts that left a removal half-way, or some sites old and others new. */
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
  /** Of how many sites the push program had said that they are done. */
  readonly told: number;
}

/** A change of the host, step by step. */
interface Filmed {
  readonly cuts: readonly Cut[];
  /** The sites' files before it and after it, as {@link sitesOn} lists them. */
  readonly old: readonly string[];
  readonly fresh: readonly string[];
}

/**
 * Makes a change of some of the host's sites at once, which must succeed, and keeps what its disk holds after some of its
 * steps.
 * @param folder - Gets the snapshots.
 * @param keeps - Whether that of a step is wanted, the n-th from 0.
 * @param broken - What keeps the push program from doing right.
 */
async function film(
  bench: Bench,
  changes: readonly SiteChange[],
  folder: string,
  keeps: (step: Pick<Cut, "title" | "told">, nth: number) => boolean,
  broken: readonly Injection[] = [],
): Promise<Filmed> {
  // It stands still longer than its watchdog allows.
  const worker = await TracedWorker.on(bench.shell, { watchdog: false });
  const disk = await Disk.under(bench.lab, bench.shell);
  try {
    const domains = changes.map(({ domain }) => domain);
    const old = await sitesOn(bench.shell, domains);
    await worker.arm();
    const making = Promise.all(changes.map(({ make }) => make()));
    const spared = new Set(broken.map(({ call }) => call));
    const stops = everywhere("signal=SIGSTOP").filter(({ call }) => !spared.has(call));
    const traced = await worker.attach([...stops, ...broken], { requests: changes.length });
    const cuts: Cut[] = [];
    let steps = 0;
    while ((await traced.stop()) === "stopped") {
      const past = (await traced.steps()).map((step) => step.title);
      const title = past.at(-1) ?? "";
      const told = past.filter((step) => step === "fsync verdicts").length;
      if (!/\/run\/|socket/.test(title) && keeps({ title, told }, steps++)) {
        const snapshot = join(folder, `cut-${cuts.length}`);
        await disk.snapshot(snapshot);
        cuts.push({ title, told, snapshot });
      }
      await traced.goOn();
    }
    const endings = await making;
    await traced.forget();
    for (const ending of endings) await must(ending);
    return { cuts, old, fresh: await sitesOn(bench.shell, domains) };
  } finally {
    await TracedWorker.on(bench.shell);
    await disk.remove();
  }
}

/** Every n-th step, and each once the change has said that it is done. */
function everySo(many: number): Parameters<typeof film>[3] {
  return ({ told }, nth) => told > 0 || nth % many === 0;
}

/** A folder for snapshots. */
async function snapshots({ lab }: Bench): Promise<string> {
  const folder = join(lab.state, "cuts");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  return folder;
}

/**
 * Cuts the power at each step of a change of some sites of the host at once.
 * @param changes - Must succeed, and leave alone what is of none of their sites.
 * @param every - Judges only every n-th cut.
 * @param broken - What keeps the push program from doing right, to see that this is found.
 * @param inPart - A site may be left half-way, as long as Nginx starts with what is left and a removal then ends it.
 */
export async function cutPower(
  bench: Bench,
  changes: readonly SiteChange[],
  { every = 1, broken = [] as readonly Injection[], inPart = false } = {},
): Promise<Cuts> {
  const folder = await snapshots(bench);
  try {
    const { cuts, old, fresh } = await film(bench, changes, folder, everySo(every), broken);
    const seen = { old: 0, new: 0, part: 0 };
    const problems: string[] = [];
    if (old.at(-1) !== fresh.at(-1))
      problems.push(`it changed what is of none of its sites: ${differing(fresh.slice(-1), old)}`);
    const domains = changes.map(({ domain }) => domain);
    for (const { title, snapshot, told } of cuts) {
      const { sites, said, removed } = await recovered(bench.shell, snapshot, domains, { removes: inPart });
      const states = sites.map((site, index) => stateOf(site, old[index], fresh[index]));
      // What is of none of these sites comes last, and is no site.
      const done = domains.filter((_, index) => states[index]?.includes("new")).length;
      const wrong = sites.filter((_, index) => states[index]?.length === 0);
      if (wrong.length > 0 && !inPart)
        problems.push(`after ${title}: neither old nor new. ${said}\n${differing(wrong, old, fresh)}`);
      else if (done < told)
        problems.push(`after ${title}: ${done} new, and the host had said that ${told} are live`);
      else if (/failed/.test(said))
        problems.push(`after ${title}: ${inWords(states)}, and the host does not start: ${said}`);
      else if (inPart && removed.join("\n") !== fresh.join("\n"))
        problems.push(
          `after ${title}: ${inWords(states)}, and it cannot be removed: ${differing(removed, fresh)}`,
        );
      else seen[whole(states)] += 1;
    }
    return { tried: cuts.length, ...seen, problems };
  } finally {
    await rm(folder, { recursive: true });
  }
}

type State = "old" | "new";

/** Both where they are the same, as of what is of none of the sites; none where it is something else. */
function stateOf(site: string, old: string | undefined, fresh: string | undefined): readonly State[] {
  return [...(site === fresh ? (["new"] as const) : []), ...(site === old ? (["old"] as const) : [])];
}

function whole(states: readonly (readonly State[])[]): State | "part" {
  return (["new", "old"] as const).find((state) => states.every((of) => of.includes(state))) ?? "part";
}

function inWords(states: readonly (readonly State[])[]): string {
  return states.map((of) => of.join(" and ") || "in part").join(", ");
}

/** The lines that neither state has. */
function differing(found: readonly string[], ...states: readonly (readonly string[])[]): string {
  const lines = (texts: readonly string[]) => texts.flatMap((text) => text.split("\n"));
  const known = new Set(states.flatMap(lines));
  return lines(found)
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
    } = await cutPower(bench, [bench.pushOf(await bench.changed("all"))], {
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
      const { cuts } = await film(bench, [bench.pushOf(text)], folder, keeps);
      for (const { title, snapshot, told } of cuts) {
        await bench.push(old);
        const outcome = await bench.attempt(
          text,
          async () => {
            await cutOff(lab.name, host.name);
            await lay(lab.name, host, snapshot);
            await boot(lab.name, host);
            await TracedWorker.on(shell);
            return { step: title, ended: { ok: told > 0, text: "" } };
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
