/** What the program relies on in @pulumi/command's remote.Command. */
import { remote } from "@pulumi/command";
import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { test } from "vitest";

import { openSshServer } from "./ssh-server.ts";
import type { SshServer } from "./ssh-server.ts";
import { openStack } from "./stack.ts";

const to = ({ port, clientKey: privateKey, hostKey }: SshServer) => ({
  host: "127.0.0.1",
  port,
  user: "deployer",
  privateKey,
  hostKey,
  dialErrorLimit: 0,
});

/** A command as components/host makes them. */
const command =
  (
    server: SshServer,
    args: Partial<remote.CommandArgs> = {},
    connection: Partial<types.input.remote.ConnectionArgs> = {},
  ) =>
  () => {
    const made = new remote.Command(
      "push",
      {
        connection: { ...to(server), ...connection },
        create: "push it",
        logging: "none",
        addPreviousOutputInEnv: false,
        ...args,
      },
      { additionalSecretOutputs: ["stderr"] },
    );
    return Promise.resolve({ stdout: made.stdout, stderr: made.stderr, id: made.id });
  };

test.concurrent(
  "a command runs at its creation and again at each change, with its standard input, and its delete at the end",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    server.answer = ({ command: text }) => ({ stdout: `did ${text}\n\n`, stderr: "and said so\n" });
    const args = { stdin: "line 1\nline 2\n", delete: "take it away" };

    expect((await stack.preview(command(server, args))).changes).toEqual({ create: 1 });
    expect(server.connections, "a preview does not dial").toBe(0);

    const first = await stack.up(command(server, args));
    expect(first.changes).toEqual({ create: 1 });
    expect(server.ran).toEqual([{ user: "deployer", command: "push it", stdin: "line 1\nline 2\n" }]);
    expect(first.outputs["stdout"], "one line break less").toEqual({ value: "did push it\n", secret: false });
    expect(first.outputs["stderr"]).toEqual({ value: "and said so", secret: true });

    expect((await stack.up(command(server, args))).changes).toEqual({ same: 1 });
    expect(server.ran).toHaveLength(1);

    const changed = { ...args, stdin: "line 1\nline two\n" };
    const preview = await stack.preview(command(server, changed));
    expect(preview.changes).toEqual({ update: 1 });
    expect(preview.text, "a line diff").toMatch(/- *line 2\n.*\+ *line two/);
    expect(preview.text).not.toContain(server.clientKey.split("\n")[1]);
    const second = await stack.up(command(server, changed));
    expect(second.changes).toEqual({ update: 1 });
    expect(second.outputs["id"]?.value).toBe(first.outputs["id"]?.value);
    expect(server.ran.at(-1)).toEqual({ user: "deployer", command: "push it", stdin: "line 1\nline two\n" });

    await stack.up(command(server, { ...changed, update: "change it" }));
    expect(server.ran.at(-1)?.command, "update, where there is one").toBe("change it");

    await stack.up(() => Promise.resolve());
    expect(server.ran.at(-1)).toEqual({
      user: "deployer",
      command: "take it away",
      stdin: "line 1\nline two\n",
    });
    expect(server.ran).toHaveLength(4);
  },
);

test.concurrent(
  "a secret standard input and the connection are encrypted in the state and hidden in a preview",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const args = (text: string) => ({ stdin: pulumi.secret(text) });
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
  "another connection is an update: it runs there, and nothing is undone on the old one",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const [old, other] = [await openSshServer(onTestFinished), await openSshServer(onTestFinished)];
    const args = { delete: "take it away" };
    await stack.up(command(old, args));
    expect((await stack.up(command(other, args))).changes).toEqual({ update: 1 });
    expect(old.ran.map((ran) => ran.command)).toEqual(["push it"]);
    expect(other.ran.map((ran) => ran.command)).toEqual(["push it"]);
    await stack.destroy();
    expect(old.ran).toHaveLength(1);
    expect(other.ran.map((ran) => ran.command)).toEqual(["push it", "take it away"]);
  },
);

test.concurrent(
  "a trigger's change replaces: the new create runs before the old delete",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    await stack.up(command(server, { triggers: ["a"], delete: "take it away", stdin: "old" }));
    const run = await stack.up(command(server, { triggers: ["b"], delete: "take it away", stdin: "new" }));
    expect(run.changes).toEqual({ replace: 1 });
    expect(server.ran.map(({ command: text, stdin }) => `${text}: ${stdin}`)).toEqual([
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
    server.answer = () => ({ stdout: "one word\n", stderr: "and another\n", exit: 3 });
    const error = await stack.upFails(command(server));
    expect(error).toContain('Process exited with status 3: running "push it":');
    expect(error).toContain("one word");
    expect(error).toContain("and another");

    server.answer = () => ({});
    expect((await stack.up(command(server))).changes).toEqual({ create: 1 });
    server.answer = () => ({ exit: 1 });
    await stack.upFails(command(server, { stdin: "changed" }));
    server.answer = () => ({});
    expect((await stack.up(command(server, { stdin: "changed" }))).changes).toEqual({ update: 1 });
  },
);

test.concurrent(
  "a server that shows another key than the pinned one is refused before anything is said to it",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const [server, other] = [await openSshServer(onTestFinished), await openSshServer(onTestFinished)];
    const error = await stack.upFails(command(server, {}, { hostKey: other.hostKey }));
    expect(error).toContain("ssh: handshake failed: ssh: host key mismatch");
    expect(server.ran).toEqual([]);
  },
);

test.concurrent(
  "failed attempts of any kind are repeated up to the limit",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const [server, other] = [await openSshServer(onTestFinished), await openSshServer(onTestFinished)];
    const error = await stack.upFails(
      command(server, {}, { privateKey: other.clientKey, dialErrorLimit: 2 }),
    );
    expect(error).toContain("after 2 failed attempts: ssh: handshake failed: ssh: unable to authenticate");
    expect(server.connections).toBe(3);
  },
);

test.concurrent("a server behind a jump host is reached through it", async ({ expect, onTestFinished }) => {
  const stack = await openStack(onTestFinished);
  const server = await openSshServer(onTestFinished);
  const jump = await openSshServer(onTestFinished);
  const proxy = {
    host: "127.0.0.1",
    port: jump.port,
    user: "jump",
    privateKey: jump.clientKey,
    hostKey: jump.hostKey,
  };
  await stack.up(command(server, {}, { proxy }));
  expect(server.ran).toEqual([{ user: "deployer", command: "push it", stdin: "" }]);
  expect(jump.connections).toBe(1);
});

test.concurrent(
  "connections stay open for as long as the run lasts, so that a user who has signed in is signed in at its end",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const server = await openSshServer(onTestFinished);
    const open: number[] = [];
    server.answer = () => {
      open.push(server.open);
      return {};
    };
    const args = { delete: "take it away" };
    await stack.up(async () => {
      const first = await command(server, args)();
      // Depends on the first.
      new remote.Command("second", {
        connection: to(server),
        create: pulumi.interpolate`after ${first.id}`,
        ...args,
      });
    });
    expect(open).toEqual([1, 2]);
    await expect.poll(() => server.open, { timeout: 20_000, message: "after the run" }).toBe(0);
    await stack.destroy();
    expect(open).toEqual([1, 2, 1, 2]);
  },
);
