/**
 * `npm run bench:scale`: what an environment costs as it grows: `pulumi up` and previews with the real engine, and the push
 * program alone, in a lab of its own.
 *
 * - `--sites 1,10,50`, `--hosts 2`: both are lists.
 * - `--beside FOLDER`: another checkout of this repository with its packages does the same afterwards, in the same run
 *   and size for size.
 * - `--ansible`: Ansible brings the same files, too.
 * - `--out FILE`: writes the figures as JSON (scale-figures.ts), from which scale-plot.ts draws.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { inOwnLab } from "../lab/own-lab.ts";
import { ensureAnsible } from "./ansible.ts";

const { values } = parseArgs({
  options: {
    sites: { type: "string", default: "1,10,50" },
    hosts: { type: "string", default: "2" },
    beside: { type: "string" },
    ansible: { type: "boolean", default: false },
    out: { type: "string" },
    lab: { type: "string" },
  },
});
for (const option of ["sites", "hosts"] as const)
  if (!/^[1-9]\d*(?:,[1-9]\d*)*$/.test(values[option]))
    throw new Error(`--${option} must be numbers from 1, such as 1,10, got "${values[option]}"`);
if (values.ansible) await ensureAnsible();
const args = [
  ...(values.lab === undefined ? [] : ["--lab", values.lab]),
  ...["--sites", values.sites, "--hosts", values.hosts],
  ...["--checkout", join(import.meta.dirname, "../..")],
  ...(values.beside === undefined ? [] : ["--beside", resolve(values.beside)]),
  ...(values.ansible ? ["--ansible"] : []),
  ...(values.out === undefined ? [] : ["--out", resolve(values.out)]),
];
const script = join(import.meta.dirname, "scale-in-lab.ts");
const most = Math.max(...values.hosts.split(",").map(Number));
process.exit(await inOwnLab({ own: "bench-scale", hosts: most, script, args }));
