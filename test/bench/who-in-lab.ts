/** What who.ts runs inside the lab: measures, and prints a table for docs/benchmarks.md. */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { execa } from "execa";

import { program } from "../../components/host/program.ts";
import type { Who } from "../../infra/who.ts";
import { lab, people } from "../e2e/instance.ts";
import { endConnections, everywhere, shellOn } from "../e2e/on-hosts.ts";
import { visitorOf } from "../e2e/people.ts";
import { navigation } from "../lab/http.ts";
import { extent, markdown, median } from "./table.ts";

const { values } = parseArgs({
  options: { lines: { type: "string", default: "1000000" }, rounds: { type: "string", default: "7" } },
});
const [lines, rounds] = [Number(values.lines), Number(values.rounds)];
const each = Math.ceil(lines / lab.hosts.length);
const domain = "code.lab.test";
const log = `/var/log/nginx/${domain}.log`;

/** Of the 23 hours before, evenly: 300 people at three addresses each, otherwise copies of the log's last line. */
const fill = `
import datetime, random
line = open("${log}").readlines()[-1]
began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=23)
with open("${log}.1", "w") as file:
    for number in range(${each}):
        time = (began + datetime.timedelta(seconds=number * 80000 / ${each})).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        user, client = f"user-{random.randrange(300)}@lab.test", f"10.0.0.{random.randrange(3)}"
        file.write(line.replace("${people.ada.userPrincipalName}", user).replace(line[9:34], time).replace('"client":"', f'"client":"{client}-', 1))
print(len(line))
`;

/** A line of somebody who is signed in on each host. */
async function visit(): Promise<void> {
  for (const { address } of lab.hosts) {
    const visitor = visitorOf(lab, () => address);
    const page = await visitor.open(`https://${domain}/`, { headers: navigation });
    const { status } = await visitor.signIn(page, people.ada);
    if (status !== 200) throw new Error(`the sign-in on ${address} ended with ${status}`);
  }
}

/** What an operator types, without npm. */
async function who(since: string) {
  const main = join(import.meta.dirname, "../../infra/commands/main.js");
  const stack = ["--stack", "local", "--folder", join(lab.state, "stack"), "--identity", lab.adminKey];
  await everywhere(endConnections); // so that each run has to connect, as somebody's first question has
  const start = performance.now();
  const { stdout } = await execa(process.execPath, [main, "who", ...stack, "--since", since, "--json"]);
  const seconds = (performance.now() - start) / 1000;
  const { uses, unnamed } = JSON.parse(stdout) as Who;
  const read = [...uses, ...unnamed].reduce((sum, { requests }) => sum + requests, 0);
  console.error(`--since ${since}: ${seconds.toFixed(2)} s (load ${(loadavg()[0] ?? 0).toFixed(1)})`);
  return { seconds, read, rows: uses.length };
}

/** CPU seconds of a host's own program. */
async function cpuOn(host: string): Promise<number> {
  const run = `
import os, subprocess
subprocess.run(["${program}", "who"], input=b'{"since": 0}', stdout=subprocess.DEVNULL, check=True)
print(sum(os.times()[2:4]))`;
  return Number(await shellOn(host, "python3 -", run));
}

await visit();
const [bytes = ""] = await everywhere("cat > /run/fill.py; python3 /run/fill.py; rm /run/fill.py", fill);
try {
  const table: string[][] = [];
  for (const since of ["24h", "1h"]) {
    const runs = [];
    for (let round = 0; round < rounds; round++) runs.push(await who(since));
    const seconds = extent(runs.map((it) => it.seconds)).map((it) => it.toFixed(1));
    const { read, rows } = runs[0] ?? { read: 0, rows: 0 };
    table.push([since, String(read), String(rows), seconds.join(" / ")]);
  }
  console.log(markdown(["`--since`", "Lines", "Rows", "Seconds: min / median / max"], table));
  const cpu = await Promise.all(lab.hosts.map(({ name }) => cpuOn(name)));
  const load = loadavg().map((it) => it.toFixed(1));
  console.log(
    `\n${each * lab.hosts.length} lines of ${bytes} bytes on ${lab.hosts.length} hosts, each of which needs ${median(cpu).toFixed(1)} s of CPU for its own. ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "processor"}, load ${load.join(" / ")} at the end.`,
  );
} finally {
  await everywhere(`rm ${log}.1`);
}
