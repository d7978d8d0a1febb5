/** A push's caller: what it costs, what it says, and who starts the worker. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

const env = { PYTHONPATH: join(import.meta.dirname, "../../../components/host") };

/** Submits its standard input. The worker that it starts takes a while, and then answers all who wait. */
const run = `
import os, pathlib, sys, threading, time
from protected_sites import push, submission
folder = pathlib.Path(sys.argv[1])
submission.QUEUE, submission.VERDICTS = f"{folder}/queue", f"{folder}/verdicts"
submission.LOCK, submission.STARTING = f"{folder}/lock", f"{folder}/starting"

def work():
    time.sleep(1.5)
    for path in (folder / "queue").iterdir():
        kept = (folder / "kept" / path.name)
        path.rename(kept)
        submission.write(f"{folder}/verdicts/{path.stem}", sys.argv[2])

def start():
    (folder / "starts" / str(os.getpid())).touch()
    threading.Thread(target=work).start()

submission.start_worker = start
sys.exit(push.push(None))
`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "protected-sites-submission-"));
  for (const name of ["queue", "verdicts", "starts", "kept"]) mkdirSync(join(folder, name));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const submit = (input: string, verdict: string) =>
  execa("python3", ["-B", "-c", run, folder, verdict], { env, input, reject: false });

test("a push imports nothing that takes longer than Python itself", async () => {
  const script = "import sys, protected_sites.__main__, protected_sites.push; print(*sys.modules)";
  const { stdout } = await execa("python3", [
    "-I",
    "-S",
    "-B",
    "-c",
    `import sys; sys.path.insert(0, "${env.PYTHONPATH}"); ${script}`,
  ]);
  const slow = ["re", "json", "enum", "typing", "contextlib", "pathlib", "signal", "socket", "subprocess"];
  expect(slow.filter((name) => stdout.split(" ").includes(name))).toEqual([]);
});

test("of callers who come together one starts the worker, and each gets its result", async () => {
  const all = await Promise.all(["a", "b", "c", "d"].map((text) => submit(text, "ok\nlive")));
  expect(all.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(all.map(() => [0, "live"]));
  expect(readdirSync(join(folder, "starts"))).toHaveLength(1);
  expect(readdirSync(join(folder, "verdicts"))).toEqual([]);
});

test("a request is what the caller is, and all of its input", async () => {
  const { exitCode, stderr } = await submit("==> a\n\n\r\nlast", "failed\nin two\nlines");
  expect([exitCode, stderr]).toEqual([1, "in two\nlines"]);
  const [name = ""] = readdirSync(join(folder, "kept"));
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
  expect(readFileSync(join(folder, "kept", name), "utf8")).toBe(
    `kind push\nby root\nboot ${boot}\n==> a\n\n\r\nlast`,
  );
});

test("the worker takes no request that is still being written", async () => {
  const looks = `
import os, pathlib, sys
from protected_sites import requests, submission
requests.QUEUE = pathlib.Path(sys.argv[1], "queue")
flush = os.fsync

def look(descriptor):
    print(len(requests.take_requests()))
    flush(descriptor)

os.fsync = look  # once before the request has its name, and once after
text = submission.request_of(kind="remove", domain="a.test", by="root", boot=submission.boot_id())
submission.write(f"{requests.QUEUE}/1.request", text)
`;
  const { stdout } = await execa("python3", ["-B", "-c", looks, folder], { env });
  expect(stdout).toBe("0\n1");
});

test("input that is too long or not text is not queued", async () => {
  expect((await submit("x".repeat(2 ** 20 + 1), "ok\n")).stderr).toContain("longer than 1048576 bytes");
  expect(
    (
      await execa("python3", ["-B", "-c", run, folder, "ok\n"], {
        env,
        input: Buffer.from([0xff]),
        reject: false,
      })
    ).stderr,
  ).toContain("not UTF-8");
  expect([...readdirSync(join(folder, "starts")), ...readdirSync(join(folder, "queue"))]).toEqual([]);
});
