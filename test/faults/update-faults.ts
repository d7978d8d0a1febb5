/** What can happen to a host while `pulumi up` pushes to it: how the whole update ends, and what it says. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";

import type { Ended } from "../lab/host-shell.ts";
import { openStack } from "../lab/stack.ts";
import type { Bench, Outcome } from "./bench.ts";
import { packetsLost, sshdDown } from "./environment-faults.ts";
import type { Fault } from "./fault.ts";
import { chosen } from "./step-faults.ts";
import { at, type Step } from "./traced-worker.ts";

interface Wrong {
  readonly step: string;
  /** What the update must say of the first host, and whether the others have the change. */
  readonly says: readonly RegExp[];
  /** Does it while the update runs. */
  readonly hurt: (bench: Bench, update: () => Promise<Ended>, steps: readonly Step[]) => Promise<Ended>;
}

const setting = "protected-sites:sites.code.proxyReadTimeout";

async function up(stack: Stack): Promise<Ended> {
  try {
    const { stdout } = await stack.up({ color: "never" });
    return { ok: true, text: stdout };
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message : String(error) };
  }
}

/** Something is wrong on the way to the host for as long as the update takes. */
function onTheWay({ begin, end }: typeof sshdDown | typeof packetsLost): Wrong["hurt"] {
  return async (bench, update) => {
    await begin(bench);
    try {
      return await update();
    } finally {
      await end(bench);
    }
  };
}

/** Each happens to the first host, which takes every change first; the last is the most critical one. */
const wrongs: readonly Wrong[] = [
  {
    step: "the first host refuses the connection",
    says: [/edge-1 could not be reached as protected-sites: .*refused. Nothing was sent/],
    hurt: onTheWay(sshdDown),
  },
  {
    step: "the first host is behind a black hole",
    says: [/edge-1 could not be reached as protected-sites: .*timed out. Nothing was sent/],
    hurt: onTheWay(packetsLost),
  },
  {
    step: "the push program is killed on the first host, after the switch",
    says: [
      /code\.lab\.test on edge-1: rolled back: failed in step 'worker'/,
      /site "code": edge-1 rejected the change; none has it/,
    ],
    hurt: async (bench, update, steps) => {
      const step = chosen(steps, "critical").find(({ title }) => title.endsWith("/current"));
      if (step === undefined) throw new Error("a push must switch");
      await bench.worker.arm();
      const updating = update();
      const traced = await bench.worker.attach(at({ ...step, nth: step.nth + 1 }, "signal=SIGKILL"));
      const ended = await updating;
      await traced.ended;
      await traced.forget();
      return ended;
    },
  },
];

async function attempt(
  bench: Bench,
  stack: Stack,
  { step, says, hurt }: Wrong,
  steps: readonly Step[],
): Promise<Outcome> {
  const hosts = bench.lab.hosts.map((host) => bench.on(host));
  const live = () => Promise.all(hosts.map((host) => bench.live(bench.domain, host)));
  const seconds = 61 + (Date.now() % 10_000);
  const isNew = (text: string) => text.includes(`proxy_read_timeout ${seconds}s;`);
  const problems: string[] = [];
  const old = await live();
  await bench.renewSession();
  bench.askers.take();
  await stack.setConfig(setting, { value: `${seconds}s` }, true);
  const ended = await hurt(bench, () => up(stack), steps);
  const left = await live();
  if (left[0] !== old[0]) problems.push("what failed must leave the old files on the first host");
  if (ended.ok) problems.push("the update must fail, and it did not");
  if (!/exit code [1-9]/.test(ended.text))
    problems.push(`its exit code must tell that it failed, got: ${ended.text}`);
  for (const wanted of says)
    if (!wanted.test(ended.text)) problems.push(`it must say ${wanted.source}, got: ${ended.text}`);
  if (left.some((text, index) => index > 0 && text !== old[index]))
    problems.push("the other hosts must be as they were");
  const again = await up(stack);
  if (!again.ok) problems.push(`the same update again does not put it right: ${again.text}`);
  if (!(await live()).every(isNew)) problems.push("after the same update again a host has other files");
  const heard = bench.askers.take();
  problems.push(...bench.wrongIn(heard, { mayFail: true }));
  return { step, live: left[0] === old[0] ? "old" : "neither", ended, rest: 0, heard, problems };
}

export const updateFault: Fault = {
  kind: 12,
  title: "a whole update",
  async *tries(bench, which) {
    const stack = await openStack(bench.lab.name);
    const steps = await bench.steps();
    try {
      // Whatever earlier tries pushed past it is drift, which it puts right.
      const { ok, text } = await up(stack);
      if (!ok) throw new Error(`an update that nothing is done to must succeed, got: ${text}`);
      for (const wrong of which === "critical" ? wrongs.slice(-1) : wrongs)
        yield await attempt(bench, stack, wrong, steps);
    } finally {
      await up(await openStack(bench.lab.name));
    }
  },
};
