/**
 * `npm run bench:block`: how long somebody who is blocked still gets in, by session store, in a lab of its own, while
 * somebody else is at work. `--sites 50`, `--hosts 3`, `--tries 20`.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";

import { inOwnLab } from "../lab/own-lab.ts";

const { values } = parseArgs({
  options: {
    sites: { type: "string", default: "50" },
    hosts: { type: "string", default: "3" },
    tries: { type: "string", default: "20" },
  },
});
const args = ["--sites", values.sites, "--tries", values.tries];
const script = join(import.meta.dirname, "block-in-lab.ts");
process.exit(await inOwnLab({ own: "bench-block", hosts: Number(values.hosts), script, args }));
