/**
 * `npm run test:faults`: tries every fault in a lab of its own, which is removed at the end, however that comes. Exit
 * code 0: nothing left anything but the old or the new state.
 *
 * Arguments are parts of the titles of the faults that are wanted, or the numbers of their kinds. `--lab <name>` uses a
 * lab that stays; the other options are those of main.ts.
 */
import { join } from "node:path";

import { inOwnLab } from "../lab/own-lab.ts";

const script = join(import.meta.dirname, "main.ts");
process.exit(await inOwnLab({ own: "faults", hosts: 3, script, args: process.argv.slice(2) }));
