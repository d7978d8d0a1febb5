/** What people notice of pushes, restarts and upgrades while they ask as fast as they get answers. */
import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

import pMap from "p-map";

import { certify } from "../e2e/on-hosts.ts";
import type { Ended } from "../lab/host-shell.ts";
import { type Bench, must, program } from "./bench.ts";

/** What came of the requests of somebody who has signed in. */
export interface Noticed {
  requests: number;
  /** Each without its content, whatever the reason. */
  readonly failures: string[];
  /**
   * Of requests on a connection that was used before: Nginx closed it while the request was under way, which HTTP allows
   * at any time. A browser sends such a request again; these clients do not.
   */
  keepAliveRace: number;
}

const clients = 8;

/** Those that a host of the lab has anyway. */
const ownSites = 2;

/** Half of the clients keep their connection, half open one for each request. */
function ask({ domain, host }: Bench, cookie: string): { readonly stop: () => Promise<Noticed> } {
  const noticed: Noticed = { requests: 0, failures: [], keepAliveRace: 0 };
  let going = true;
  const walk = async (keepAlive: boolean) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (going) {
      await new Promise<void>((done) => {
        const sent = request(
          {
            agent,
            host: host.address,
            servername: domain,
            path: "/api/load",
            headers: { host: domain, cookie, accept: "application/json" },
          },
          (response) => {
            if (response.statusCode !== 200) noticed.failures.push(`${response.statusCode ?? 0}`);
            response.resume().on("close", done);
          },
        );
        sent.on("error", (error: NodeJS.ErrnoException) => {
          if (sent.reusedSocket) noticed.keepAliveRace += 1;
          else noticed.failures.push(error.code ?? error.message);
          done();
        });
        sent.end();
      });
      noticed.requests += 1;
    }
    agent.destroy();
  };
  const walking = Array.from({ length: clients }, (_, index) => walk(index % 2 === 0));
  return {
    stop: async () => {
      going = false;
      await Promise.all(walking);
      return noticed;
    },
  };
}

/**
 * Pushes, restarts and upgrades while clients ask; in the end the host is as it was.
 * @param sites - How many the host has then: an upgrade restarts them all, so that with more there are fewer.
 * @param say - Gets a line for each kind of work.
 */
export async function underLoad(bench: Bench, sites: number, say: (line: string) => void): Promise<boolean> {
  const before = await bench.live();
  const given = await bench.credentials();
  const others = Array.from({ length: Math.max(0, sites - ownSites) }, (_, index) => index + 1);
  // A host takes pushes that wait together.
  await pMap(others, (number) => add(bench, number, before, given), { concurrency: clients });
  say(`${sites} sites on ${bench.host.name}`);
  try {
    return await count(bench, say, { pushes: 50, restarts: 20, upgrades: sites > ownSites ? 2 : 20 });
  } finally {
    await pMap(others, (number) => remove(bench, number), { concurrency: clients });
    await must(bench.push(before));
  }
}

/** One more site: a copy of the other with a domain, ports and a certificate of its own. */
async function add(bench: Bench, number: number, files: string, credentials: string): Promise<void> {
  const domain = domainOf(number);
  const copied = (text: string) =>
    text
      .replaceAll(bench.domain, domain)
      .replaceAll(bench.domain.replaceAll(".", "_"), domain.replaceAll(".", "_"))
      .replaceAll("4180", `${6000 + number}`)
      .replace('"name": "code"', `"name": "${domain}"`);
  await certify(domain);
  await must(bench.shell.run([program, "credentials"], copied(credentials)));
  await must(bench.push(copied(files)));
}

async function remove({ shell }: Bench, number: number): Promise<void> {
  const domain = domainOf(number);
  await must(shell.run([program, "remove", domain]));
  await must(shell.run([program, "remove-credentials", domain]));
  await shell.shell(`rm -r /data/certs/${domain}`);
}

const domainOf = (number: number) => `site${number}.lab.test`;

async function count(
  bench: Bench,
  say: (line: string) => void,
  times: { readonly pushes: number; readonly restarts: number; readonly upgrades: number },
): Promise<boolean> {
  let failed = 0;
  const tell = async (what: string, often: number, work: (time: number) => Promise<Ended>) => {
    const asking = ask(bench, bench.cookie);
    const began = Date.now();
    const wrong: string[] = [];
    for (let time = 0; time < often; time++) {
      const { ok, text } = await work(time);
      if (!ok) wrong.push(text);
    }
    await sleep(500);
    const { requests, failures, keepAliveRace } = await asking.stop();
    failed += failures.length + wrong.length;
    say(
      `${often} ${what}: ${requests} requests in ${((Date.now() - began) / 1000).toFixed(0)} s, ${failures.length} failed` +
        `${failures.length > 0 ? ` (${[...new Set(failures)].join(", ")})` : ""}, ${keepAliveRace} met Nginx's keep-alive race` +
        wrong.map((text) => `\n  WRONG ${text}`).join(""),
    );
  };
  await tell("pushes that reload", times.pushes / 2, async () => bench.push(await bench.changed("nginx")));
  await tell("pushes that restart", times.pushes / 2, async () => bench.push(await bench.changed("all")));
  await tell("restarts", times.restarts, () =>
    bench.shell.run(["systemctl", "restart", `oauth2-proxy_${bench.domain}.service`]),
  );
  const { upgrade, clear } = await upgrades(bench);
  await tell("upgrades of oauth2-proxy", times.upgrades, upgrade);
  await clear();
  return failed === 0;
}

/** There and back again, between this version and a copy of it that says it is another. */
async function upgrades(
  bench: Bench,
): Promise<{ readonly upgrade: (time: number) => Promise<Ended>; readonly clear: () => Promise<unknown> }> {
  const { version } = bench.lab.oauth2Proxy;
  const other = `${version.slice(0, -1)}${(Number(version.slice(-1)) + 1) % 10}`;
  const folder = "/opt/oauth2-proxy";
  await bench.shell.shell(
    `mkdir -p ${folder}/${other}; sed 's/v${version.replaceAll(".", "\\.")}/v${other}/g' ${folder}/${version}/oauth2-proxy >${folder}/${other}/oauth2-proxy; chmod 755 ${folder}/${other}/oauth2-proxy`,
  );
  const setUp = await bench.shell.shell("cat /var/lib/protected-sites/setup; echo");
  const upgrade = (time: number) => {
    const wanted = time % 2 === 0 ? other : version;
    return bench.shell.run(
      [program, "setup"],
      setUp.replace(`"version": "${version}"`, `"version": "${wanted}"`),
    );
  };
  return { upgrade, clear: () => bench.shell.shell(`rm -r ${folder}/${other}`) };
}
