/**
 * `npm run test:faults`: tries every fault in a lab of its own, which is removed at the end, however that comes. Exit
 * code 0: nothing left anything but the old or the new state.
 *
 * Arguments are parts of the titles of the faults that are wanted, or the numbers of their kinds. `--lab <name>` uses a
 * lab that stays; the other options are those of main.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { bringUpPhases } from "../lab/bring-up.ts";
import { enterCommand, remove } from "../lab/lab.ts";
import { lock } from "../lab/lock.ts";
import { runPhases } from "../lab/phases.ts";

const own = "faults";
const args = process.argv.slice(2);
const at = args.indexOf("--lab");
const [, name = own] = at < 0 ? [] : args.splice(at, 2);
const fresh = name === own;

const held = await lock(name, (holder) => {
  console.log(`waiting for process ${holder}, which works on the lab "${name}"`);
});
let code: number | null = 1;
try {
  await runPhases(bringUpPhases(name, { fresh, hosts: fresh ? 3 : 2 }));
  const command = [process.execPath, join(import.meta.dirname, "main.ts"), ...args];
  const [file = "", ...rest] = enterCommand(name, command);
  const running = spawn(file, rest, { stdio: ["ignore", "inherit", "inherit"] });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => running.kill(signal));
  [code] = (await once(running, "exit")) as [number | null];
} finally {
  if (fresh) await remove(name);
  await held.release();
}
process.exit(code ?? 1);
