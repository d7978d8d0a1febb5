/** Programs that want a lab for themselves, which is removed at the end, however that comes. */
import { spawn } from "node:child_process";
import { once } from "node:events";

import { bringUpPhases } from "./bring-up.ts";
import { enterCommand, remove } from "./lab.ts";
import { lock } from "./lock.ts";
import { runPhases } from "./phases.ts";

/** What runs where. */
export interface InOwnLabArgs {
  /** Name of the lab that is made for it and removed. */
  readonly own: string;
  /** How many hosts that one has. */
  readonly hosts: number;
  /** The program, which runs inside the lab. */
  readonly script: string;
  /** Its arguments. `--lab <name>` among them is for a lab that stays, with the usual hosts. */
  readonly args: readonly string[];
}

/** Runs a script of this project in a lab that is up to date. Returns its exit code. */
export async function inOwnLab({ own, hosts, script, args: given }: InOwnLabArgs): Promise<number> {
  const args = [...given];
  const at = args.indexOf("--lab");
  const [, name = own] = at < 0 ? [] : args.splice(at, 2);
  const fresh = name === own;
  const held = await lock(name, (holder) => {
    console.log(`waiting for process ${holder}, which works on the lab "${name}"`);
  });
  try {
    await runPhases(bringUpPhases(name, fresh ? { fresh, hosts } : {}));
    const [file = "", ...rest] = enterCommand(name, [process.execPath, script, ...args]);
    const running = spawn(file, rest, { stdio: ["ignore", "inherit", "inherit"] });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => running.kill(signal));
    const [code] = (await once(running, "exit")) as [number | null];
    return code ?? 1;
  } finally {
    if (fresh) await remove(name);
    await held.release();
  }
}
