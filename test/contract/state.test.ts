/** The state: what a killed run leaves, and how a backup comes back. As docs/state.md says it. */
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import * as random from "@pulumi/random";
import { expect, test } from "vitest";

import { openStack } from "./stack.ts";

/** One secret, as a site has it. */
const program = () => {
  const { result } = new random.RandomPassword("cookie-secret", { length: 43, special: false });
  return Promise.resolve({ result });
};

/** A program that never ends, and when the engine has begun to run it. */
function endless() {
  const begun = Promise.withResolvers<undefined>();
  const run = () => {
    begun.resolve(undefined);
    return new Promise<never>(() => undefined);
  };
  return { run, begun: begun.promise };
}

/** The lock that an update holds, once it has it. */
async function lockIn(directory: string): Promise<{ pid: number }> {
  const folder = join(directory, ".pulumi/locks");
  for (;;) {
    const files = await readdir(folder, { recursive: true }).catch(() => []);
    const file = files.find((name) => name.endsWith(".json"));
    const text = file === undefined ? "" : await readFile(join(folder, file), "utf8");
    if (text !== "") return JSON.parse(text) as { pid: number };
    await sleep(50);
  }
}

test("a killed update leaves its lock, which names its owner, and pulumi cancel removes it", async ({
  onTestFinished,
}) => {
  const stack = await openStack(onTestFinished);
  const { run, begun } = endless();
  const killed = expect(stack.up(run)).rejects.toThrow();
  const { pid } = await lockIn(stack.directory);
  await begun;
  await sleep(1000); // The engine still writes the state when the program begins.
  process.kill(pid, "SIGKILL");
  await killed;

  expect(await stack.upFails(program)).toMatch(
    new RegExp(`the stack is currently locked by 1 lock.*pid ${pid}`, "s"),
  );
  await stack.cancel();
  expect((await stack.up(program)).changes).toEqual({ create: 1 });
});

test("a preview needs no lock", async ({ onTestFinished }) => {
  const stack = await openStack(onTestFinished);
  const { run } = endless();
  const killed = expect(stack.up(run)).rejects.toThrow();
  const { pid } = await lockIn(stack.directory);
  expect((await stack.preview(program)).changes).toEqual({ create: 1 });
  process.kill(pid, "SIGKILL");
  await killed;
});

test("an exported state can be restored, with the same secrets and nothing to change", async ({
  onTestFinished,
}) => {
  const stack = await openStack(onTestFinished);
  const secret = (await stack.up(program)).outputs["result"]?.value;
  const backup = await stack.exported();

  await stack.destroy();
  await stack.imported(backup);
  const { changes, outputs } = await stack.up(program);
  expect(changes).toEqual({ same: 1 });
  expect(outputs["result"]?.value).toBe(secret);
});

test("a corrupt state file is refused, and replacing it by a copy is all it takes", async ({
  onTestFinished,
}) => {
  const stack = await openStack(onTestFinished);
  await stack.up(program);
  const file = join(stack.directory, ".pulumi/stacks/contract/test.json");
  await copyFile(file, `${stack.directory}/copy`);
  await writeFile(file, (await stack.state()).slice(0, 200));
  await expect(stack.up(program)).rejects.toThrow();
  await copyFile(`${stack.directory}/copy`, file);
  expect((await stack.up(program)).changes).toEqual({ same: 1 });
});

test("a compressed state and a plain one take each other's place, and whoever reads them need not know", async ({
  onTestFinished,
}) => {
  const stack = await openStack(onTestFinished);
  const files = async () =>
    (await readdir(join(stack.directory, ".pulumi/stacks/contract"))).filter((it) =>
      /json(?:\.zst)?$/.test(it),
    );
  const secret = (await stack.up(program)).outputs["result"]?.value;
  expect(await files()).toEqual(["test.json"]);

  stack.environment["PULUMI_DIY_BACKEND_ZSTD"] = "true";
  expect((await stack.up(program)).changes).toEqual({ same: 1 });
  expect(await files()).toEqual(["test.json.zst"]);

  delete stack.environment["PULUMI_DIY_BACKEND_ZSTD"];
  expect((await stack.preview(program)).changes).toEqual({ same: 1 });
  expect(await files()).toEqual(["test.json.zst"]);
  const { changes, outputs } = await stack.up(program);
  expect(changes).toEqual({ same: 1 });
  expect(outputs["result"]?.value).toBe(secret);
  expect(await files()).toEqual(["test.json"]);
});
