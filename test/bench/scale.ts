/**
 * `npm run bench:scale`: what an environment costs as it grows: `pulumi up` and previews with the real engine, in a lab of
 * its own. `--sites 1,10,50,100`, `--hosts 2`; both are lists. With `--beside FOLDER`, another checkout of this repository
 * with its packages does the same afterwards, in the same run and size for size.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { inOwnLab } from "../lab/own-lab.ts";

const { values } = parseArgs({
  options: {
    sites: { type: "string", default: "1,10,50,100" },
    hosts: { type: "string", default: "2" },
    beside: { type: "string" },
    lab: { type: "string" },
  },
});
const checkouts = [
  join(import.meta.dirname, "../.."),
  ...(values.beside === undefined ? [] : [resolve(values.beside)]),
];
const script = join(import.meta.dirname, "scale-in-lab.ts");
const most = Math.max(...values.hosts.split(",").map(Number));
const lab = values.lab === undefined ? [] : ["--lab", values.lab];
const args = [...lab, "--sites", values.sites, "--hosts", values.hosts, ...checkouts];
process.exit(await inOwnLab({ own: "bench-scale", hosts: most, script, args }));
