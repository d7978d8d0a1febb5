/** `protected-sites init` in a terminal, and what it says of answers that make no valid file. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";

const main = join(import.meta.dirname, "../../../infra/commands/main.js");
const tenantId = "7e57ab1e-0000-4000-8000-000000000000";
const hostKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "protected-sites-init-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** @param answers what somebody types in the terminal, one for each question */
async function inTerminal(answers: readonly string[], ...args: string[]) {
  const pty = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
  const child = execa("python3", ["-c", pty, process.execPath, main, "init", folder, ...args], {
    reject: false,
    timeout: 60_000,
    // Whatever the terminal is in which the tests run: in a dumb one, readline moves no cursor.
    env: { TERM: "xterm" },
  });
  const left = [...answers];
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    // Readline moves the cursor once it has written the question.
    if (/: \x1b\[\d+G$/.test(said)) child.stdin.write(`${left.shift() ?? ""}\r`);
  });
  return child;
}

test("answers that make no valid file are asked for again, with the others as they were", async () => {
  const first = [tenantId, "", "edge-1.example.com", "", "https://wiki.example.com", "10.0.0.5:3000", ""];
  const again = ["", "", "", "", "wiki.example.com", "http://10.0.0.5:3000", "example.com"];
  const { exitCode, stdout } = await inTerminal([...first, ...again], "--host-key", hostKey);
  expect(exitCode, stdout).toBe(0);
  expect(stdout).toContain("domain must be a bare host name");
  expect(stdout).toContain("Once more");
  const { config } = parse(await readFile(join(folder, "stacks/Pulumi.prod.yaml"), "utf8")) as {
    config: Record<string, unknown>;
  };
  expect(config).toMatchObject({
    "protected-sites:tenantId": tenantId,
    "protected-sites:hosts": [{ address: "edge-1.example.com", hostKey }],
    "protected-sites:sites": {
      wiki: { domain: "wiki.example.com", upstream: "http://10.0.0.5:3000", emailDomains: ["example.com"] },
    },
  });
});

test("with --yes they end it, in words that name no file that does not exist", async () => {
  const options = ["--tenant-id", tenantId, "--host", "edge-1.example.com", "--host-key", hostKey];
  const site = ["--domain", "wiki.example.com", "--upstream", "10.0.0.5:3000", "--yes"];
  const { exitCode, stderr } = await execa(process.execPath, [main, "init", folder, ...options, ...site], {
    reject: false,
  });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^init: nothing was written:\nupstream must be the scheme, host and port/);
  expect(await readdir(folder)).toEqual([]);
});
