/**
 * `npm run bench:who`: how long `npm run who` takes over long access logs, in a lab of its own with three hosts.
 * `--lines 1000000` on all hosts together, `--rounds 7`.
 */
import { join } from "node:path";

import { inOwnLab } from "../lab/own-lab.ts";

const script = join(import.meta.dirname, "who-in-lab.ts");
process.exit(await inOwnLab({ own: "bench-who", hosts: 3, script, args: process.argv.slice(2) }));
