/** What people notice of pushes, restarts and upgrades while they ask as fast as they get answers. */
import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

import { bundle } from "../../components/host/bundle.ts";
import { type Bench, program } from "./bench.ts";

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

/** @param say - Gets a line for each kind of work. */
export async function underLoad(
  bench: Bench,
  say: (line: string) => void,
  count = { pushes: 50, restarts: 20, upgrades: 20 },
): Promise<boolean> {
  let failed = 0;
  const tell = async (
    what: string,
    times: number,
    work: (time: number) => Promise<{ readonly ok: boolean; readonly text: string }>,
  ) => {
    const asking = ask(bench, bench.cookie);
    const began = Date.now();
    const wrong: string[] = [];
    for (let time = 0; time < times; time++) {
      const { ok, text } = await work(time);
      if (!ok) wrong.push(text);
    }
    await sleep(500);
    const { requests, failures, keepAliveRace } = await asking.stop();
    failed += failures.length + wrong.length;
    say(
      `${times} ${what}: ${requests} requests in ${((Date.now() - began) / 1000).toFixed(0)} s, ${failures.length} failed` +
        `${failures.length > 0 ? ` (${[...new Set(failures)].join(", ")})` : ""}, ${keepAliveRace} met Nginx's keep-alive race` +
        wrong.map((text) => `\n  WRONG ${text}`).join(""),
    );
  };
  await tell("pushes that reload", count.pushes / 2, async () => bench.push(await bench.changed("nginx")));
  await tell("pushes that restart", count.pushes / 2, async () => bench.push(await bench.changed("all")));
  await tell("restarts", count.restarts, () =>
    bench.shell.run(["systemctl", "restart", `oauth2-proxy_${bench.domain}.service`]),
  );
  await tell("upgrades of oauth2-proxy", count.upgrades, await upgrades(bench));
  return failed === 0;
}

/** There and back again, between this version and a copy of it that says it is another. */
async function upgrades(
  bench: Bench,
): Promise<(time: number) => Promise<{ readonly ok: boolean; readonly text: string }>> {
  const { version } = bench.lab.oauth2Proxy;
  const other = `${version.slice(0, -1)}${(Number(version.slice(-1)) + 1) % 10}`;
  const folder = "/opt/oauth2-proxy";
  await bench.shell.shell(
    `mkdir -p ${folder}/${other}; sed 's/v${version.replaceAll(".", "\\.")}/v${other}/g' ${folder}/${version}/oauth2-proxy >${folder}/${other}/oauth2-proxy; chmod 755 ${folder}/${other}/oauth2-proxy`,
  );
  const facts = JSON.parse(await bench.shell.shell("cat /etc/protected-sites/host.json")) as {
    oauth2Proxy: object;
  };
  const shared = "/etc/nginx/conf.d/protected-sites.conf";
  const text = await bench.shell.shell(`cat ${shared}`);
  return (time) => {
    const host = {
      ...facts,
      oauth2Proxy: { ...facts.oauth2Proxy, version: time % 2 === 0 ? other : version },
    };
    return bench.shell.run(
      [program, "setup"],
      bundle([
        { name: "host.json", text: `${JSON.stringify(host, null, 2)}\n` },
        { name: "protected-sites.conf", link: shared, text: `${text.trimEnd()}\n` },
      ]),
    );
  };
}
