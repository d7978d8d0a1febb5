/** Prometheus' own judge of rules, from Debian's package; the package itself would start a server. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";

import { madeOnce } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";
import type { Phase } from "./phases.ts";

/** Before a lab is entered, which has no way to Debian. */
export const promtoolPhase: Phase = {
  title: "promtool",
  run: async () => {
    await ensurePromtool();
    return "Debian's";
  },
};

/** Path of promtool, unpacked on first use and kept in the cache. */
export async function ensurePromtool(): Promise<string> {
  const directory = join(cacheDirectory(), "promtool");
  const program = join(directory, "usr/bin/promtool");
  if (existsSync(program)) return program;
  await madeOnce(directory, async (aside) => {
    // apt gives up its rights to fetch, unless it is told to keep them.
    const asRoot = ["-o", "APT::Sandbox::User=root"];
    const download = () => execa("apt-get", [...asRoot, "-q", "download", "prometheus"], { cwd: aside });
    await download().catch(async () => {
      await execa("apt-get", ["-q", "update"]);
      await download();
    });
    await execa("sh", ["-euc", "dpkg -x prometheus_*.deb . && rm prometheus_*.deb"], { cwd: aside });
  });
  return program;
}
