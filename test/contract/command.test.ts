/** What the program relies on in @pulumi/command's local.Command, and in OpenSSH, by which it reaches a host. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { test } from "vitest";

import { hostCommand, type HostCommandArgs } from "../../components/host/host-command.ts";
import { checksum, keptText } from "../../components/host/kept-text.ts";
import { upgraded } from "../../infra/commands/upgrade-state.ts";
import { cacheDirectory } from "../lab/paths.ts";
import { openSshServer } from "./ssh-server.ts";
import type { SshServer } from "./ssh-server.ts";
import { openStack } from "./stack.ts";

const hostOf = ({ port, hostKey }: SshServer) => ({ name: "edge-1", address: "127.0.0.1", port, hostKey });

const loginTo = (server: SshServer) => ({
  host: hostOf(server),
  user: "deployer",
  privateKey: server.clientKey,
});

const command =
  (server: SshServer, args: Partial<HostCommandArgs> = {}, opts: pulumi.CustomResourceOptions = {}) =>
  () => {
    const made = hostCommand(
      "push",
      { login: loginTo(server), create: "push it", stdin: "line 1\nline 2\n", ...args },
      { additionalSecretOutputs: ["stderr"], ...opts },
    );
    return Promise.resolve({ stdout: made.stdout, stderr: made.stderr, id: made.id });
  };

/** What has run on a server but for what opens a connection. */
const ranOn = (server: SshServer) => server.ran.filter((it) => it.command !== "true");

test.concurrent(
  "a command runs at its creation and again at each change, with its standard input, and its delete at the end",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    server.answer = ({ command: text }) =>
      text === "true" ? {} : { stdout: `did ${text}\n\n`, stderr: "and said so\n" };
    const args = { delete: "take it away" };

    expect((await stack.preview(command(server, args))).changes).toEqual({ create: 1 });
    expect(server.connections, "a preview does not dial").toBe(0);

    const first = await stack.up(command(server, args));
    expect(first.changes).toEqual({ create: 1 });
    expect(ranOn(server)).toEqual([{ user: "deployer", command: "push it", stdin: "line 1\nline 2\n" }]);
    expect(first.outputs["stdout"]?.value, "one line break less").toBe("did push it\n");
    expect(first.outputs["stderr"]).toEqual({ value: "and said so", secret: true });

    expect((await stack.up(command(server, args))).changes).toEqual({ same: 1 });
    expect(ranOn(server)).toHaveLength(1);

    const changed = { ...args, stdin: "line 1\nline two\n" };
    const preview = await stack.preview(command(server, changed));
    expect(preview.changes).toEqual({ update: 1 });
    expect(preview.text, "a line diff").toMatch(/- *line 2\n.*\+ *line two/);
    expect(preview.text).not.toContain(server.clientKey.split("\n")[1]);
    const second = await stack.up(command(server, changed));
    expect(second.changes).toEqual({ update: 1 });
    expect(second.outputs["id"]?.value).toBe(first.outputs["id"]?.value);
    expect(ranOn(server).at(-1)).toEqual({
      user: "deployer",
      command: "push it",
      stdin: "line 1\nline two\n",
    });

    await stack.up(command(server, { ...changed, update: "change it" }));
    expect(ranOn(server).at(-1)?.command, "update, where there is one").toBe("change it");

    await stack.up(() => Promise.resolve());
    expect(ranOn(server).at(-1)).toEqual({
      user: "deployer",
      command: "take it away",
      stdin: "line 1\nline two\n",
    });
    expect(ranOn(server)).toHaveLength(4);
  },
);

test.concurrent(
  "a command whose input is a checksum sends the text, again where that changes, and is removed without it",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const [text, changed] = [`${randomUUID()}\n`, `${randomUUID()}\n`];
    const file = (of: string) => join(cacheDirectory(), "sent", checksum(of));
    onTestFinished(async () => {
      for (const it of [text, changed]) await rm(file(it), { force: true });
    });
    const sends = (what: string) => () =>
      command(server, { delete: "take it away", ...keptText("a text", what) })();

    expect((await stack.up(sends(text))).changes).toEqual({ create: 1 });
    expect((await stack.up(sends(text))).changes).toEqual({ same: 1 });
    expect((await stack.preview(sends(changed))).changes).toEqual({ update: 1 });
    expect((await stack.up(sends(changed))).changes).toEqual({ update: 1 });
    expect(ranOn(server)).toEqual([
      { user: "deployer", command: "push it", stdin: text },
      { user: "deployer", command: "push it", stdin: changed },
    ]);
    expect(await stack.state()).not.toContain(changed.trim());

    // As on another machine, or a day later.
    await rm(file(changed));
    await stack.destroy();
    expect(ranOn(server).at(-1)?.command).toBe("take it away");
  },
);

test.concurrent(
  "a secret standard input and the keys are encrypted in the state and hidden in a preview",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const args = (text: string) => ({ stdin: pulumi.secret(text), secret: true });
    await stack.up(command(server, args("hush-hush")));
    const state = await stack.state();
    expect(state).toContain("push it");
    expect(state).not.toContain("hush-hush");
    expect(state).not.toContain(server.clientKey.split("\n")[1]);
    const preview = await stack.preview(command(server, args("hush-again")));
    expect(preview.changes).toEqual({ update: 1 });
    expect(preview.text).toContain("[secret]");
    expect(preview.text).not.toContain("hush");
  },
);

test.concurrent(
  "another host is an update: it runs there, and nothing is undone on the old one",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const [old, other] = [await openSshServer(onTestFinished), await openSshServer(onTestFinished)];
    const args = { delete: "take it away" };
    await stack.up(command(old, args));
    expect((await stack.up(command(other, args))).changes).toEqual({ update: 1 });
    expect(ranOn(old).map((ran) => ran.command)).toEqual(["push it"]);
    expect(ranOn(other).map((ran) => ran.command)).toEqual(["push it"]);
    await stack.destroy();
    expect(ranOn(old)).toHaveLength(1);
    expect(ranOn(other).map((ran) => ran.command)).toEqual(["push it", "take it away"]);
  },
);

test.concurrent(
  "a replacement runs the new create before the old delete",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const args = (stdin: string) => ({ delete: "take it away", stdin });
    await stack.up(command(server, args("old"), { replacementTrigger: "a" }));
    const run = await stack.up(command(server, args("new"), { replacementTrigger: "b" }));
    expect(run.changes).toEqual({ replace: 1 });
    expect(ranOn(server).map(({ command: text, stdin }) => `${text}: ${stdin}`)).toEqual([
      "push it: old",
      "push it: new",
      "take it away: old",
    ]);
  },
);

test.concurrent(
  "a command that fails tells its exit status, its text and its output, and is run again",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const answer = server.answer;
    server.answer = ({ command: text }) =>
      text === "true" ? {} : { stdout: "one word\n", stderr: "and another\n", exit: 3 };
    const error = await stack.upFails(command(server));
    expect(error).toContain('exit status 3: running "push it":');
    expect(error).toContain("one word");
    expect(error).toContain("and another");
    expect(error).not.toContain(server.clientKey.split("\n")[1]);

    server.answer = answer;
    expect((await stack.up(command(server))).changes).toEqual({ create: 1 });
    server.answer = () => ({ exit: 1 });
    await stack.upFails(command(server, { stdin: "changed" }));
    server.answer = answer;
    expect((await stack.up(command(server, { stdin: "changed" }))).changes).toEqual({ update: 1 });
  },
);

test.concurrent(
  "a server that shows another key than the pinned one is refused before anything is said to it",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const [server, other] = [await openSshServer(onTestFinished), await openSshServer(onTestFinished)];
    const host = { ...hostOf(server), hostKey: other.hostKey };
    const error = await stack.upFails(command(server, { login: { ...loginTo(server), host } }));
    expect(error).toContain("Host key verification failed");
    expect(server.ran).toEqual([]);
  },
);

test.concurrent("a server behind a jump host is reached through it", async ({ expect, onTestFinished }) => {
  const stack = await openStack(onTestFinished);
  const server = await openSshServer(onTestFinished);
  const jump = await openSshServer(onTestFinished);
  const jumpHost = { address: "127.0.0.1", port: jump.port, user: "jump", hostKey: jump.hostKey };
  const login = {
    ...loginTo(server),
    host: { ...hostOf(server), jumpHost },
    jumpPrivateKey: jump.clientKey,
  };
  await stack.up(command(server, { login, stdin: "" }));
  expect(ranOn(server)).toEqual([{ user: "deployer", command: "push it", stdin: "" }]);
  expect(jump.connections).toBe(1);
});

test.concurrent(
  "the commands of an update share one connection, and so do those of a destroy",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const login = loginTo(server);
    await stack.up(() => {
      for (let number = 1; number <= 12; number++)
        hostCommand(`push-${number}`, { login, create: "push it", delete: "take it away", stdin: "" }, {});
      return Promise.resolve();
    });
    expect(ranOn(server)).toHaveLength(12);
    await stack.destroy();
    expect(ranOn(server)).toHaveLength(24);
    expect(server.connections).toBe(1);
  },
);

test.concurrent(
  "a command from before 0.1.0 is refused, and once its state is upgraded, updated in place: nothing is removed",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const { name: _, address: host, ...pinned } = hostOf(server);
    const args = { delete: "take it away" };
    await stack.up(() => {
      const site = new pulumi.ComponentResource("protected-sites:index:ProtectedSite", "wiki");
      new remote.Command(
        "push",
        {
          connection: { ...pinned, host, user: "deployer", privateKey: server.clientKey },
          create: "push it",
          update: "repair it",
          stdin: "line 1\nline 2\n",
          logging: "none",
          addPreviousOutputInEnv: false,
          ...args,
        },
        { parent: site },
      );
      return Promise.resolve();
    });
    const now = () => {
      const parent = new pulumi.ComponentResource("protected-sites:index:ProtectedSite", "wiki");
      return command(server, args, { parent })();
    };
    expect(await stack.upFails(now)).toContain("connection: Unrecognized field 'connection'");
    expect(ranOn(server).map((ran) => ran.command)).toEqual(["push it"]);

    await stack.imported(upgraded(await stack.exported()).state);
    await expect(stack.destroy()).rejects.toThrow("the state was upgraded: run `pulumi up` first");
    expect((await stack.preview(now)).changes).toEqual({ update: 1, same: 1 });
    await stack.up(now);
    expect(ranOn(server).map((ran) => ran.command)).toEqual(["push it", "repair it"]);
    expect((await stack.up(now)).changes).toEqual({ same: 2 });
    await stack.destroy();
    expect(ranOn(server).map((ran) => ran.command)).toEqual(["push it", "repair it", "take it away"]);
  },
);
