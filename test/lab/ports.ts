/** Whether somebody listens inside an instance. */
import { execa } from "execa";

import { enterCommand } from "./namespaces.ts";

/** What is waited for. */
export interface PortArgs {
  readonly address: string;
  readonly port: number;
  /** Milliseconds. */
  readonly patience: number;
  /** Asked every now and then: whoever is dead will not listen any more. */
  readonly alive: () => Promise<boolean>;
}

/** Waits until a TCP port takes connections. Returns whether it did. */
export async function waitForPort(
  instance: string,
  { address, port, patience, alive }: PortArgs,
): Promise<boolean> {
  const until = Date.now() + patience;
  // One process that tries quickly: to start one for each attempt would take longer than a host takes to boot.
  const attempt = `for i in $(seq 1 20); do (exec 3<>/dev/tcp/${address}/${port}) 2>/dev/null && exit 0; sleep 0.05; done; exit 1`;
  while (Date.now() < until) {
    const [file = "", ...args] = enterCommand(instance, ["timeout", "5", "bash", "-c", attempt]);
    if (!(await execa(file, args, { reject: false })).failed) return true;
    if (!(await alive())) return false;
  }
  return false;
}
