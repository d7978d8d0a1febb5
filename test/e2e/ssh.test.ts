/** The way to a host for the operator's commands and for updates: pinned keys, jump hosts, and where the private key may be. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";

import { environmentOf } from "../../components/host/connection.ts";
import { hostCommand } from "../../components/host/host-command.ts";
import { type Asker, runOnHost } from "../../infra/ssh.ts";
import { openStack as openOwnStack } from "../contract/stack.ts";
import { slowWay } from "../lab/slow-way.ts";
import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { endConnections, shellOn } from "./on-hosts.ts";

const [first, second] = lab.hosts.map((host) => ({ ...host, port: 22 }));
if (first === undefined || second === undefined) throw new Error("the lab must have two hosts");
const jumpHost = { address: first.address, port: 22, user: "admin", hostKey: first.hostKey };
const behind = { ...second, jumpHost };

test.each<[string, () => Promise<Asker>]>([
  ["itself", async () => ({ user: "admin", privateKey: await readFile(lab.adminKey, "utf8") })],
  ["as a file", () => Promise.resolve({ user: "admin", identity: lab.adminKey })],
])("a host behind a jump host is reached by way of it, with the private key %s", async (_, asker) => {
  const { stdout } = await runOnHost(behind, await asker(), "hostname; echo $SSH_CONNECTION");
  expect(stdout).toMatch(new RegExp(`^${second.name}\n${first.address} \\d+ ${second.address} 22$`));
});

test.each([
  ["the host", { ...behind, hostKey: first.hostKey }],
  ["the jump host", { ...behind, jumpHost: { ...jumpHost, hostKey: second.hostKey } }],
])("%s with another key than the pinned one is refused", async (_, host) => {
  const asker = { user: "admin", identity: lab.adminKey };
  await expect(runOnHost(host, asker, "true")).rejects.toThrow("Host key verification failed.");
});

test("an update uses the jump host, too, with each host's own user", async () => {
  const stack = await openStack(lab.name);
  const file = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  const usual = await readFile(file, "utf8");
  const document = parseDocument(usual);
  document.setIn(["config", "protected-sites:hosts", 1, "jumpHost"], jumpHost);
  await writeFile(file, document.toString({ lineWidth: 0 }));
  const push = { target: [`**::code-${second.name}`] };
  const since = Math.floor(Date.now() / 1000);
  try {
    const { summary } = await stack.up(push);
    expect(summary.resourceChanges?.update).toBe(1);
    const log = `journalctl --sync; journalctl --unit=ssh --since=@${since} --output=cat`;
    const accepted = (await shellOn(second.name, log)).match(/(?<=Accepted publickey for ).*(?= port)/g);
    // The deployer pushes; before that the administrator asks what is there, perhaps on a connection from a moment ago.
    const ways = ["admin", "protected-sites"].map((user) => `${user} from ${first.address}`);
    expect(ways).toEqual(expect.arrayContaining(accepted ?? []));
    expect(accepted?.filter((it) => it.startsWith("protected-sites"))).toHaveLength(1);
  } finally {
    await writeFile(file, usual);
    await stack.up(push);
  }
});

/** What an update of the second host's pushes says that fails. @param change of the host in the environment's file */
async function failingUpdate(change: { readonly hostKey?: string; readonly port?: number }): Promise<string> {
  const stack = await openStack(lab.name);
  const file = join(stack.workspace.workDir, `Pulumi.${stack.name}.yaml`);
  const usual = await readFile(file, "utf8");
  const document = parseDocument(usual);
  for (const [key, value] of Object.entries(change))
    document.setIn(["config", "protected-sites:hosts", 1, key], value);
  document.setIn(["config", "protected-sites:sites", "code", "proxyReadTimeout"], "61s");
  document.setIn(["config", "protected-sites:sites", "wiki", "proxyReadTimeout"], "61s");
  await writeFile(file, document.toString({ lineWidth: 0 }));
  try {
    await stack.up({ target: pushesToSecond });
    return "";
  } catch (error) {
    return String(error);
  } finally {
    await writeFile(file, usual);
  }
}

const pushesToSecond = [`**::code-${second.name}`, `**::wiki-${second.name}`];

/** How often somebody has called a host's sshd since a moment, and did not get in. */
async function failedCalls(host: string, since: number): Promise<number> {
  const log = `journalctl --sync; journalctl --unit=ssh --since=@${since} --output=cat | grep -c '\\[preauth\\]$' || true`;
  return Number(await shellOn(host, log));
}

test("an update with a wrong pinned key reports it for each push after one connection, and works at once with the right key", async () => {
  const since = Math.floor(Date.now() / 1000);
  const said = await failingUpdate({ hostKey: first.hostKey });
  const reason = /edge-2 could not be reached as protected-sites: Host key verification failed\. Its key/g;
  expect(said.match(reason)?.length, said).toBeGreaterThanOrEqual(pushesToSecond.length);
  // The other one asked what is there (repairDrift).
  expect(await failedCalls(second.name, since)).toBeLessThanOrEqual(2);
  await (await openStack(lab.name)).up({ target: pushesToSecond });
});

test("an update whose key a host rejects reports it for each push after one connection, and works at once with the right key", async () => {
  const keys = "/var/lib/protected-sites/deployer/.ssh/authorized_keys";
  await shellOn(second.name, `mv ${keys} ${keys}.aside; ${endConnections}`);
  let said: string;
  try {
    said = await failingUpdate({});
  } finally {
    await shellOn(second.name, `mv ${keys}.aside ${keys}`);
  }
  const reason = /edge-2 could not be reached as protected-sites: \S+ Permission denied \(publickey/g;
  expect(said.match(reason)?.length, said).toBeGreaterThanOrEqual(pushesToSecond.length);
  await (await openStack(lab.name)).up({ target: pushesToSecond });
});

test("after the shared connection was killed, which leaves its socket, commands that run at once share a new one", async () => {
  const privateKey = await readFile(lab.adminKey, "utf8");
  const asker: Asker = { user: "admin", privateKey };
  const { CONNECTION = "" } = environmentOf({ host: first, ...asker });
  const socket = join(homedir(), ".ssh", `protected-sites-${CONNECTION}-1`);
  const connection = async () => {
    const { stderr } = await execa("ssh", ["-O", "check", "-o", `ControlPath=${socket}`, first.address]);
    return Number(/pid=(\d+)/.exec(stderr)?.[1]);
  };
  await runOnHost(first, asker, "true");
  const killed = await connection();
  process.kill(killed, "SIGKILL");
  expect(existsSync(socket)).toBe(true);
  const answers = await Promise.all([1, 2, 3, 4].map(() => runOnHost(first, asker, "echo $SSH_CONNECTION")));
  expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
  expect(answers[0]?.exitCode).toBe(0);
  expect(await connection()).not.toBe(killed);
});

test("of 128 commands, 64 in parallel with a round trip of 100 ms, none fails", async ({
  onTestFinished,
}) => {
  const way = await slowWay(first, 50);
  onTestFinished(() => {
    way.close();
  });
  const privateKey = await readFile(lab.adminKey, "utf8");
  const login = { host: { ...first, address: "127.0.0.1", port: way.port }, user: "admin", privateKey };
  const stack = await openOwnStack(onTestFinished);
  const { changes } = await stack.up(() => {
    for (let number = 1; number <= 128; number++)
      hostCommand(`command-${number}`, { login, create: "true", stdin: "" }, {});
    return Promise.resolve();
  }, 64);
  expect(changes).toEqual({ create: 128 });
});

test("npm run host-key shows a host's key in the format of the environment's file, with its fingerprint", async () => {
  const main = join(import.meta.dirname, "../../infra/commands/main.js");
  const { stdout } = await execa(process.execPath, [main, "host-key", first.address]);
  const key = first.hostKey.split(" ").slice(0, 2).join(" ");
  const { stdout: fingerprint } = await execa("ssh-keygen", ["-l", "-f", "-"], { input: `${key}\n` });
  expect(stdout).toContain(`hostKey: ${key}\n`);
  expect(stdout).toContain(fingerprint.split(" ")[1]);
});
