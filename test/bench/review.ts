/**
 * `npm run bench:review`: how long `npm run review` takes for 50 sites on 4 hosts, from cold, for a change of one site
 * and for one of all. CPU time is what counts where a machine has other things to do, too.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { stringify } from "yaml";

import { group, host, settings, siteArgs } from "../unit/review/environments.ts";

const sites = 50;
const hosts = 4;
const runs = 5;

const checkout = join(import.meta.dirname, "../..");

/** @param changed whether a site, by its number, has another time-out */
function environment(changed: (index: number) => boolean): string {
  const all = Array.from({ length: sites }, (_, index) => [
    `site-${index}`,
    siteArgs(`site-${index}`, 4000 + index, {
      allowedGroups: [group(1)],
      paths: [{ path: "/admin", allowedGroups: [group(2)] }],
      open: [{ path: "/health", why: "the monitoring asks here" }],
      ...(changed(index) ? { proxyReadTimeout: "90s" } : {}),
    }),
  ]);
  const config = settings({
    hosts: Array.from({ length: hosts }, (_, index) => host(index + 1)),
    sites: Object.fromEntries(all) as object,
  });
  return stringify({
    config: Object.fromEntries(
      Object.entries(config).map(([key, value]) => [`protected-sites:${key}`, value]),
    ),
  });
}

const folder = mkdtempSync(join(tmpdir(), "protected-sites-bench-"));
try {
  for (const name of ["components", "infra", "package.json", ".gitignore"])
    cpSync(join(checkout, name), join(folder, name), { recursive: true });
  symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
  const stack = join(folder, "stacks/Pulumi.prod.yaml");
  const git = (...args: string[]) =>
    execa("git", ["-c", "user.name=bench", "-c", "user.email=bench@example.com", ...args], { cwd: folder });
  cpSync(join(checkout, "stacks/schema.json"), join(folder, "stacks/schema.json"), { recursive: true });
  writeFileSync(
    stack,
    environment(() => false),
  );
  await git("init", "--quiet");
  writeFileSync(join(folder, ".git/info/exclude"), "node_modules\n");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=before");

  console.log(
    `${sites} sites, ${hosts} hosts; ${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, Node ${process.version}`,
  );
  for (const [title, changed] of [
    ["one site", (index: number) => index === 7],
    ["all sites", () => true],
  ] as const) {
    writeFileSync(stack, environment(changed));
    const measured: { wall: number; cpu: number }[] = [];
    for (let run = 0; run < runs; run += 1) {
      const timed = 'TIMEFORMAT="%R %U %S"; time "$0" infra/commands/main.js review --base HEAD >/dev/null';
      const { stderr } = await execa("bash", ["-c", timed, process.execPath], { cwd: folder });
      const [wall = 0, user = 0, system = 0] = stderr.trim().split(" ").map(Number);
      measured.push({ wall, cpu: user + system });
    }
    const median = (of: "wall" | "cpu") => measured.map((it) => it[of]).sort((a, b) => a - b)[runs >> 1] ?? 0;
    console.log(
      `${title.padEnd(9)}  ${median("wall").toFixed(2)} s, ${median("cpu").toFixed(2)} s of CPU (median of ${runs})`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
