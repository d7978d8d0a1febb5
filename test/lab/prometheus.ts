/** Prometheus, its judge of rules and the node exporter, from Debian's packages, which themselves would start servers. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";

import { madeOnce } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";
import type { Phase } from "./phases.ts";

/** Paths of the programs. */
export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
  readonly nodeExporter: string;
}

/** Before a lab is entered, which has no way to Debian. */
export const prometheusPhase: Phase = {
  title: "Prometheus",
  run: async () => {
    await ensurePrometheus();
    return "Debian's";
  },
};

/** The programs, unpacked on first use and kept in the cache. */
export async function ensurePrometheus(): Promise<PrometheusPrograms> {
  const directory = join(cacheDirectory(), "prometheus");
  const program = (name: string) => join(directory, "usr/bin", name);
  const programs = {
    prometheus: program("prometheus"),
    promtool: program("promtool"),
    nodeExporter: program("prometheus-node-exporter"),
  };
  if (existsSync(directory)) return programs;
  await madeOnce(directory, async (aside) => {
    // apt gives up its rights to fetch, unless it is told to keep them.
    const asRoot = ["-o", "APT::Sandbox::User=root"];
    const packages = ["prometheus", "prometheus-node-exporter"];
    const download = () => execa("apt-get", [...asRoot, "-q", "download", ...packages], { cwd: aside });
    await download().catch(async () => {
      await execa("apt-get", ["-q", "update"]);
      await download();
    });
    await execa("sh", ["-euc", "for it in *.deb; do dpkg -x $it .; done; rm *.deb"], { cwd: aside });
  });
  return programs;
}
