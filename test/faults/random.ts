/**
 * Pushes to all hosts at once, each with a fault that chance chooses, one after the other without repair in between. The
 * same seed chooses the same faults and steps. In the end the stack's own files are pushed once more, and every host
 * must be as they say.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { Bench } from "./bench.ts";
import { at, from, type Step } from "./traced-worker.ts";

/** What a random run came to. */
export interface RandomRun {
  readonly pushes: number;
  readonly asked: number;
  readonly failures: readonly string[];
  readonly problems: readonly string[];
}

type Chance = () => number;

/** A small generator of random numbers from 0 to 1 (mulberry32), so that a run can be repeated. */
function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param say - Gets a line for each push. */
export async function randomRun(
  lab: string,
  {
    pushes,
    seed,
    hosts,
    say,
  }: {
    readonly pushes: number;
    readonly seed: number;
    readonly hosts: number;
    readonly say: (line: string) => void;
  },
): Promise<RandomRun> {
  const runs = await Promise.all(
    Array.from({ length: hosts }, (_, index) =>
      onHost(lab, index, Math.ceil(pushes / hosts), chanceOf(seed * 1000 + index), say),
    ),
  );
  return {
    pushes: runs.reduce((sum, run) => sum + run.pushes, 0),
    asked: runs.reduce((sum, run) => sum + run.asked, 0),
    failures: runs.flatMap((run) => run.failures),
    problems: runs.flatMap((run) => run.problems),
  };
}

async function onHost(
  lab: string,
  index: number,
  pushes: number,
  chance: Chance,
  say: (line: string) => void,
): Promise<RandomRun> {
  const bench = await Bench.open(lab, index);
  const failures: string[] = [];
  const problems: string[] = [];
  let asked = 0;
  try {
    const wanted = await bench.live();
    const steps = await bench.steps();
    for (let push = 1; push <= pushes; push++) {
      const { title, hurt } = choose(bench, steps, chance);
      const outcome = await bench.attempt(
        await bench.changed(chance() < 0.5 ? "all" : "nginx"),
        async (text) => ({ step: title, ended: await hurt(text) }),
        { mayFail: true, repairs: false },
      );
      asked += outcome.heard.asked;
      failures.push(...outcome.heard.failures.map((failure) => `push ${push}, ${title}: ${failure}`));
      const wrong = outcome.problems.map(
        (problem) => `${bench.host.name} push ${push}, ${title}: ${problem}`,
      );
      problems.push(...wrong);
      say(
        [
          `${bench.host.name} ${push}/${pushes}  ${outcome.live}  ${title}`,
          ...wrong.map((line) => `  WRONG ${line}`),
        ].join("\n"),
      );
    }
    const last = await bench.attempt(wanted, async (text) => ({
      step: "the stack's own files",
      ended: await bench.push(text),
    }));
    if (last.live !== "new") problems.push(`${bench.host.name}: it does not end with the stack's own files`);
    problems.push(...last.problems);
    return {
      pushes: pushes + 1,
      asked: asked + last.heard.asked,
      failures: [...failures, ...last.heard.failures],
      problems,
    };
  } finally {
    await bench.close();
  }
}

interface Choice {
  readonly title: string;
  readonly hurt: (text: string) => Promise<{ readonly ok: boolean; readonly text: string }>;
}

function choose(bench: Bench, steps: readonly Step[], chance: Chance): Choice {
  const anyStep = () =>
    steps[Math.floor(chance() * steps.length)] ?? { call: "fsync", nth: 1, title: "fsync" };
  const later = Math.floor(chance() * 3000);
  const overSsh = async (text: string, meanwhile: (client: ReturnType<Bench["client"]>) => unknown) => {
    const client = bench.client(text);
    const [{ exitCode, all }] = await Promise.all([client, sleep(later).then(() => meanwhile(client))]);
    return { ok: exitCode === 0, text: all };
  };
  const traced = (what: string, injections: (step: Step) => ReturnType<typeof at>): Choice => {
    const step = anyStep();
    return {
      title: `${what} at ${step.title}`,
      hurt: async (text) => {
        await bench.worker.arm();
        const pushing = bench.push(text);
        const worker = await bench.worker.attach(injections(step));
        const ended = await pushing;
        await worker.ended;
        await worker.forget();
        return ended;
      },
    };
  };
  const choices: readonly (() => Choice)[] = [
    () => ({ title: "nothing", hurt: (text) => bench.push(text) }),
    () => traced("killed", (step) => at(step, "signal=SIGKILL")),
    () => traced("disk full", (step) => at(step, "error=ENOSPC")),
    () => traced("disk broken", (step) => at(step, "error=EIO")),
    () => traced("read-only", (step) => from(step, steps, "error=EROFS")),
    () => ({
      title: `client killed after ${later} ms`,
      hurt: (text) => overSsh(text, (client) => client.kill("SIGKILL")),
    }),
    () => ({
      title: `session killed after ${later} ms`,
      hurt: (text) =>
        overSsh(text, () =>
          bench.shell.shell("for pid in $(pgrep -f '^sshd: admin@'); do kill -KILL $pid; done"),
        ),
    }),
    () => ({
      title: `instance killed after ${later} ms`,
      hurt: (text) =>
        overSsh(text, () =>
          bench.shell.shell(`systemctl kill --signal=KILL oauth2-proxy_${bench.domain}.service`),
        ),
    }),
    () => ({
      title: `Nginx reloaded after ${later} ms`,
      hurt: (text) => overSsh(text, () => bench.shell.shell("nginx -s reload")),
    }),
    () => ({
      title: "a file that Nginx refuses",
      hurt: (text) => bench.push(text.replace("proxy_read_timeout", "proxy_raed_timeout")),
    }),
    () => ({
      title: "a unit that does not start",
      hurt: (text) => bench.push(text.replace("\nRestart=", "\nExecStartPre=/bin/false\nRestart=")),
    }),
  ];
  const chosen = choices[Math.floor(chance() * choices.length)] ?? choices[0];
  if (chosen === undefined) throw new Error("there must be something to choose");
  return chosen();
}
