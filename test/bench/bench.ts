/**
 * `npm run bench`: how much a request costs behind this project's sites, beside Nginx alone and Apache's
 * mod_auth_openidc. All servers run at the same time, in a network of their own; each is loaded in turn, round after
 * round, so that a machine whose speed changes changes all of them. Prints a table.
 */
import { cp, readdir, truncate } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { execa } from "execa";

import { certify, makeAuthority } from "../lab/certificates.ts";
import { Trial, type TrialApplication } from "../lab/entra/trial.ts";
import { Visitor } from "../lab/entra/visitor.ts";
import { navigation } from "../lab/http.ts";
import { ensureImage } from "../lab/image.ts";
import { ensureOauth2Proxy, type Oauth2Proxy } from "../lab/oauth2-proxy.ts";
import { cgroupOf, end, makeCgroup, membershipFile, start } from "../lab/processes.ts";
import { scratchRoot } from "../lab/scratch-root.ts";
import { connections, measure, report, type Sample } from "./load.ts";
import { authorities, certificates, hostOf, prepareBackend, put, type Server, servers } from "./servers.ts";
import { table } from "./table.ts";

const packages = ["apache2", "libapache2-mod-auth-openidc", "redis-server", "wrk"];
const instance = "bench";
const entraAddress = "127.0.0.2";
/** From this share of the processors on, other programs disturb a measurement. */
const disturbing = 0.1;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "3" },
    inside: { type: "boolean" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

async function outside(): Promise<number> {
  // Made here, since packages come over the network.
  await ensureImage(console.error, packages);
  await ensureOauth2Proxy(console.error);
  await end(cgroupOf(instance));
  const again = [import.meta.filename, "--inside", `--rounds=${rounds}`, `--seconds=${seconds}`];
  // Whatever ends this process takes all of it along.
  const apart = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  try {
    const { exitCode } = await execa("unshare", [...apart, process.execPath, ...again], {
      stdio: "inherit",
      reject: false,
    });
    return exitCode ?? 1;
  } finally {
    await end(cgroupOf(instance));
  }
}

async function inside(): Promise<void> {
  const all = cgroupOf(instance);
  await makeCgroup(cgroupOf(instance, "load"));
  await makeCgroup(cgroupOf(instance, "harness"));
  await put("/", membershipFile(cgroupOf(instance, "harness")), "0");
  await execa("ip", ["link", "set", "lo", "up"]);
  const { root } = await scratchRoot(await ensureImage(console.error, packages));
  const trial = await Trial.start({ listen: entraAddress, port: 443 });
  const authority = await makeAuthority(instance);
  await prepareRoot(root, trial, authority, await ensureOauth2Proxy(console.error));

  await run(root, "backend", [await prepareBackend(root)]);
  const cookies = new Map<Server, string>();
  for (const server of servers) {
    const application = await register(trial, server);
    await run(root, server.name, await server.prepare(root, application));
    const own = await signedIn(server, trial, authority.certificate);
    const sent = servers.find(({ name }) => name === server.cookiesOf) ?? server;
    cookies.set(server, cookies.get(sent) ?? own);
  }

  const samples = new Map<Server, Sample[]>(servers.map((server) => [server, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [server, found] of samples) {
      const load = { root, url: `https://${hostOf(server.name)}/`, cookie: cookies.get(server) ?? "" };
      // The first round warms everything up, and counts for nothing.
      const sample = await measure(all, cgroupOf(instance, server.name), {
        ...load,
        seconds: round === 0 ? 1 : seconds,
      });
      if (round > 0) found.push(sample);
      await emptyLogs(root);
    }
    if (round > 0) console.error(`round ${round} of ${rounds}`);
  }
  await trial.close();

  console.log(table(samples, cookies));
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "processor"}`;
  const day = new Date().toISOString().slice(0, 10);
  console.log(`\n${day}, ${machine}, ${rounds} rounds of ${seconds} s, ${connections} connections.`);
  const counted = [...samples.values()].flat();
  const disturbed = counted.filter(({ otherLoad }) => otherLoad > disturbing).length;
  const share = Math.max(...counted.map(({ otherLoad }) => otherLoad));
  console.log(
    disturbed === 0
      ? `Quiet: other programs took at most ${percent(share)} of the processors.`
      : `NOT QUIET: in ${disturbed} of ${counted.length} measurements other programs took more than ${percent(disturbing)} of the processors, at most ${percent(share)} (load ${loadavg()[0]?.toFixed(1) ?? "?"}). Compare nothing but what stands in this table.`,
  );
}

async function prepareRoot(
  root: string,
  trial: Trial,
  authority: { readonly certificate: string; readonly key: string },
  oauth2Proxy: Oauth2Proxy,
): Promise<void> {
  const site = await certify(authority, ["*.bench.test"]);
  await put(root, join(certificates, "fullchain.pem"), site.certificate);
  await put(root, join(certificates, "privkey.pem"), site.key);
  await put(root, authorities, trial.ca);
  await put(root, "/bench/report.lua", report);
  const names = [
    [entraAddress, "login.microsoftonline.com", "graph.microsoft.com"],
    ...servers.map(({ address, name }) => [address, hostOf(name)]),
  ];
  await put(root, "/etc/hosts", names.map((line) => `${line.join(" ")}\n`).join(""));
  // wrk looks the port up.
  await put(root, "/etc/services", "https 443/tcp\n");
  await cp(oauth2Proxy.program, join(root, "/usr/local/bin/oauth2-proxy"));
}

/** Starts commands in the root folder, one after the other, in the server's own cgroup. */
async function run(root: string, name: string, commands: readonly (readonly string[])[]): Promise<void> {
  for (const [index, command] of commands.entries()) {
    const log = join(root, "/bench/logs", `${name}.${index}`);
    await start({ cgroup: cgroupOf(instance, name), command: ["chroot", root, ...command], log });
  }
}

async function register(trial: Trial, { name }: Server): Promise<TrialApplication> {
  const redirectUris = [`https://${hostOf(name)}/oauth2/callback`];
  return trial.register({ application: { displayName: name, web: { redirectUris } } });
}

/** Signs in as ada. @returns her cookies, once the backend has seen her with them */
async function signedIn({ name, address, signsIn }: Server, trial: Trial, ca: string): Promise<string> {
  const url = `https://${hostOf(name)}/`;
  const visitor = new Visitor({
    ca: `${trial.ca}\n${ca}`,
    resolve: (host) => ({ address: host.endsWith(".bench.test") ? address : entraAddress }),
  });
  const page = await patiently(async () => {
    const opened = await visitor.open(url, { headers: navigation });
    if (opened.status >= 500) throw new Error(`${url}: ${opened.status}`);
    return opened;
  });
  const { userPrincipalName } = trial.users.ada;
  const [wanted, seen] = signsIn
    ? [userPrincipalName, await visitor.signIn(page, trial.users.ada)]
    : ["Hello", page];
  if (seen.status !== 200 || !seen.body.includes(wanted))
    throw new Error(`${url}: ${userPrincipalName} must reach the backend, got ${seen.status} ${seen.body}`);
  return visitor.cookieHeader(url);
}

/** A server that has just been started may not listen yet, nor its Redis. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++)
    try {
      return await work();
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(100);
    }
}

/** They lie in memory. */
async function emptyLogs(root: string): Promise<void> {
  for (const folder of ["nginx", "apache2"])
    for (const name of await readdir(join(root, "/var/log", folder)))
      await truncate(join(root, "/var/log", folder, name));
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

if (values.inside === true) {
  // The first process of its namespace: without these it could not be interrupted.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
  await inside();
  process.exit();
} else process.exitCode = await outside();
