/** What the deployer's sudo rule lets through, by each sudo that the host has: Todd Miller's, and sudo-rs. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { reasonIn } from "../../infra/ssh.ts";
import { HostShell } from "../lab/host-shell.ts";
import { thisLab } from "../lab/lab.ts";

const lab = await thisLab();
const edge = new HostShell(lab.name, lab.hosts.at(-1)?.name ?? "");
const program = "/usr/local/sbin/protected-sites";
const sudos = (await edge.shell("ls /usr/bin | grep -xE 'sudo|sudo-rs'")).split("\n");

const as = (user: string, command: readonly string[], input = "") =>
  edge.run(["runuser", "-u", user, "--", ...command], input);

describe.each(sudos)("by %s", (sudo) => {
  const deployer = (...args: readonly string[]) => as("protected-sites", [sudo, "-n", program, ...args]);

  test.each([
    [["push"], "failed in step 'input'"],
    [["push", "--repair", "2026-11-29T09:00:00.000Z"], "failed in step 'input'"],
    [["credentials"], "failed in step 'input'"],
    [["credentials", "--repair", "2026-11-29T09:00:00.000Z"], "failed in step 'input'"],
    [["forget-sessions"], "failed in step 'input'"],
    [["status"], "as pushed"],
    [["status", "--json"], '"program"'],
    // As in the states of those who had the rule that said more.
    [["remove", "gone.lab.test"], "gone.lab.test on"],
    [["remove", "gone.lab.test", "--of", "gone"], "gone.lab.test on"],
    [["remove-credentials", "gone.lab.test"], "gone.lab.test on"],
    [["remove-credentials", "gone.lab.test", "--of", "gone"], "gone.lab.test on"],
  ])("the deployer may ask for %j", async (args, said) => {
    expect((await deployer(...args)).text).toContain(said);
  });

  test("the deployer may run no other command, whoever it claims to be", async () => {
    const more: readonly (readonly string[])[] = [
      ["setup"],
      ["teardown"],
      ["authorize"],
      ["rollback", "code.lab.test"],
      ["worker"],
      ["recover", "--boot"],
      ["metrics", "--textfile", "/etc/motd"],
      ["rehearse", "code.lab.test"],
      ["push", "--repair", "a mark"],
      ["push", "--repair"],
      ["credentials", "--patience", "1"],
      ["status", "--json", "--json"],
      ["who"],
      ["history"],
      ["remove"],
      ["remove", "code.lab.test --of code"],
      ["remove", "code.lab.test\n"],
      ["remove code.lab.test"],
      ["remove", "code.lab.test", "--of", "code", "wiki.lab.test"],
      [""],
      [],
    ];
    const claims = ["SUDO_USER=root", "SUDO_UID=0", "PYTHONPATH=/tmp"];
    const answers = await Promise.all(
      more.map(async (args) => {
        const { ok, text } = await as("protected-sites", ["env", ...claims, sudo, "-n", program, ...args]);
        return { args, ok, text };
      }),
    );
    const text =
      "protected-sites: not allowed: this user may only push and remove sites, and read the status";
    expect(answers).toEqual(more.map((args) => ({ args, ok: false, text })));
  });

  test.each([
    ["another program", ["/bin/sh", "-c", "id"]],
    ["the program's own files", [`${program}/../sh`]],
    ["another user", ["-u", "admin", program, "status"]],
    ["a variable", ["PYTHONPATH=/tmp", program, "status"]],
    ["a shell", ["-s"]],
  ])("sudo refuses the deployer %s", async (_, args) => {
    const refused = await as("protected-sites", [sudo, "-n", ...args]);
    expect(refused.ok).toBe(false);
    expect(refused.text).not.toContain("as pushed");
  });

  test("a set-up replaces the earlier sudo rule, whose regular expression matched the arguments", async () => {
    const rule = "/etc/sudoers.d/protected-sites";
    // As it was written until November 2026. sudo-rs cannot read it, as after an upgrade to Ubuntu 26.04.
    const before = `# Written by Protected Sites (components/host/protected_sites); edits here are lost.
Defaults:protected-sites !requiretty, !lecture
protected-sites ALL=(root) NOPASSWD: ${program} ^((push|credentials)( --repair [0-9TZ:.-]+)?|status( --json)?|forget-sessions|(remove|remove-credentials) [a-z0-9][a-z0-9.-]*( --of [A-Za-z0-9_-]+)?)$
`;
    const now = await edge.shell(`cat ${rule}`);
    await edge.run(["sh", "-c", `cat >${rule}`], before);
    try {
      const bundle = await edge.shell("cat /var/lib/protected-sites/setup");
      const administrator = await as("admin", [sudo, "-n", program, "setup"], `${bundle}\n`);
      expect(administrator).toMatchObject({ ok: true, text: expect.stringContaining(rule) as string });
      expect(await edge.shell(`cat ${rule}`)).toBe(now);
      expect((await deployer("status")).text).toContain("as pushed");
    } finally {
      await edge.run(["sh", "-c", `cat >${rule}`], `${now}\n`);
    }
  });

  describe("a user who may use sudo, but has no rule of ours", () => {
    beforeAll(() => edge.shell("echo 'nobody ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/nobody"));
    afterAll(() => edge.shell("rm /etc/sudoers.d/nobody"));

    test("may ask for anything", async () => {
      const metrics = await as("nobody", [sudo, "-n", program, "metrics"]);
      expect(metrics).toMatchObject({
        ok: true,
        text: expect.stringContaining("protected_sites_up") as string,
      });
    });
  });

  test("if sudo needs a password, its message is passed on", async () => {
    await edge.shell("echo 'nobody ALL=(ALL) ALL' >/etc/sudoers.d/nobody");
    try {
      const { ok, text } = await as("nobody", [sudo, "-n", program, "status"]);
      expect(ok).toBe(false);
      expect(reasonIn(text)).toMatch(/a password is required|interactive authentication is required/i);
    } finally {
      await edge.shell("rm /etc/sudoers.d/nobody");
    }
  });
});
