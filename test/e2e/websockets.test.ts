/** WebSockets over pushes: how long they last, and how many a host holds. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";

import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";

import { bundle } from "../../components/host/bundle.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import { siteFrom } from "../../components/site/site.ts";
import { addresses } from "../lab/addresses.ts";
import { tenantId } from "../sites.ts";
import { lab } from "./instance.ts";
import { runOn, shellOn } from "./on-hosts.ts";

const [host = { name: "", address: "" }] = lab.hosts;
const program = "/usr/local/sbin/protected-sites";
const shell = (script: string) => shellOn(host.name, script);

/** What the stack has pushed and set up, and gets back. */
let before: string;
let setUp: string;
/** Keeps each push another one. */
let seconds = 60;

beforeAll(async () => {
  before = await shell("cat /etc/protected-sites/sites/code.lab.test/current/bundle");
  setUp = await shell("cat /var/lib/protected-sites/setup");
  expect(setUp).toContain('"workerShutdownTimeout": "10m"');
  await runOn(host.name, [program, "setup"], `${setUp.replace('Timeout": "10m"', 'Timeout": "2s"')}\n`);
});

afterAll(async () => {
  await runOn(host.name, [program, "push"], `${before}\n`);
  await runOn(host.name, [program, "setup"], `${setUp}\n`);
});

async function push(more: Partial<SiteSettings> = {}): Promise<void> {
  const site = siteFrom("code", {
    domain: "code.lab.test",
    port: 4180,
    upstream: `http://${addresses.applications}:8001`,
    emailDomains: ["lab.test"],
    open: [{ path: "/ws", methods: ["GET"], why: "A test." }],
    proxyReadTimeout: `${(seconds += 1)}s`,
    ...more,
  });
  const files = siteFiles(site, { tenantId, allowVulnerableOauth2Proxy: true });
  await runOn(host.name, [program, "push"], bundle(files));
}

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`wss://${host.address}/ws`, {
    headers: { host: "code.lab.test" },
    createConnection: () => tlsConnect({ host: host.address, port: 443, servername: "code.lab.test" }),
  });
  await once(socket, "open");
  return socket;
}

async function closed(socket: WebSocket): Promise<void> {
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, "close");
}

const oldWorkers = async () =>
  Number(await shell("pgrep -cf '[n]ginx: worker process is shutting down' || true"));

test("a push closes older WebSockets, and ends the old workers, within workerShutdownTimeout", async () => {
  await push();
  const sockets: WebSocket[] = [];
  for (let pushes = 0; pushes < 3; pushes += 1) {
    sockets.push(await open());
    await push();
  }
  for (const socket of sockets) await closed(socket);
  while ((await oldWorkers()) > 0) await sleep(100);

  const last = await open();
  await push({ maintenance: "The database moves." });
  await closed(last);
});

test("a host has capacity for 20,000 WebSockets, and reports how much is in use", async () => {
  await push();
  // A machine that forbids more to root's processes has what it allows.
  const most = Math.min(65_536, Number(await shell("ulimit -Hn")));
  const processes = `$(cat /run/nginx.pid) $(pgrep -f 'nginx: worker process$')`;
  const limits = await shell(
    `for it in ${processes}; do sed -n 's/^Max open files *\\([0-9]*\\).*/\\1/p' /proc/$it/limits; done`,
  );
  for (const limit of limits.split("\n")) expect(Number(limit)).toBe(most);
  const used = async () => {
    const told = await shell(`${program} metrics`);
    const [connections = 0, limit] = ["connections", "connections_limit"].map((name) =>
      Number(new RegExp(`^protected_sites_nginx_${name} (\\d+)$`, "m").exec(told)?.[1]),
    );
    // One worker may get all of them, and each is two connections.
    expect(limit).toBe(Math.min(40_960, most));
    return connections;
  };
  const none = await used();
  const sockets = await Promise.all(Array.from({ length: 20 }, open));
  expect(await used()).toBeGreaterThan(none + 15);
  for (const socket of sockets) socket.close();
});

test("an administrator's own limits of Nginx are kept, and drift from ours is reported and repaired", async () => {
  const own = "/etc/nginx/modules-enabled/own.conf";
  const count = (number: number) =>
    shell(`sed -Ei 's/(worker_connections) [0-9]+/\\1 ${number}/' /etc/nginx/nginx.conf`);
  await shell(
    `echo 'worker_rlimit_nofile 99999;' >${own}; rm /etc/nginx/modules-enabled/zz-protected-sites.conf`,
  );
  await count(512);
  const status = await shell(`${program} status || true`);
  expect(status).toContain("zz-protected-sites.conf differs");
  expect(status).toContain("nginx.conf has fewer than 40960 worker_connections");
  await runOn(host.name, [program, "setup"], `${setUp}\n`);
  const whole = await shell("nginx -T 2>/dev/null");
  expect(
    whole.match(/^\s*worker_(?:connections|rlimit_nofile|shutdown_timeout) .*/gm)?.map((it) => it.trim()),
  ).toEqual(["worker_connections 40960;", "worker_rlimit_nofile 99999;", "worker_shutdown_timeout 10m;"]);
  await count(50_000);
  await shell(`rm ${own}`);
  await runOn(host.name, [program, "setup"], `${setUp}\n`);
  expect(await shell("nginx -T 2>/dev/null | grep -E '^[^#]*worker_(conn|rlimit)'")).toMatch(
    /worker_connections 50000;\s+worker_rlimit_nofile \d+;/,
  );
  await count(40_960);
});
