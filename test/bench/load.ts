/** One measurement: load for some seconds, and what it took. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

import { execa } from "execa";

import { type Cgroup, membershipFile, usageOf } from "../lab/processes.ts";

/** What one measurement found. */
export interface Sample {
  readonly requestsPerSecond: number;
  /** Microseconds of the server's processor time for each request; backend and load are not in it. */
  readonly cpu: number;
  readonly p50: number;
  readonly p99: number;
  /** Connections that the server opened for each request. */
  readonly connections: number;
  /** What other programs took of the machine's processors, 0 to 1. */
  readonly otherLoad: number;
}

/** How many connections are kept open and busy. */
export const connections = 32;

/** Where the load comes from, in the root folder; wrk runs it at the end. */
export const report = `done = function(summary, latency)
  local of = summary.errors
  io.stderr:write(string.format('{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}',
    summary.requests, summary.duration, of.status, of.connect + of.read + of.write + of.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;

type Found = "requests" | "microseconds" | "refused" | "broken" | "p50" | "p99";

/**
 * @param all the cgroup of everything that belongs to the benchmark
 * @param server the cgroup of the server's processes
 * @throws where a request failed
 */
export async function measure(
  all: Cgroup,
  server: Cgroup,
  load: { readonly root: string; readonly url: string; readonly cookie: string; readonly seconds: number },
): Promise<Sample> {
  const before = await state(all, server);
  const header = load.cookie === "" ? [] : ["-H", `Cookie: ${load.cookie}`];
  const wrk = [
    "wrk",
    "-t1",
    `-c${connections}`,
    `-d${load.seconds}s`,
    "-s",
    "/bench/report.lua",
    ...header,
    load.url,
  ];
  const enter = ["-euc", 'echo 0 >"$1"; shift; exec "$@"', "sh", membershipFile(`${all}/load`)];
  const { stderr } = await execa("sh", [...enter, "chroot", load.root, ...wrk]);
  const after = await state(all, server);
  const done = JSON.parse(stderr) as Record<Found, number>;
  const { requests, refused, broken } = done;
  // A server may close a connection in the moment in which a request is sent; no answer may be another one.
  if (requests === 0 || refused > 0 || broken > requests / 100)
    throw new Error(`${load.url}: of ${requests} requests, ${refused} were refused and ${broken} broke off`);
  const passed = (after.time - before.time) * 1000 * availableParallelism();
  return {
    requestsPerSecond: done.requests / (done.microseconds / 1e6),
    cpu: (after.server - before.server) / done.requests,
    p50: done.p50,
    p99: done.p99,
    connections: Math.max(0, after.opened - before.opened - connections) / done.requests,
    otherLoad: Math.max(0, after.busy - before.busy - (after.all - before.all)) / passed,
  };
}

async function state(all: Cgroup, server: Cgroup) {
  const [own, whole, stat, snmp] = await Promise.all([
    usageOf(server),
    usageOf(all),
    readFile("/proc/stat", "utf8"),
    readFile("/proc/net/snmp", "utf8"),
  ]);
  const [, user = 0, nice = 0, system = 0, , , , , steal = 0] = (stat.split("\n")[0] ?? "")
    .split(/ +/)
    .map(Number);
  const [names = [], values = []] = snmp
    .split("\n")
    .filter((line) => line.startsWith("Tcp:"))
    .map((line) => line.split(" "));
  return {
    time: performance.now(),
    server: own,
    all: whole,
    /** In microseconds; /proc counts hundredths of a second. */
    busy: (user + nice + system + steal) * 10_000,
    opened: Number(values[names.indexOf("ActiveOpens")]),
  };
}
