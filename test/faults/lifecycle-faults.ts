/**
 * What can happen to a site's first push, to its removal, and to a switch of its credentials; and to the same of all sites
 * of the host at once, as to a push of them.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { certify } from "../lab/certificates.ts";
import type { Ended } from "../lab/host-shell.ts";
import { type Bench, must, type Outcome, program, type SiteChange } from "./bench.ts";
import type { Fault } from "./fault.ts";
import { cutPower } from "./power.ts";
import { chosen } from "./step-faults.ts";
import { at, type Injection } from "./traced-worker.ts";

/** A change of a host that is no push of one live site. */
interface Change {
  readonly kind: number;
  readonly title: string;
  /** Whose sites it changes at once. */
  readonly domains: (bench: Bench) => readonly string[];
  /** Brings a site to where the change begins, and returns what makes it. */
  readonly begin: (bench: Bench, domain: string) => Promise<() => Promise<Ended>>;
  /** The step at which it is hurt most: the last of this title. */
  readonly critical: RegExp;
  /**
   * Whether it removes the site: it may stop half-way, as long as it says so and then goes on where it was, and the next
   * begins with the site as it was before all of them.
   */
  readonly removes: boolean;
  /** Whether the host has no such site for a while. */
  readonly takesAway: boolean;
}

/** The sites' files, their credentials, and the end of the changes: all are put back as they were. */
class Before {
  readonly #bench: Bench;
  readonly #sites: readonly { readonly files: string; readonly credentials: string }[];

  private constructor(
    bench: Bench,
    sites: readonly { readonly files: string; readonly credentials: string }[],
  ) {
    this.#bench = bench;
    this.#sites = sites;
  }

  static async of(bench: Bench, domains: readonly string[]): Promise<Before> {
    const sites = domains.map(async (domain) => ({
      files: await bench.live(domain),
      credentials: await bench.credentials(domain),
    }));
    return new Before(bench, await Promise.all(sites));
  }

  async restore(): Promise<void> {
    const restoring = this.#sites.map(async ({ files, credentials }) => {
      await must(this.#bench.shell.run([program, "credentials"], credentials));
      await must(this.#bench.push(files));
    });
    await Promise.all(restoring);
  }
}

let switches = Date.now() % 1_000_000;

const one = { domains: ({ domain }: Bench) => [domain], removes: false, takesAway: false };

const removal: Change = {
  ...one,
  kind: 22,
  title: "removal",
  critical: /^unlinkat sites\/[^/]*\/generations\/N\//,
  removes: true,
  takesAway: true,
  begin: (bench, domain) => Promise.resolve(() => bench.shell.run([program, "remove", domain])),
};
const firstPush: Change = {
  ...one,
  kind: 28,
  title: "first push",
  critical: /^write socket$/,
  takesAway: true,
  begin: async (bench, domain) => {
    const files = await bench.live(domain);
    await must(bench.shell.run([program, "remove", domain]));
    return () => bench.push(files);
  },
};
const switching: Change = {
  ...one,
  kind: 29,
  title: "switch of credentials",
  critical: /^rename credentials\/[^/]*\/current$/,
  begin: async (bench, domain) => {
    const given = await bench.credentials(domain, `variable-${++switches}`);
    return () => bench.shell.run([program, "credentials"], given);
  },
};
const anotherPush: Change = {
  ...one,
  kind: 30,
  title: "push",
  critical: /^write socket$/,
  begin: async (bench, domain) => {
    const text = await bench.changed("all", domain);
    return () => bench.push(text);
  },
};

/** The only credentials that several sites get in one step: Nginx is reloaded once for all of them. */
const renewal: Change = {
  ...one,
  kind: 30,
  title: "renewal of certificates",
  critical: /^write socket$/,
  begin: async (bench, domain) => {
    const live = await bench.live(domain);
    const folder = `/etc/protected-sites/credentials/${domain}/current`;
    const renew = async () => {
      const renewed = await renewedCertificate(bench, domain);
      return () => bench.shell.run([program, "credentials"], renewed);
    };
    if (!live.includes(`${folder}/fullchain.pem`)) {
      await must((await renew())());
      await must(bench.push(live.replaceAll(`/data/certs/${domain}`, folder)));
    }
    return renew();
  },
};

/** The site's credentials with a new certificate of the lab's CA. */
async function renewedCertificate(bench: Bench, domain: string): Promise<string> {
  const { ca } = bench.lab;
  const authority = {
    certificate: await readFile(ca, "utf8"),
    key: await readFile(ca.replace(/\.pem$/, ".key"), "utf8"),
  };
  const { certificate, key } = await certify(authority, [domain]);
  const credentials = JSON.parse(await bench.credentials(domain)) as object;
  return JSON.stringify({ ...credentials, certificate, certificateKey: key });
}

/** The same of all sites of the host: the push program finds their requests together. */
function ofAll(change: Change): Change {
  return {
    ...change,
    kind: 30,
    title: `${change.title} of all sites at once`,
    domains: ({ domains }) => domains,
  };
}

async function begun(bench: Bench, { domains, begin }: Change): Promise<readonly SiteChange[]> {
  const changes: SiteChange[] = [];
  for (const domain of domains(bench)) changes.push({ domain, make: await begin(bench, domain) });
  return changes;
}

/** "gone", "live" with a digest of its files and credentials, or what is there of it. */
async function whereabouts({ shell }: Bench, domain: string): Promise<string> {
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
    {
      cat sites/${domain}/current/bundle credentials/${domain}/current/client.env
      openssl s_client -connect 127.0.0.1:443 -servername ${domain} </dev/null 2>/dev/null | openssl x509
    } | sha256sum`);
  const [here = "", state = ""] = said.split("==\n");
  if (here === "") return "gone";
  return /as pushed\n(\w{64})/.exec(state)?.[1]?.replace(/^/, "live ") ?? `in part: ${said}`;
}

/** A site whose change was hurt: where it was, what was said, what that left, and where the same again brings it. */
interface Hurt {
  readonly domain: string;
  readonly old: string;
  readonly ended: Ended;
  readonly left: string;
  readonly fresh: string;
}

/** Has a change hurt, lets the host come to rest, and judges; then makes the change again, which must put it right. */
async function attempt(bench: Bench, change: Change, injections: readonly Injection[]): Promise<Outcome> {
  await bench.renewSession();
  const changes = await begun(bench, change);
  const before = await Promise.all(
    changes.map(async (site) => ({ ...site, old: await whereabouts(bench, site.domain) })),
  );
  bench.askers.take();
  await bench.worker.arm();
  const making = Promise.all(before.map(async (site) => ({ ...site, ended: await site.make() })));
  const traced = await bench.worker.attach(injections, { requests: changes.length });
  const made = await making;
  await traced.ended;
  const step = await traced.hit();
  await traced.forget();

  const end = Date.now();
  const problems: string[] = [];
  if (!(await comesToRest(bench, end + 60_000))) problems.push("the host must come to rest within 60 s");
  const rest = Date.now() - end;
  const left = await Promise.all(
    made.map(async (site) => ({ ...site, left: await whereabouts(bench, site.domain) })),
  );
  for (const { ok, text } of await Promise.all(changes.map(({ make }) => make())))
    if (!ok) problems.push(`the same again does not put it right: ${text}`);
  const sites: readonly Hurt[] = await Promise.all(
    left.map(async (site) => ({ ...site, fresh: await whereabouts(bench, site.domain) })),
  );
  const judged = sites.map((site) => judge(site, change.removes));
  problems.push(...judged.flatMap(({ wrong }) => wrong));
  const heard = bench.askers.take();
  problems.push(...bench.wrongIn(heard, { mayFail: change.takesAway }));
  return {
    step,
    live: together(judged.map(({ live }) => live)),
    ended: {
      ok: sites.every(({ ended }) => ended.ok),
      text: sites.map(({ ended }) => ended.text).join("\n"),
    },
    rest,
    heard,
    problems,
  };
}

/** What several sites come to: "part" where they differ. */
function together(states: readonly Outcome["live"][]): Outcome["live"] {
  if (states.includes("neither")) return "neither";
  const [first = "neither", ...others] = states;
  return others.every((state) => state === first) ? first : "part";
}

async function comesToRest({ shell, worker }: Bench, deadline: number): Promise<boolean> {
  const unfinished =
    "ls /var/lib/protected-sites/journal.json /var/lib/protected-sites/queue/*.taken 2>/dev/null";
  while ((await worker.runs()) || (await shell.shell(unfinished)) !== "") {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/** What is left of a site, and what is wrong with that and with what was said of it. */
function judge(
  { domain, old, ended: { ok, text }, left, fresh }: Hurt,
  removes: boolean,
): { readonly live: Outcome["live"]; readonly wrong: readonly string[] } {
  const wrong: string[] = [];
  if (fresh.startsWith("in part") || fresh === old) wrong.push(`after the same again: ${fresh}`);
  const live = left === fresh ? "new" : left === old ? "old" : removes ? "part" : "neither";
  if (live === "neither") wrong.push(`neither the old nor the new state: ${left}`);
  if (ok && live !== "new") wrong.push(`it said that it is done, and it is not: ${left}`);
  if (!ok && /nothing changed|rolled back/.test(text) && live !== "old")
    wrong.push(`it is ${live}, and it said: ${text}`);
  if (live === "part" && !/partly removed/.test(text))
    wrong.push(`it must say that it was partly removed, got: ${text}`);
  return { live, wrong: wrong.map((what) => `${domain}: ${what}`) };
}

/** What happens at a step of it. */
function hurt(change: Change, what: string, injection: string, slow = false): Fault {
  return {
    kind: change.kind,
    title: `${change.title}: ${what}`,
    slow,
    async *tries(bench, which) {
      const before = await Before.of(bench, change.domains(bench));
      try {
        if (change.removes) {
          // As it is after each restore: with one generation.
          for (const { make } of await begun(bench, change)) await must(make());
          await before.restore();
        }
        const steps = await bench.record(await begun(bench, change));
        const critical = steps.filter(({ title }) => change.critical.test(title)).slice(-1);
        const wanted = which === "critical" ? critical : chosen(steps, which);
        for (const step of wanted) {
          if (change.removes) await before.restore();
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
    slow: change.kind === 30 || !change.removes,
    async *tries(bench, which) {
      const before = await Before.of(bench, change.domains(bench));
      try {
        const every = which === "critical" ? 10 : which;
        await bench.renewSession();
        const changes = await begun(bench, change);
        bench.askers.take();
        const cuts = await cutPower(bench, changes, { every, inPart: change.removes });
        const { tried, problems } = cuts;
        const heard = bench.askers.take();
        yield {
          step: `${tried} cuts: ${cuts.old} old, ${cuts.new} new, ${cuts.part} in part, ${problems.length} else`,
          // Nothing was done to the change itself.
          live: "new",
          ended: { ok: true, text: "" },
          rest: 0,
          heard,
          problems: [...problems, ...bench.wrongIn(heard, { mayFail: change.takesAway })],
          tried,
        };
      } finally {
        await before.restore();
      }
    },
  };
}

const everyChange = [
  removal,
  firstPush,
  switching,
  ...[anotherPush, firstPush, switching, renewal, removal].map(ofAll),
];

export const lifecycleFaults = everyChange.flatMap((change) => [
  hurt(change, "the push program is killed", "signal=SIGKILL"),
  hurt(change, "a call says that the disk is broken", "error=EIO", true),
  cut(change),
]);
