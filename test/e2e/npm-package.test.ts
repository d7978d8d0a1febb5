/** A repository of one's own, with the npm package, manages what a checkout has deployed. */
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDocument } from "yaml";

import { type ComparedIn, problemsOf } from "../answers.ts";
import { lab } from "./instance.ts";
import { userRepository, type UserRepository } from "./user-repository.ts";

let user: UserRepository;

beforeAll(async () => {
  user = await userRepository();
});

afterAll(() => user.remove());

const preview = (...options: string[]) =>
  user.run("preview", "--stack", "local", "--", "--non-interactive", "--color=never", ...options);

test("it previews what the checkout has deployed as unchanged, with the policies", async () => {
  const { exitCode, all } = await preview("--expect-no-changes", "--policy-pack", "policy");
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/\d+ unchanged/);
  expect(all).toContain("protected-sites@v");
});

test("a change of its file is what an update would do", async () => {
  const file = parseDocument(await readFile(user.settings, "utf8"));
  file.addIn(["config", "protected-sites:sites", "wiki", "emailDomains"], "partner.test");
  await writeFile(user.settings, file.toString({ lineWidth: 0 }));
  const { exitCode, all } = await preview();
  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/^ *\+ .*partner\.test/m);
});

test("the hosts are as its file says", async () => {
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), user.settings);
  const { exitCode, all } = await user.run("status", "--stack", "local", "--identity", lab.adminKey);
  expect(exitCode, all).toBe(0);
});

const stack = ["--stack", "local"];
const identity = [...stack, "--identity", lab.adminKey];
const eve = [...identity, "eve@elsewhere.test"];

const commandLines: Readonly<Record<ComparedIn<"lab">, readonly (readonly string[])[]>> = {
  status: [identity],
  who: [identity],
  history: [identity],
  "host-key": [[lab.hosts[0]?.address ?? ""]],
  rollback: [[...identity, "--site", "code", "--list"]],
  block: [
    [...eve, "--why", "A test.", "--dry-run"],
    [...eve, "--why", "A test."],
  ],
  unblock: [eve],
  revoke: [[...stack, "--site", "code", "--dry-run"]],
};

test.each(
  Object.entries(commandLines).flatMap(([command, lines]) =>
    lines.map((args) => ({ command: command as ComparedIn<"lab">, args })),
  ),
)("$command $args: the answer is as the schema says", async ({ command, args }) => {
  const { exitCode, all, stdout } = await user.run(command, ...args, "--json");
  expect(exitCode, all).toBe(0);
  expect(problemsOf(command, stdout)).toEqual([]);
});
