/** What can happen to a site's first push, to its removal, and to a switch of its credentials. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Ended } from "../lab/host-shell.ts";
import { type Bench, must, type Outcome, program } from "./bench.ts";
import type { Fault } from "./fault.ts";
import { cutPower } from "./power.ts";
import { chosen } from "./step-faults.ts";
import { at, type Injection } from "./traced-worker.ts";

/** A change of a host that is no push of a live site. */
interface Change {
  readonly kind: number;
  readonly title: string;
  /** Brings the site to where the change begins, and returns what makes it. */
  readonly begin: (bench: Bench) => Promise<() => Promise<Ended>>;
  /** The step at which it is hurt most: the last of this title. */
  readonly critical: RegExp;
  /** Whether it may stop half-way, as long as it says so and then goes on where it was. */
  readonly inPart: boolean;
}

/** The site's files, its credentials, and the end of the changes: both are put back as they were. */
class Before {
  readonly #bench: Bench;
  readonly #files: string;
  readonly #credentials: string;

  private constructor(bench: Bench, files: string, credentials: string) {
    this.#bench = bench;
    this.#files = files;
    this.#credentials = credentials;
  }

  static async of(bench: Bench): Promise<Before> {
    return new Before(bench, await bench.live(), await bench.credentials());
  }

  async restore(): Promise<void> {
    await must(this.#bench.shell.run([program, "credentials"], this.#credentials));
    await must(this.#bench.push(this.#files));
  }
}

let switches = Date.now() % 1_000_000;

const removal: Change = {
  kind: 22,
  title: "removal",
  critical: /^unlinkat sites\/[^/]*\/generations\/N\//,
  inPart: true,
  begin: (bench) => Promise.resolve(() => bench.shell.run([program, "remove", bench.domain])),
};
const firstPush: Change = {
  kind: 28,
  title: "first push",
  critical: /^write socket$/,
  inPart: false,
  begin: async (bench) => {
    const files = await bench.live();
    await must(bench.shell.run([program, "remove", bench.domain]));
    return () => bench.push(files);
  },
};
const switching: Change = {
  kind: 29,
  title: "switch of credentials",
  critical: /^rename credentials\/[^/]*\/current$/,
  inPart: false,
  begin: async (bench) => {
    const given = await bench.credentials(`variable-${++switches}`);
    return () => bench.shell.run([program, "credentials"], given);
  },
};

/** "gone", "live" with a digest of its files and credentials, or what is there of it. */
async function whereabouts({ domain, shell }: Bench): Promise<string> {
  const url = `https://${domain}/.well-known/protected-sites/generation`;
  const said = await shell.shell(`
    cd /etc/protected-sites
    ls -d sites/${domain} prometheus/${domain}.json /etc/nginx/sites-enabled/${domain}.conf \\
      /etc/oauth2-proxy/oauth2-proxy_${domain}.cfg /etc/systemd/system/oauth2-proxy_${domain}.* \\
      /etc/systemd/system/sockets.target.wants/oauth2-proxy_${domain}.socket 2>/dev/null
    systemctl list-units --all --plain --no-legend 'oauth2-proxy_${domain}.*'
    curl --silent --insecure --max-time 5 --resolve ${domain}:443:127.0.0.1 ${url}
    echo ==
    ${program} status | grep ${domain}
    cat sites/${domain}/current/bundle credentials/${domain}/current/client.env | sha256sum`);
  const [here = "", state = ""] = said.split("==\n");
  if (here === "") return "gone";
  return /as pushed\n(\w{64})/.exec(state)?.[1]?.replace(/^/, "live ") ?? `in part: ${said}`;
}

/** Has a change hurt, lets the host come to rest, and judges; then makes the change again, which must put it right. */
async function attempt(
  bench: Bench,
  { begin, inPart }: Change,
  injections: readonly Injection[],
): Promise<Outcome> {
  const make = await begin(bench);
  const old = await whereabouts(bench);
  bench.askers.take();
  await bench.worker.arm();
  const making = make();
  const traced = await bench.worker.attach(injections);
  const ended = await making;
  await traced.ended;
  const step = await traced.hit();
  await traced.forget();

  const end = Date.now();
  const problems: string[] = [];
  const unfinished =
    "ls /var/lib/protected-sites/journal.json /var/lib/protected-sites/queue/*.taken 2>/dev/null";
  while ((await bench.worker.runs()) || (await bench.shell.shell(unfinished)) !== "") {
    if (Date.now() - end > 60_000) {
      problems.push("the host must come to rest within 60 s");
      break;
    }
    await sleep(50);
  }
  const rest = Date.now() - end;
  const left = await whereabouts(bench);
  const again = await make();
  if (!again.ok) problems.push(`the same again does not put it right: ${again.text}`);
  const fresh = await whereabouts(bench);
  if (fresh.startsWith("in part") || fresh === old) problems.push(`after the same again: ${fresh}`);

  const live = left === fresh ? "new" : left === old ? "old" : inPart ? "part" : "neither";
  if (live === "neither") problems.push(`neither the old nor the new state: ${left}`);
  if (ended.ok && live !== "new") problems.push(`it said that it is done, and it is not: ${left}`);
  if (!ended.ok && /nothing changed|rolled back/.test(ended.text) && live !== "old")
    problems.push(`it is ${live}, and it said: ${ended.text}`);
  if (live === "part" && !/partly removed/.test(ended.text))
    problems.push(`it must say that it was partly removed, got: ${ended.text}`);
  const heard = bench.askers.take();
  problems.push(...heard.leaks.map((leak) => `somebody who has not signed in got content: ${leak}`));
  return { step, live, ended, rest, heard, problems };
}

/** What happens at a step of it. */
function hurt(change: Change, what: string, injection: string, slow = false): Fault {
  return {
    kind: change.kind,
    title: `${change.title}: ${what}`,
    slow,
    async *tries(bench, which) {
      const before = await Before.of(bench);
      try {
        if (change.kind === removal.kind) {
          // As it is after each restore: with one generation.
          await must((await change.begin(bench))());
          await before.restore();
        }
        const make = await change.begin(bench);
        const steps = await bench.record(make);
        const critical = steps.filter(({ title }) => change.critical.test(title)).slice(-1);
        const wanted = which === "critical" ? critical : chosen(steps, which);
        for (const step of wanted) {
          if (change.kind === removal.kind) await before.restore();
          yield await attempt(bench, change, at(step, injection));
        }
      } finally {
        await before.restore();
      }
    },
  };
}

function cut(change: Change): Fault {
  return {
    kind: change.kind,
    title: `${change.title}: the power is cut`,
    slow: !change.inPart,
    async *tries(bench, which) {
      const before = await Before.of(bench);
      const old = await whereabouts(bench);
      try {
        const make = await change.begin(bench);
        const every = which === "critical" ? 10 : which;
        let ended: Ended = { ok: false, text: "" };
        const cuts = await cutPower(bench, async () => (ended = await make()), {
          every,
          inPart: change.inPart,
        });
        const { tried, problems } = cuts;
        yield {
          step: `${tried} cuts: ${cuts.old} old, ${cuts.new} new, ${cuts.part} in part, ${problems.length} else`,
          live: old === (await whereabouts(bench)) ? "old" : "new",
          ended,
          rest: 0,
          heard: bench.askers.take(),
          problems: [...problems],
          tried,
        };
      } finally {
        await before.restore();
      }
    },
  };
}

export const lifecycleFaults = [removal, firstPush, switching].flatMap((change) => [
  hurt(change, "the push program is killed", "signal=SIGKILL"),
  hurt(change, "a call says that the disk is broken", "error=EIO", true),
  cut(change),
]);
