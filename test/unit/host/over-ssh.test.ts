/** What reaches hosts over SSH, with stand-ins for the programs that it calls. */
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";

import { environmentOf, interpreter } from "../../../components/host/connection.ts";

test("the first commands of a user run for several hosts at once, and make its folder of connections once", async () => {
  const home = await mkdtemp(join(tmpdir(), "over-ssh-"));
  try {
    await mkdir(join(home, "bin"));
    const script = (name: string, text: string) =>
      writeFile(join(home, "bin", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await script("ssh", "exit 0");
    // So slow that everybody has seen by then that there is no folder.
    await script("mkdir", 'sleep 0.5; exec /bin/mkdir "$@"');
    const PATH = [join(home, "bin"), process.env["PATH"]].join(delimiter);
    const [file = "", ...args] = interpreter;
    const ended = await Promise.all(
      ["192.0.2.11", "192.0.2.12", "192.0.2.13"].map((address) => {
        const host = { name: address, address, hostKey: "ssh-ed25519 AAAA" };
        const env = { ...environmentOf({ host, user: "admin" }), HOME: home, PATH };
        return execa(file, [...args, "true"], { env, reject: false });
      }),
    );
    expect(ended.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual(
      ended.map(() => ({ exitCode: 0, stderr: "" })),
    );
    expect((await stat(join(home, ".ssh"))).mode & 0o777).toBe(0o700);
  } finally {
    await rm(home, { recursive: true });
  }
});
