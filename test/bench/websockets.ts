/**
 * How many WebSockets the real Nginx holds with a site's file, what they cost in memory, and what is left of them after a
 * reload. People, Nginx and the application run on loopback in namespaces of their own, in as many processes as it takes
 * for none to have more files than it may.
 */
import cluster, { type Worker } from "node:cluster";
import { createServer } from "node:http";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { parseArgs } from "node:util";

import { execa } from "execa";
import { WebSocket, WebSocketServer } from "ws";

import { nginxSite } from "../../components/render/nginx/site.ts";
import { siteFrom } from "../../components/site/site.ts";
import { certificates, nginxRoot, startNginxIn } from "../access/nginx.ts";
import { ensureImage } from "../lab/image.ts";

/** After a reload, how long what is older may last. */
const shutdownSeconds = 10;
const workers = 4;
const site = siteFrom("wiki", {
  domain: "wiki.test",
  port: 4180,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["example.com"],
  certificates,
  open: [{ path: "/ws", why: "What is measured is the connection, not who may open it." }],
});

/** The application: sends back whatever it gets. */
function application(): void {
  const server = createServer();
  new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) => {
    socket.on("message", (data) => {
      socket.send(data as Buffer, { binary: false });
    });
  });
  server.listen({ port: 3000, host: "127.0.0.1", backlog: 4096 });
}

/** Opens so many, asks each once, and tells how many answered; then how many have ended whenever that is asked. */
async function people(count: number): Promise<void> {
  let answered = 0;
  let ended = 0;
  const open = async () => {
    const socket = new WebSocket("wss://wiki.test/ws", {
      createConnection: () =>
        connect({ host: "127.0.0.1", port: 443, servername: "wiki.test", rejectUnauthorized: false }),
      perMessageDeflate: false,
    });
    socket.on("close", () => (ended += 1)).on("error", () => undefined);
    await once(socket, "open");
    socket.send("Who is there?");
    await once(socket, "message");
    answered += 1;
  };
  const turns = Array.from({ length: 20 }, async () => {
    for (let number = 0; number < count / 20; number += 1) await open().catch(() => undefined);
  });
  process.on("message", () => process.send?.({ answered, ended }));
  await Promise.all(turns);
  process.send?.({ answered, ended });
}

interface Told {
  readonly answered: number;
  readonly ended: number;
}

const told = async (worker: Worker): Promise<Told> => ((await once(worker, "message")) as [Told])[0];

/** Nginx's own processes, and the MB of memory that they have for themselves or share. */
async function memoryOf(master: number): Promise<{ processes: number; megabytes: number }> {
  const children = await readFile(`/proc/${master}/task/${master}/children`, "utf8");
  const processes = [String(master), ...children.trim().split(" ").filter(Boolean)];
  let kilobytes = 0;
  for (const id of processes) {
    const text = await readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "");
    kilobytes += Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return { processes: processes.length, megabytes: Math.round(kilobytes / 1000) };
}

async function measure(count: number): Promise<void> {
  const { root, put, close } = await nginxRoot(new Map([[site.domain, nginxSite(site)]]));
  const conf = await readFile(join(root, "etc/nginx/nginx.conf"), "utf8");
  const head = `worker_rlimit_nofile ${await hardLimit()};\nworker_shutdown_timeout ${shutdownSeconds}s;\n`;
  await put(
    "/etc/nginx/nginx.conf",
    head +
      conf
        .replace(/worker_processes .*/, `worker_processes ${workers};`)
        .replace(/worker_connections .*/, "worker_connections 40960;"),
  );
  const { nginx, stop } = await startNginxIn(root);
  const master = nginx.pid ?? 0;
  try {
    const applications = [cluster.fork({ ROLE: "application" }), cluster.fork({ ROLE: "application" })];
    await Promise.all(applications.map((it) => once(it, "listening")));
    const before = await memoryOf(master);
    const crowd = [0, 1].map(() => cluster.fork({ ROLE: "people", COUNT: String(count / 2) }));
    const opened = (await Promise.all(crowd.map(told))).reduce((sum, { answered }) => sum + answered, 0);
    const held = await memoryOf(master);
    console.log(`WebSockets that were opened and answered: ${opened} of ${count}`);
    console.log(`Nginx before: ${before.megabytes} MB; with them: ${held.megabytes} MB`);
    console.log(
      `for each WebSocket: ${Math.round(((held.megabytes - before.megabytes) * 1000) / opened)} kB`,
    );

    process.kill(master, "SIGHUP");
    await sleep(1000);
    const reloaded = await memoryOf(master);
    console.log(`after a reload: ${reloaded.processes} processes, ${reloaded.megabytes} MB`);
    await sleep(shutdownSeconds * 1000);
    const ended = await allEnded(crowd, opened);
    const after = await memoryOf(master);
    console.log(
      `${shutdownSeconds} s later: ${after.processes} processes, ${after.megabytes} MB, ${ended} of ${opened} ended`,
    );
    if (opened !== count || ended !== opened) process.exitCode = 1;
  } finally {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill("SIGKILL");
    await stop();
    await close();
  }
}

/** Waits until all have ended, for as long as 20,000 of them may take to notice. */
async function allEnded(crowd: readonly Worker[], opened: number): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    const answers = crowd.map(told);
    for (const worker of crowd) worker.send("How many?");
    const ended = (await Promise.all(answers)).reduce((sum, it) => sum + it.ended, 0);
    if (ended === opened || tries === 30) return ended;
    await sleep(500);
  }
}

async function hardLimit(): Promise<number> {
  const text = await readFile("/proc/self/limits", "utf8");
  return Number(/^Max open files +\d+ +(\d+)/m.exec(text)?.[1] ?? 1024);
}

const { values } = parseArgs({
  options: { inside: { type: "boolean" }, count: { type: "string", default: "20000" } },
});
if (process.env["ROLE"] === "application") application();
else if (process.env["ROLE"] === "people") await people(Number(process.env["COUNT"]));
else if (values.inside === true) await measure(Number(values.count));
else {
  // Made here, since packages come over the network.
  await ensureImage(console.error);
  const again = [import.meta.filename, "--inside", ...process.argv.slice(2)];
  // A person's connections alone take 20,000 ports of one address.
  const script = 'echo "1024 65535" >/proc/sys/net/ipv4/ip_local_port_range; exec "$@"';
  const { exitCode } = await execa(
    "unshare",
    ["--net", "--mount", "sh", "-euc", script, "sh", process.execPath, ...again],
    { stdio: "inherit", reject: false },
  );
  process.exitCode = exitCode ?? 1;
}
