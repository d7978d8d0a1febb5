/**
 * `npm test`: the checks, then every test there is. Unit and contract tests run as they are, end-to-end tests inside
 * labs of their own, which are removed at the end, however that comes. Two labs stand side by side, and each takes the
 * next file as soon as it is free; what needs no lab runs beside them: tests wait for hosts far longer than they compute.
 * The last line says how many passed.
 *
 * `--lab <name>` runs the end-to-end tests alone, in a lab that stays: from the second time on they begin in seconds.
 * Further arguments are parts of the names of the test files that are wanted; with `--update` their golden files are
 * written anew.
 *
 * `--on <system>` (test/lab/host-system.ts), once or more often, runs the end-to-end tests alone, on hosts of each.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { sample } from "./applications/all.ts";
import { installPhase } from "./applications/install.ts";
import { judgesPhase } from "./judges/programs.ts";
import { bringUpPhases, enginePhase } from "./lab/bring-up.ts";
import { ensureImage } from "./lab/image.ts";
import { enterCommand, labPhases, remove } from "./lab/lab.ts";
import { languagesPhase } from "./lab/languages.ts";
import { type Lock, lock } from "./lab/lock.ts";
import { ensureOauth2Proxy } from "./lab/oauth2-proxy.ts";
import { pebblePhase } from "./lab/pebble.ts";
import { type Phase, runPhases } from "./lab/phases.ts";
import { prometheusPhase } from "./lab/prometheus.ts";
import { type Count, interruption, run, vitest } from "./vitest-run.ts";

const ownInstances = ["test", "test-2"];
/** For hosts of other distributions than the machine's own. */
const otherInstances = ["hosts", "hosts-2"];
const root = join(import.meta.dirname, "..");

/** Files that take longest begin first, so that no lab is left with one of them at the end. */
const longest = ["faults", "rotation", "upgrade-from-release", "who-may-enter", "push", "removal", "secrets"];

/** Longer suites with commands of their own, of which others run the most telling part: its alerts, and `monitoring`. */
const onlyWhenNamed = ["dashboard", "languages"];

const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed, by job. */
const failures: string[] = [];

/** Something that a lab does; what does not need it takes its turn all the same. */
interface Job {
  readonly title: string;
  /** @param enter makes a command run inside the lab */
  readonly run: (output: (text: string) => void, enter: (command: string[]) => string[]) => Promise<Count>;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      "without-lab": { type: "string" },
      lab: { type: "string" },
      update: { type: "boolean", short: "u" },
      project: { type: "string", default: "e2e" },
      on: { type: "string", multiple: true, default: [] },
    },
    allowPositionals: true,
  });
  const update = values.update === true ? ["--update=all"] : [];
  const without = values["without-lab"];
  const { lab, project, on } = values;
  const interrupted = interruption();
  if (lab !== undefined) await inOneLab(lab, project, [...update, ...positionals], interrupted);
  else if (on.length > 0) for (const system of on) await onOther(system, positionals, interrupted);
  else if (without === undefined) await everything(update, positionals, interrupted);
  else {
    await Promise.race([outside([...update, ...positionals]), interrupted]);
    console.log(`\nLeft out: contract and end-to-end tests. What this machine lacks: ${without}.`);
  }
}

/** What needs no lab. */
async function outside(filters: readonly string[]): Promise<void> {
  for (const job of outsideJobs(filters).slice(0, 2)) await step(job.title, () => job.run(print, (it) => it));
}

function outsideJobs(filters: readonly string[]): Job[] {
  const check = async (output: (text: string) => void) => {
    const code = await run(["npm", "run", "--silent", "check"], output);
    return { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  };
  return [
    { title: "check", run: check },
    { title: "unit", run: (output) => vitest({ project: "unit", filters, output }) },
    { title: "contract", run: (output) => vitest({ project: "contract", filters, output }) },
    {
      title: "nginx",
      run: (output) => vitest({ project: "nginx", filters, enter: inNamespaces, output }),
    },
    {
      title: "judges",
      run: (output) => vitest({ project: "judges", filters, enter: inNamespaces, output }),
    },
  ];
}

async function everything(
  update: readonly string[],
  wanted: readonly string[],
  interrupted: Promise<never>,
): Promise<void> {
  const jobs = await endToEndJobs(update, wanted);
  const beside = outsideJobs([...update, ...wanted]);
  const instances = jobs.length > 1 ? ownInstances : ownInstances.slice(0, 1);
  if (wanted.length > 0) await inLabs(instances, jobs, interrupted, beside);
  else {
    process.env["APPLICATIONS"] ??= sample.join(",");
    await inLabs(instances, [...jobs, applicationsJob], interrupted, beside, [installPhase()]);
  }
}

/** The end-to-end tests on hosts of a distribution that is not the machine's. */
async function onOther(
  system: string,
  wanted: readonly string[],
  interrupted: Promise<never>,
): Promise<void> {
  process.env["LAB_SYSTEM"] = system;
  const before = { ...total };
  const jobs = await endToEndJobs([], wanted);
  await inLabs(jobs.length > 1 ? otherInstances : otherInstances.slice(0, 1), jobs, interrupted);
  console.log(
    `\non ${system}: ${total.passed - before.passed} passed, ${total.failed - before.failed} failed, ${total.skipped - before.skipped} skipped`,
  );
}

async function endToEndJobs(update: readonly string[], wanted: readonly string[]): Promise<Job[]> {
  const files = await endToEndFiles(wanted);
  return files.map((file) => ({
    title: basename(file, ".test.ts"),
    run: (output, enter) => vitest({ project: "e2e", filters: [...update, file], enter, output }),
  }));
}

/** A sample of the applications. It comes last, since its sites stay in the lab's stack. */
const applicationsJob: Job = {
  title: "applications",
  run: (output, enter) => vitest({ project: "applications", filters: [], enter, output }),
};

/**
 * Brings up labs, which take the jobs between them, and go at the end.
 * @param beside - Jobs that need no lab, done one after the other at the same time.
 * @param more - What else has to be installed first.
 */
async function inLabs(
  instances: readonly string[],
  jobs: Job[],
  interrupted: Promise<never>,
  beside: Job[] = [],
  more: readonly Phase[] = [],
): Promise<void> {
  const locks: Lock[] = [];
  const work = async () => {
    // A build of the engine leaves a core alone now and then, and the others wait for the network.
    const others = [imagePhase, oauth2ProxyPhase, pebblePhase, prometheusPhase, judgesPhase, ...more];
    await bringUp("programs", [enginePhase], others);
    for (const instance of instances) locks.push(await held(instance));
    await bringUp("labs", ...instances.map(labOf));
    console.log();
    const all = jobs.length + beside.length;
    const left = () => `${jobs.length + beside.length} of ${all} have not begun`;
    await Promise.all([
      takeTurns(beside, (command) => command, left),
      ...instances.map((instance) => takeTurns(jobs, (command) => enterCommand(instance, command), left)),
    ]);
  };
  try {
    await Promise.race([work(), interrupted]);
  } finally {
    for (const instance of instances) await remove(instance);
    for (const it of locks) await it.release();
  }
}

/** The steps of a lab that comes up beside others. */
function labOf(instance: string): readonly Phase[] {
  return bringUpPhases(instance, { fresh: true }).map(({ title, run }) => ({
    title: `${instance}: ${title}`,
    run,
  }));
}

const imagePhase: Phase = { title: "image", run: async (say) => (await ensureImage(say)).line };
const oauth2ProxyPhase: Phase = {
  title: "oauth2-proxy",
  run: async (say) => (await ensureOauth2Proxy(say)).line,
};

/** Takes one job after the other from the list, which others may take from as well. */
async function takeTurns(
  jobs: Job[],
  enter: (command: string[]) => string[],
  left: () => string,
): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const begin = Date.now();
    let said = "";
    const ended = await job.run((text) => (said += text), enter);
    add(job.title, ended);
    if (ended.failed > 0) console.log(`\n${said.trimEnd()}\n`);
    const tests = [`${ended.passed} passed`, ...(ended.failed > 0 ? [`${ended.failed} failed`] : [])];
    const time = `${((Date.now() - begin) / 1000).toFixed(1).padStart(5)} s`;
    console.log(`${time}  ${job.title.padEnd(20)}  ${tests.join(", ").padEnd(24)}  ${left()}`);
  }
}

/** Nginx's ports and files are its own there. */
function inNamespaces(command: string[]): string[] {
  return ["unshare", "--net", "--mount", ...command];
}

async function endToEndFiles(wanted: readonly string[]): Promise<string[]> {
  const files = (await readdir(join(root, "test", "e2e"))).filter((name) => name.endsWith(".test.ts"));
  const rank = (file: string) => {
    const place = longest.indexOf(basename(file, ".test.ts"));
    return place < 0 ? longest.length : place;
  };
  return files
    .map((name) => `test/e2e/${name}`)
    .filter((file) =>
      wanted.length === 0
        ? !onlyWhenNamed.includes(basename(file, ".test.ts"))
        : wanted.some((part) => file.includes(part)),
    )
    .sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
}

async function inOneLab(
  instance: string,
  project: string,
  filters: readonly string[],
  interrupted: Promise<never>,
): Promise<void> {
  // A machine is bare only once.
  const bare = project === "bare";
  const it = await held(instance);
  const enter = (command: string[]) => enterCommand(instance, command);
  const work = async () => {
    if (project === "applications") {
      // Its own set-up updates the stack, once for all sites. What is named are applications, not files.
      if (filters.length > 0) process.env["APPLICATIONS"] = filters.join(",");
      await bringUp("lab", [installPhase(), enginePhase, ...labPhases(instance)]);
      await step(project, () => vitest({ project, filters: [], enter }));
      return;
    }
    const languages = filters.includes("languages") ? [languagesPhase] : [];
    await bringUp("lab", [
      pebblePhase,
      prometheusPhase,
      ...bringUpPhases(instance, { fresh: bare, bare }),
      ...languages,
    ]);
    await step(project, () => vitest({ project, filters, enter }));
  };
  try {
    await Promise.race([work(), interrupted]);
  } finally {
    if (bare) await remove(instance);
    await it.release();
  }
}

function held(instance: string): Promise<Lock> {
  return lock(instance, (holder) => {
    console.log(`waiting for process ${holder}, which works on the lab "${instance}"`);
  });
}

async function step(title: string, work: () => Promise<Count>): Promise<void> {
  const begin = Date.now();
  console.log(`\n== ${title}`);
  add(title, await work());
  console.log(`== ${title}: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
}

async function bringUp(title: string, ...lanes: readonly (readonly Phase[])[]): Promise<void> {
  await step(title, async () => {
    await runPhases(...lanes);
    return { passed: 0, failed: 0, skipped: 0 };
  });
}

function add(title: string, { passed, failed, skipped, failures: titles = [] }: Count): void {
  failures.push(...titles.map((it) => `${title}: ${it}`));
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

function print(text: string): void {
  process.stdout.write(text);
}

const shared = await mkdtemp(join(tmpdir(), "protected-sites-run-"));
process.env["TEST_RUN"] = shared;
// Commands, and the engine's stand-ins at each update, start again and again: Node compiles their files once in a run.
process.env["NODE_COMPILE_CACHE"] = join(shared, "compiled");
try {
  await main();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  total.failed += 1;
}
await rm(shared, { recursive: true, force: true });
if (total.passed + total.failed === 0) {
  console.error("\nno test has run");
  process.exitCode ??= 1;
}
if (failures.length > 0) console.log(`\nFailed:\n\n${failures.join("\n\n")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(process.exitCode ?? (total.failed > 0 ? 1 : 0));
