/**
 * A host's push program, watched and hurt at its system calls. systemd starts it as ever, only stopped, until strace
 * looks on from outside of the host.
 */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import { cgroupOf, processesIn } from "../lab/processes.ts";
import type { HostShell } from "../lab/host-shell.ts";

/** System calls that change a file system. Files are made by openat, which reads, too: what follows it stands for it. */
const changing = [
  ...["write", "pwrite64", "fsync", "fdatasync", "ftruncate"],
  ...["mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2"],
  ...["symlink", "symlinkat", "link", "linkat", "utimensat"],
  ...["chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat"],
] as const;

/** Those that a full disk refuses. */
export const roomTaking = ["write", "pwrite64", "mkdir", "mkdirat", "symlink", "symlinkat", "fsync"];

/** How it starts another program, which then changes the host: systemctl, nginx. */
const starting = "vfork";

/** A system call of the push program. */
export interface Step {
  readonly call: string;
  /** Which of the calls of that name it is, counted from 1. */
  readonly nth: number;
  /** The call and its file, without what differs from push to push. */
  readonly title: string;
}

/** What is done to the push program at a system call, in strace's words: `signal=SIGKILL`, `error=ENOSPC:when=3+`. */
export interface Injection {
  readonly call: string;
  readonly what: string;
}

/** At one step. */
export function at({ call, nth }: Step, what: string): Injection[] {
  return [{ call, what: `${what}:when=${nth}` }];
}

/** At a step and whatever comes after it. @param steps - All of a push. */
export function from(step: Step, steps: readonly Step[], what: string): Injection[] {
  const before = steps.slice(0, steps.indexOf(step));
  return changing.map((call) => {
    const passed = before.filter((it) => it.call === call).length;
    return { call, what: `${what}:when=${passed + 1}+` };
  });
}

/** At every step. */
export function everywhere(what: string, calls: readonly string[] = changing): Injection[] {
  return calls.map((call) => ({ call, what }));
}

const flag = "/run/protected-sites-traced";
const dropIn = "/run/systemd/system/protected-sites-worker.service.d/traced.conf";
const unit = "protected-sites-worker.service";

export class TracedWorker {
  readonly #host: HostShell;

  private constructor(host: HostShell) {
    this.#host = host;
  }

  static async on(host: HostShell, { watchdog = true } = {}): Promise<TracedWorker> {
    const start = `if rm ${flag} 2>/dev/null; then kill -STOP $$$$; fi; exec /usr/local/sbin/protected-sites worker`;
    await host.run(
      [
        "/bin/sh",
        "-euc",
        `mkdir -p ${dropIn.replace(/[^/]*$/, "")}; cat >${dropIn}; systemctl daemon-reload`,
      ],
      // It stands still longer than its watchdog allows where each of its steps is looked at.
      `[Service]\n${watchdog ? "" : "WatchdogSec=0\n"}ExecStart=\nExecStart=/bin/sh -c '${start}'\n`,
    );
    return new TracedWorker(host);
  }

  /** Takes the watching out of the host again. */
  async remove(): Promise<void> {
    await this.#host.shell(`rm -rf ${dropIn.replace(/[^/]*$/, "")} ${flag}; systemctl daemon-reload`);
  }

  /** Has the next worker wait for {@link attach}. */
  async arm(): Promise<void> {
    await this.#host.shell(`touch ${flag}`);
  }

  /** Waits for the worker, and for as many requests as it shall find together, and lets it go on, watched. */
  async attach(injections: readonly Injection[] = [], { requests = 1 } = {}): Promise<Traced> {
    const pid = await this.#stopped();
    if (requests > 1) await this.#gathered(requests);
    const folder = await mkdtemp(join(tmpdir(), "protected-sites-strace-"));
    const log = join(folder, "log");
    const inject = injections.map(({ call, what }) => `--inject=${call}:${what}`);
    const strace = execa(
      "strace",
      [
        "--decode-fds=path",
        "--string-limit=300",
        `--output=${log}`,
        `--trace=${[...changing, starting].join(",")}`,
        ...inject,
        `--attach=${pid}`,
      ],
      { reject: false },
    );
    // It says so on its standard error once it looks on.
    await Promise.race([once(strace.stderr, "data"), strace]);
    const traced = new Traced(
      pid,
      folder,
      strace.then(() => undefined),
    );
    await traced.goOn();
    return traced;
  }

  async #stopped(): Promise<number> {
    for (let attempt = 0; attempt < 1500; attempt++) {
      const [pid] = await processesIn(this.#cgroup());
      if (pid !== undefined && (await stateOf(pid)) === "T") return pid;
      await sleep(20);
    }
    throw new Error(`${this.#host.name}: a push must start the worker within 30 s, and none was started`);
  }

  async #gathered(requests: number): Promise<void> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const waiting = await this.#host.shell("ls /var/lib/protected-sites/queue | grep -c '\\.request$'");
      if (Number(waiting) >= requests) return;
      if (Date.now() > deadline)
        throw new Error(
          `${this.#host.name}: expected ${requests} requests within 30 s, got ${waiting.trim()}`,
        );
      await sleep(20);
    }
  }

  #cgroup(): string {
    return cgroupOf(this.#host.lab, `${this.#host.name}/payload/system.slice/${unit}`);
  }

  /** Whether a worker, or what ends it, runs. */
  async runs(): Promise<boolean> {
    return (await processesIn(this.#cgroup())).length > 0;
  }
}

/** A worker that is being watched. */
export class Traced {
  readonly pid: number;
  /** Resolves when the worker has ended. */
  readonly ended: Promise<void>;
  readonly #folder: string;

  constructor(pid: number, folder: string, ended: Promise<void>) {
    this.pid = pid;
    this.#folder = folder;
    this.ended = ended;
  }

  /** Resolves when it stands still again after {@link attach} or {@link goOn}. @throws after a minute */
  async stop(): Promise<"stopped" | "ended"> {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      await sleep(2);
      const text = await this.#text();
      if (text.lastIndexOf("--- stopped by SIGSTOP") > text.lastIndexOf("--- SIGCONT")) return "stopped";
      if (/^\+{3} /m.test(text)) return "ended";
    }
    throw new Error("the push program must come to its next step within a minute, and it did not");
  }

  async goOn(): Promise<void> {
    const times = async () => (await this.#text()).split("--- SIGCONT").length;
    const before = await times();
    process.kill(this.pid, "SIGCONT");
    while ((await times()) === before) await sleep(1);
  }

  /** What it did so far; and forgets it. */
  async steps(): Promise<Step[]> {
    const counted = new Map<string, number>();
    const lines = (await this.#text()).split("\n").filter((line) => /^\w+\(/.test(line));
    return lines.map((line) => {
      const call = line.slice(0, line.indexOf("("));
      const nth = (counted.get(call) ?? 0) + 1;
      counted.set(call, nth);
      return { call, nth, title: titleOf(call, line) };
    });
  }

  /** Where it was hurt: at the call that was made to fail, or the last that it came to. */
  async hit(): Promise<string> {
    const lines = (await this.#text()).split("\n").filter((line) => /^\w+\(/.test(line));
    const line = lines.find((it) => it.endsWith("(INJECTED)")) ?? lines.at(-1) ?? "";
    return titleOf(line.slice(0, line.indexOf("(")), line);
  }

  async forget(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #text(): Promise<string> {
    return readFile(join(this.#folder, "log"), "utf8").catch(() => "");
  }
}

async function stateOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2)[0];
}

/** For example "fsync sites/code.lab.test/generations/N/nginx.conf". */
function titleOf(call: string, line: string): string {
  const open = /^\w+\(\d+<([^>]*)>/.exec(line)?.[1];
  const named = [...line.matchAll(/"([^"]*)"/g)].map(([, path = ""]) => path);
  const path =
    call === "unlinkat"
      ? `${open ?? ""}/${named[0] ?? ""}`
      : (open ?? (call === "rename" || call === "symlink" ? named[1] : named[0]) ?? "");
  return `${call} ${call === starting ? "of another program" : path}`
    .replace(/socket:.*/, "socket")
    .replaceAll(/\d{10,}-\d+/g, "N")
    .replace(/generations\/(\.?)\d+/, "generations/$1N")
    .replace(/(\/\.[\w.@-]+?)\.\d+$/, "$1.PID")
    .replace(/\/run\/protected-sites-[^/]+/, "/run/protected-sites-N")
    .replace(/\/(?:etc|var\/lib)\/protected-sites\//, "");
}
