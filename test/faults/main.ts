/**
 * Tries every fault on the lab that this process runs in, tells what happens, and ends with a table. `--critical` tries
 * each only the most critical, `--every <n>` at every n-th step. `--random <n>` pushes as often, each time with another
 * fault, which `--seed <n>` chooses; `--load` counts what people notice of pushes, restarts and upgrades on a host with
 * `--sites <n>` sites.
 */
import { parseArgs } from "node:util";

import Table from "cli-table3";

import { thisLab } from "../lab/lab.ts";
import { Bench } from "./bench.ts";
import { faults } from "./faults.ts";
import { underLoad } from "./load.ts";
import { randomRun } from "./random.ts";

const { values, positionals } = parseArgs({
  options: {
    critical: { type: "boolean" },
    every: { type: "string", default: "1" },
    random: { type: "string" },
    load: { type: "boolean" },
    sites: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
  },
  allowPositionals: true,
});
const lab = await thisLab();
if (values.random !== undefined) {
  const { pushes, asked, failures, problems } = await randomRun(lab.name, {
    pushes: Number(values.random),
    seed: Number(values.seed),
    hosts: lab.hosts.length,
    say: console.log,
  });
  console.log(`\n${failures.join("\n")}`);
  console.log(
    `\nseed ${values.seed}: ${pushes} pushes, ${problems.length} problems; ${asked} requests, ${failures.length} of somebody signed in failed`,
  );
  process.exit(problems.length === 0 ? 0 : 1);
}
if (values.load === true) {
  const bench = await Bench.open(lab.name);
  await bench.askers.stop();
  const ok = await underLoad(bench, Number(values.sites), console.log);
  await bench.close();
  process.exit(ok ? 0 : 1);
}
const wanted = faults.filter(
  ({ title, kind }) =>
    positionals.length === 0 || positionals.some((word) => title.includes(word) || String(kind) === word),
);
const which = values.critical === true ? "critical" : Number(values.every);
const table = new Table({
  style: { head: [], border: [] },
  head: [
    "kind",
    "fault",
    "tried",
    "left old",
    "left new",
    "in part",
    "else",
    "longest to rest, s",
    "asked",
    "failed",
  ],
});
const total = { tried: 0, wrong: 0 };
const bench = await Bench.open(lab.name);
try {
  for (const { kind, title, tries } of wanted) {
    const count = { tried: 0, old: 0, new: 0, part: 0, wrong: 0, rest: 0, asked: 0, failed: 0 };
    const begin = Date.now();
    const took = () => `${((Date.now() - begin) / 1000).toFixed(0).padStart(4)} s`;
    console.log(`\n${kind} ${title}`);
    try {
      for await (const { step, live, problems, rest, heard, tried = 1 } of tries(bench, which)) {
        count.tried += tried;
        if (live === "old") count.old += 1;
        if (live === "new") count.new += 1;
        if (live === "part") count.part += 1;
        if (problems.length > 0) count.wrong += 1;
        count.rest = Math.max(count.rest, rest);
        count.asked += heard.asked;
        count.failed += heard.failures.length;
        console.log(
          `${took()}  ${live}  ${step}${problems.map((problem) => `\n         WRONG ${problem.replaceAll("\n", "\n         ")}`).join("")}`,
        );
      }
    } catch (error) {
      count.wrong += 1;
      console.log(
        `${took()}  could not be tried: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
    table.push([
      kind,
      title,
      count.tried,
      count.old,
      count.new,
      count.part,
      count.wrong,
      (count.rest / 1000).toFixed(1),
      count.asked,
      count.failed,
    ]);
    total.tried += count.tried;
    total.wrong += count.wrong;
  }
} finally {
  await bench.close();
}
console.log(
  `\n${table.toString()}\n${total.tried} tries, ${total.wrong} left anything but the old or the new state`,
);
process.exit(total.wrong === 0 ? 0 : 1);
