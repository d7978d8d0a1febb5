/** What reaches hosts over SSH, with stand-ins for the programs that it calls. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import * as pulumi from "@pulumi/pulumi";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { environmentOf } from "../../../components/host/connection.ts";
import { checksum, shownOnce } from "../../../components/host/kept-text.ts";
import { interpreter, overSsh } from "../../../components/host/over-ssh.ts";

let home: string;
let PATH: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "over-ssh-"));
  PATH = [join(home, "bin"), process.env["PATH"]].join(delimiter);
  await mkdir(join(home, "bin"));
});
afterEach(() => rm(home, { recursive: true }));

const standIn = (name: string, text: string) =>
  writeFile(join(home, "bin", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

async function run(
  address: string,
  more: { readonly env?: Record<string, string>; readonly input?: string; readonly command?: string } = {},
) {
  const [file = "", ...args] = overSsh;
  const host = { name: address, address, hostKey: "ssh-ed25519 AAAA" };
  const env = { ...environmentOf({ host, user: "admin" }), HOME: home, PATH, ...more.env };
  const options = { env, input: more.input ?? "", reject: false } as const;
  const { exitCode, stdout, stderr } = await execa(file, [...args, more.command ?? "true"], options);
  return { exitCode, stdout, stderr };
}

test("the first commands of a user run for several hosts at once, and make its folder of connections once", async () => {
  await standIn("ssh", "exit 0");
  // So slow that everybody has seen by then that there is no folder.
  await standIn("mkdir", 'sleep 0.5; exec /bin/mkdir "$@"');
  const ended = await Promise.all(["192.0.2.11", "192.0.2.12", "192.0.2.13"].map((it) => run(it)));
  expect(ended).toEqual(ended.map(() => ({ exitCode: 0, stdout: "", stderr: "" })));
  expect((await stat(join(home, ".ssh"))).mode & 0o777).toBe(0o700);
});

describe("a command whose input is the checksum of a text", () => {
  const text = "server_name wiki.example.com;\n";
  const sent = () => join(home, "protected-sites/sent", checksum(text));
  const input = `as wiki-edge-1, SHA-256 ${checksum(text)}`;
  const env = () => ({ READS_KEPT: "yes", DELETE: "remove", XDG_CACHE_HOME: home });
  const send = (command = "push") => run("192.0.2.11", { env: env(), input, command });
  beforeEach(async () => {
    await standIn("ssh", 'case " $* " in *" -O "*) exit 0;; *) exec cat;; esac');
    vi.stubEnv("XDG_CACHE_HOME", home);
  });
  afterEach(() => vi.unstubAllEnvs());

  test("sends the text", async () => {
    expect(shownOnce(text, "wiki-edge-1")).toEqual({ stdin: input, isKept: true });
    expect(await send()).toEqual({
      exitCode: 0,
      stdout: text.trimEnd(),
      stderr: "",
    });
  });

  test("an update removes what one of another day has left, and nothing newer", async () => {
    await mkdir(dirname(sent()), { recursive: true });
    const hoursAgo = async (name: string, hours: number) => {
      const time = Date.now() / 1000 - hours * 3600;
      await writeFile(join(dirname(sent()), name), "text\n");
      await utimes(join(dirname(sent()), name), time, time);
    };
    await hoursAgo("of-another-day", 25);
    await hoursAgo("of-this-day", 23);
    // As in another process, which has not looked yet.
    vi.resetModules();
    const fresh = await import("../../../components/host/kept-text.ts");
    fresh.shownOnce(text, "wiki-edge-1");
    expect((await readdir(dirname(sent()))).sort()).toEqual([checksum(text), "of-this-day"].sort());
  });

  test("does without the text where it removes", async () => {
    expect(await send("remove")).toEqual({ exitCode: 0, stdout: input, stderr: "" });
  });

  test("in a preview, the text is not kept", async () => {
    await pulumi.runtime.setMocks({ newResource: vi.fn(), call: vi.fn() }, "protected-sites", "test", true);
    shownOnce(text, "wiki-edge-1");
    await expect(stat(sent())).rejects.toThrow("ENOENT");
    await pulumi.runtime.setMocks({ newResource: vi.fn(), call: vi.fn() }, "protected-sites", "test", false);
  });

  test.each([
    ["is gone", undefined],
    ["is another one", "server_name code.example.com;\n"],
  ])("sends nothing if the text %s", async (_, there) => {
    await mkdir(dirname(sent()), { recursive: true });
    if (there !== undefined) await writeFile(sent(), there);
    expect(await send()).toEqual({
      exitCode: 255,
      stdout: "",
      stderr: `${sent()}: expected the text that this command sends, which \`pulumi up\` writes there`,
    });
  });
});

describe("a resource's command", () => {
  const script = () => join(home, "protected-sites/over-ssh-1.sh");
  /** As the engine's plug-in runs it, in the folder of the project's program. */
  async function runIn(project: string) {
    const [file = "", ...args] = interpreter;
    await mkdir(project, { recursive: true });
    const options = { cwd: project, env: { XDG_CACHE_HOME: home }, reject: false } as const;
    const { exitCode, stdout, stderr } = await execa(file, [...args, "push wiki"], options);
    return { exitCode, stdout, stderr };
  }
  const says = async (path: string, text: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `echo "${text} runs $1"; exit 7`);
  };
  const found = (text: string) => ({ exitCode: 7, stdout: `${text} runs push wiki`, stderr: "" });

  test.each([
    ["this repository's", "infra", "components/host/over-ssh.sh"],
    ["the package's", ".", "node_modules/protected-sites/dist/components/host/over-ssh.sh"],
  ])("runs %s script, whatever another version has put aside", async (_, folder, path) => {
    const project = join(home, "project");
    await says(join(project, path), "the project's script");
    await says(script(), "another version's script");
    expect(await runIn(join(project, folder))).toEqual(found("the project's script"));
  });

  test("runs the one that an update has put aside, where the project has none", async () => {
    vi.stubEnv("XDG_CACHE_HOME", home);
    // As in another process, which has not kept it yet.
    vi.resetModules();
    const fresh = await import("../../../components/host/over-ssh.ts");
    fresh.keepScript();
    vi.unstubAllEnvs();
    expect(await readFile(script(), "utf8")).toBe(await readFile(overSsh[1] ?? "", "utf8"));
    await says(script(), "the script aside");
    expect(await runIn(join(home, "project"))).toEqual(found("the script aside"));
  });

  test("says how the script gets where it is missing", async () => {
    expect(await runIn(join(home, "project"))).toEqual({
      exitCode: 255,
      stdout: "",
      stderr: `${script()} is missing: with --run-program, \`pulumi destroy\` writes it there`,
    });
  });
});
