/** What can happen to the push program at any of its steps. */
import { setTimeout as sleep } from "node:timers/promises";

import { cgroupOf, freeze } from "../lab/processes.ts";
import type { Bench, Outcome } from "./bench.ts";
import type { Fault, Which } from "./fault.ts";
import type { Ended } from "../lab/host-shell.ts";
import { at, from, type Injection, roomTaking, type Step } from "./traced-worker.ts";

/** At which steps a push is hurt most: between the switch and the verdict, where it is decided, and around that. */
const critical = [
  /^write socket$/,
  /^rename committed\.json$/,
  /^rename sites\/[^/]*\/current$/,
  /^rename journal\.json$/,
  /^fsync sites\/.*\/nginx\.conf$/,
  /^rename verdicts/,
];

/** What a step ends: after it the host is hurt in another way by the same fault. */
const turns = [/^rename journal\.json$/, /^rename sites\/[^/]*\/current$/, /^rename committed\.json$/];

/**
 * The steps that are tried: of those that differ only in their file the first, before the journal, before the switch,
 * before the verdict, and after it; of the probe's and of the starts of other programs the 1st, 2nd, 4th, 8th, ….
 */
export function chosen(steps: readonly Step[], which: Which): Step[] {
  if (which === "critical")
    return critical.flatMap((title) => steps.filter((step) => title.test(step.title)).slice(-1));
  const times = new Map<string, number>();
  let turn = 0;
  const different = steps.filter(({ title }) => {
    const alike = title
      .replace(/(generations\/\.?N)\/.*/, "$1/file")
      .replace(/(\/run\/protected-sites-N)\/.*/, "$1/file");
    const kind = `${turn} ${alike}`;
    const nth = (times.get(kind) ?? 0) + 1;
    times.set(kind, nth);
    if (turns.some((end) => end.test(title))) turn += 1;
    return /^(write socket|vfork)/.test(title) ? Number.isInteger(Math.log2(nth)) : nth === 1;
  });
  return different.filter((_, index) => index % which === 0);
}

/** Something that strace does to the push program. */
function injected(
  title: string,
  kind: number,
  inject: (step: Step, steps: readonly Step[]) => readonly Injection[],
  where: (step: Step) => boolean = () => true,
): Fault {
  return {
    kind,
    title,
    async *tries(bench, which) {
      const steps = await bench.steps();
      for (const step of chosen(steps, which).filter(where)) yield await hurtAt(bench, inject(step, steps));
    },
  };
}

/** A push at whose step something is done to its program. */
async function hurtAt(bench: Bench, injections: readonly Injection[]): Promise<Outcome> {
  return bench.attempt(await bench.changed("all"), async (text) => {
    await bench.worker.arm();
    const pushing = bench.push(text);
    const traced = await bench.worker.attach(injections);
    const ended = await pushing;
    await traced.ended;
    const hit = await traced.hit();
    await traced.forget();
    return { step: hit, ended };
  });
}

/** A push over SSH that stands still at a step while something else happens. */
export async function heldAt(
  bench: Bench,
  step: Step,
  happens: (held: { readonly client: ReturnType<Bench["client"]>; readonly pid: number }) => Promise<unknown>,
  options: { readonly mayFail?: boolean; readonly clientDies?: boolean } = {},
): Promise<Outcome> {
  return bench.attempt(
    await bench.changed("all"),
    async (text) => {
      await bench.worker.arm();
      const client = bench.client(text);
      const traced = await bench.worker.attach(at(step, "signal=SIGSTOP"));
      let stopped = "not reached";
      if ((await traced.stop()) === "stopped") {
        stopped = await traced.hit();
        await happens({ client, pid: traced.pid });
        await traced.goOn().catch(() => undefined);
      }
      const { exitCode, all } = await client;
      await traced.ended;
      const ended: Ended = { ok: exitCode === 0, text: all };
      await traced.forget();
      return { step: stopped, ended };
    },
    options,
  );
}

function held(
  title: string,
  kind: number,
  happens: (
    bench: Bench,
    held: { readonly client: ReturnType<Bench["client"]>; readonly pid: number },
  ) => Promise<unknown>,
  options: { readonly mayFail?: boolean; readonly onlyCritical?: RegExp; readonly slow?: boolean } = {},
): Fault {
  return {
    kind,
    title,
    slow: options.slow ?? false,
    async *tries(bench, which) {
      const steps = chosen(await bench.steps(), options.onlyCritical === undefined ? which : "critical");
      for (const step of steps.filter((it) => options.onlyCritical?.test(it.title) ?? true))
        yield await heldAt(bench, step, (it) => happens(bench, it), options);
    },
  };
}

const killClient = held("the client is killed", 1, (_bench, { client }) => {
  client.kill("SIGKILL");
  return Promise.resolve();
});

const killSession = held("sshd's child is killed", 2, (bench) =>
  bench.shell.shell("for pid in $(pgrep -f '^sshd: admin@'); do kill -KILL $pid; done"),
);

const killProgram = injected("the push program is killed", 1, (step) => at(step, "signal=SIGKILL"));
const diskFull = injected(
  "a call says that the disk is full",
  4,
  (step) => at(step, "error=ENOSPC"),
  ({ call, title }) => roomTaking.includes(call) && title !== "write socket",
);
const readOnly = injected("from a call on the file system is read-only", 5, (step, steps) =>
  from(step, steps, "error=EROFS"),
);
const ioError = injected("a call says that the disk is broken", 5, (step) => at(step, "error=EIO"));

/** Longer than the watchdog, which then is what ends it. */
const hangs = held(
  "the push program hangs after the switch, until systemd ends it",
  20,
  async (bench) => {
    for (let second = 0; second < 75 && (await bench.worker.runs()); second++) await sleep(1000);
  },
  { slow: true, onlyCritical: /^write socket$/ },
);

const frozen = held(
  "the whole host stands still for 30 s after the switch",
  20,
  async (bench) => {
    const cgroup = cgroupOf(bench.lab.name, `${bench.host.name}/payload`);
    await freeze(cgroup, true);
    await sleep(30_000);
    await freeze(cgroup, false);
  },
  { slow: true, onlyCritical: /^write socket$/ },
);

export const stepFaults = [killClient, killSession, killProgram, diskFull, readOnly, ioError, hangs, frozen];
