/** Rotation of the SSH keys with which the engine reaches the hosts. */
import { readFile } from "node:fs/promises";

import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openStack } from "../lab/stack.ts";
import { generateSshKey } from "../lab/ssh-key.ts";
import { runOn, shellOn, sshOff, sshOn } from "./on-hosts.ts";
import { lab } from "./instance.ts";

const setting = "protected-sites:deployerKeyGenerations";
const adminKey = "protected-sites:adminPrivateKey";
const adminKeys = "/home/admin/.ssh/authorized_keys";
let stack: Stack;

beforeAll(async () => {
  stack = await openStack(lab.name);
  await stack.up();
});

afterAll(async () => {
  for (const { name } of lab.hosts) await shellOn(name, `cp ${adminKeys}.old ${adminKeys} || true`);
  stack = await openStack(lab.name);
  await stack.setConfig(adminKey, { value: await readFile(lab.adminKey, "utf8"), secret: true });
  await stack.up();
});

async function setGenerations(...generations: readonly number[]): Promise<void> {
  await stack.removeConfig(setting);
  for (const [index, generation] of generations.entries())
    await stack.setConfig(`${setting}[${index}]`, { value: String(generation) }, true);
}

/** The public keys that may push, without their comments. */
async function mayPush(host: string): Promise<string[]> {
  const file = "/var/lib/protected-sites/deployer/.ssh/authorized_keys";
  const lines = (await runOn(host, ["cat", file])).split("\n").filter(Boolean);
  return lines.map((line) => line.split(" ")[2] ?? "");
}

test("both keys of the deployer may push while its key is rotated, also where the update stops between two hosts", async () => {
  const [first = "", second = ""] = lab.hosts.map(({ name }) => name);
  const [old] = await mayPush(first);
  await setGenerations(1, 2);
  await shellOn(second, sshOff);
  try {
    await expect(stack.up()).rejects.toThrow();
  } finally {
    await shellOn(second, sshOn);
  }
  expect(await mayPush(first)).toEqual([old, expect.stringMatching(/^AAAA/)]);
  expect(await mayPush(second)).toEqual([old]);

  await stack.up();
  for (const host of [first, second]) expect(await mayPush(host)).toHaveLength(2);
  await setGenerations(2);
  await stack.up();
  for (const host of [first, second]) {
    expect(await mayPush(host)).toHaveLength(1);
    expect(await mayPush(host)).not.toContain(old);
  }
  await stack.preview({ expectNoChanges: true });
});

test("the administrator's key is rotated with both keys on the hosts, and the old one is no longer needed", async () => {
  const { privateKey, publicKey } = await generateSshKey();
  for (const { name } of lab.hosts)
    await shellOn(name, `cp -p ${adminKeys} ${adminKeys}.old; echo '${publicKey}' >> ${adminKeys}`);
  await stack.setConfig(adminKey, { value: privateKey, secret: true });
  await stack.up();
  for (const { name } of lab.hosts) await shellOn(name, `echo '${publicKey}' > ${adminKeys}`);
  // Only the administrator may say who may push.
  await setGenerations(2, 3);
  await stack.up();
  for (const { name } of lab.hosts) expect(await mayPush(name)).toHaveLength(2);
});
