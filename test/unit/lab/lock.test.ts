import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { lock } from "../../lab/lock.ts";

const name = `unit-${process.pid}`;

describe.skipIf(process.platform !== "linux")("the lock of an instance", () => {
  test("belongs to one run at a time; the next gets it when it is released, and learns whose it was", async () => {
    const first = await lock(name);
    const holders: string[] = [];
    let got = false;
    const second = lock(name, (holder) => {
      holders.push(holder);
    }).then((held) => {
      got = true;
      return held;
    });
    const other = await lock(`${name}-other`);
    await expect.poll(() => holders, { timeout: 20_000 }).toEqual([`${process.pid}`]);
    expect(got).toBe(false);

    await first.release();
    await (await second).release();
    await other.release();
    expect(holders).toHaveLength(1);
  });

  test("is released when a run is killed", async () => {
    const module = join(import.meta.dirname, "..", "..", "lab", "lock.ts");
    const script = `const { lock } = await import(${JSON.stringify(module)}); await lock(${JSON.stringify(name)}); console.log("held"); setInterval(() => {}, 1000);`;
    const run = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(run.stdout, "data");
    const waiting = lock(name);
    run.kill("SIGKILL");
    await (await waiting).release();
  });
});
