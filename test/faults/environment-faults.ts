/** What is wrong with the files of a push, with the host, with the way to it, or with Entra. */
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import { sshOff, sshOn } from "../e2e/on-hosts.ts";
import { EntraControl } from "../lab/entra/control.ts";
import { type Bench, type Outcome, program } from "./bench.ts";
import { Disk } from "./disk.ts";
import type { Fault } from "./fault.ts";
import type { Ended } from "../lab/host-shell.ts";
import { chosen, heldAt } from "./step-faults.ts";

/** What is expected of the push that is hurt; the second one, without the fault, must always succeed. */
interface Expected {
  /** Left out: it may do either. */
  readonly succeeds?: boolean;
  /** What its message must say. */
  readonly says?: RegExp;
  /** Whether people may notice, for a reason that is the fault itself. */
  readonly mayFail?: boolean;
}

/** A push while something is wrong, which ends with the push. */
async function during(
  bench: Bench,
  step: string,
  expected: Expected,
  wrong: { readonly begin: () => Promise<unknown>; readonly end: () => Promise<unknown> },
  push: (text: string) => Promise<Ended> = (text) => bench.push(text),
  change: "nginx" | "all" = "all",
): Promise<Outcome> {
  const outcome = await bench.attempt(
    await bench.changed(change),
    async (text) => {
      await wrong.begin();
      try {
        return { step, ended: await push(text) };
      } finally {
        await wrong.end();
      }
    },
    { mayFail: expected.mayFail ?? false },
  );
  return { ...outcome, problems: [...outcome.problems, ...unexpected(outcome.ended, expected)] };
}

function unexpected({ ok, text }: Ended, { succeeds, says = /^/ }: Expected): string[] {
  return [
    ...(succeeds === undefined || ok === succeeds
      ? []
      : [`the push must ${succeeds ? "succeed" : "fail"}, got: ${text}`]),
    ...(says.test(text) ? [] : [`the push must say ${says.source}, got: ${text}`]),
  ];
}

/** Files that are wrong: what to replace in them, and what the push says. */
function wrongFiles(kind: number, title: string, cases: readonly WrongFile[], slow = false): Fault {
  return {
    kind,
    title,
    slow,
    async *tries(bench) {
      for (const { what, from, to, says, begin = "", end = "", mayFail = false } of cases) {
        const bad = (text: string) => {
          const changed = text.replace(from, to);
          if (changed === text) throw new Error(`${what}: ${String(from)} must be in the site's files`);
          return changed;
        };
        yield await during(
          bench,
          what,
          { succeeds: false, says, mayFail },
          { begin: () => bench.shell.shell(begin), end: () => bench.shell.shell(end) },
          (text) => bench.push(bad(text)),
        );
      }
    },
  };
}

interface WrongFile {
  readonly what: string;
  readonly from: string | RegExp;
  readonly to: string;
  readonly says: RegExp;
  readonly begin?: string;
  readonly end?: string;
  readonly mayFail?: boolean;
}

const takePort =
  "systemd-run --quiet --unit=port-taker python3 -m http.server --bind 0.0.0.0 8443; until curl -s http://127.0.0.1:8443 >/dev/null; do sleep 0.05; done";
const freePort = "systemctl stop port-taker.service";

const nginxRefuses = wrongFiles(6, "nginx -t refuses the files", [
  {
    what: "nginx -t",
    from: "client_max_body_size",
    to: "client_max_bodi_size",
    says: /nothing changed.*nginx -t.*\n.*unknown directive/,
  },
]);
const portTaken = wrongFiles(7, "a port is taken, which nginx -t and the reload both accept", [
  {
    what: "Nginx's port",
    from: "ssl_certificate ",
    to: "listen 8443; ssl_certificate ",
    says: /rolled back[^]*Address already in use/,
    begin: takePort,
    end: freePort,
  },
  {
    what: "the instance's metrics port",
    from: /metrics_address = "127\.0\.0\.1:\d+"/,
    to: 'metrics_address = "127.0.0.1:8443"',
    says: /rolled back[^]*address already in use/,
    begin: takePort,
    end: freePort,
  },
]);
const unitFails = wrongFiles(9, "the unit does not start", [
  {
    what: "ExecStartPre fails",
    from: "\nRestart=",
    to: "\nExecStartPre=/bin/false\nRestart=",
    says: /rolled back.*instance/,
  },
]);
const neverReady = wrongFiles(
  10,
  "the instance starts, and never answers",
  [
    {
      what: "it starts for longer than is waited for",
      from: "\nRestart=",
      to: "\nExecStartPre=/bin/sleep 40\nRestart=",
      says: /rolled back.*instance/,
      mayFail: true,
    },
    {
      what: "another path for its health",
      from: "provider =",
      to: 'ping_path = "/elsewhere"\nprovider =',
      says: /failed in step '(rehearsal|instance)'/,
    },
  ],
  true,
);

const certificates = "/data/certs/code.lab.test";
const certificate: Fault = {
  kind: 8,
  title: "the certificate is missing, or its key cannot be read",
  async *tries(bench, which) {
    for (const [step, begin] of [
      ["no certificate", `mv ${certificates} ${certificates}.away`],
      ["no key", `cp -a ${certificates} ${certificates}.away; rm ${certificates}/privkey.pem`],
      [
        "a key that is none",
        `cp -a ${certificates} ${certificates}.away; echo none >${certificates}/privkey.pem`,
      ],
      [
        "another's key",
        `cp -a ${certificates} ${certificates}.away; cp /data/certs/wiki.lab.test/privkey.pem ${certificates}`,
      ],
    ] as const)
      yield await during(
        bench,
        step,
        { succeeds: false, says: /nothing changed.*nginx -t/ },
        {
          begin: () => bench.shell.shell(begin),
          end: () => bench.shell.shell(`rm -rf ${certificates}; mv ${certificates}.away ${certificates}`),
        },
      );
    if (which === "critical") return;
    const steps = await bench.steps();
    const switched = chosen(steps, "critical").find(({ title }) => title.endsWith("/current"));
    if (switched === undefined) throw new Error("a push must switch");
    const outcome = await heldAt(bench, switched, async () => {
      await bench.shell.shell(
        `mv ${certificates} ${certificates}.away; (sleep 6; mv ${certificates}.away ${certificates}) >/dev/null 2>&1 &`,
      );
    });
    yield { ...outcome, step: "it goes between the check and the reload" };
  },
};

const entra = new EntraControl("http://192.0.2.2:8400");
const entraDown: Fault = {
  kind: 11,
  title: "Entra is down",
  async *tries(bench, which) {
    for (const outage of which === "critical"
      ? (["refuse"] as const)
      : (["refuse", "error", "hang"] as const))
      yield await during(
        bench,
        `it does: ${outage}`,
        { succeeds: true },
        {
          begin: () => entra.behave({ outage: { login: outage, graph: outage } }),
          end: () => entra.behave({ outage: { login: "none", graph: "none" } }),
        },
      );
  },
};

const clock: Fault = {
  kind: 17,
  title: "clocks differ by ten minutes",
  async *tries(bench) {
    for (const skew of [-600, 600])
      yield await during(
        bench,
        `Entra's is ${skew} s off`,
        { succeeds: true },
        {
          begin: () => entra.behave({ clockSkewSeconds: skew }),
          end: () => entra.behave({ clockSkewSeconds: 0 }),
        },
      );
    // A request of a host whose clock was then set back waits under a name that sorts last.
    yield await during(
      bench,
      "the host's was set back while a request waited",
      { succeeds: true },
      {
        begin: async () => {
          const text = await bench.shell.shell(
            "cat /etc/protected-sites/sites/wiki.lab.test/current/bundle; echo",
          );
          await bench.shell.run(
            [
              "/bin/sh",
              "-euc",
              `{ echo kind push; echo by root; echo boot $(cat /proc/sys/kernel/random/boot_id); echo; cat; } >/run/request
mv /run/request /var/lib/protected-sites/queue/9000000000000000000-1.request`,
            ],
            `${text.trimEnd()}\n`,
          );
        },
        end: () =>
          bench.shell.shell("while ls /var/lib/protected-sites/queue/9* >/dev/null 2>&1; do sleep 0.1; done"),
      },
    );
  },
};

/** Something on the way from the client to the push program. */
function onTheWay(
  kind: number,
  title: string,
  step: string,
  expected: Expected,
  wrong: {
    readonly begin: (bench: Bench) => Promise<unknown>;
    readonly end: (bench: Bench) => Promise<unknown>;
  },
  options: readonly string[] = [],
): Fault {
  return {
    kind,
    title,
    async *tries(bench) {
      yield await during(
        bench,
        step,
        expected,
        { begin: () => wrong.begin(bench), end: () => wrong.end(bench) },
        async (text) => {
          const { exitCode, all } = await bench.client(text, { options });
          return { ok: exitCode === 0, text: all };
        },
      );
    },
  };
}
const nothing = { begin: () => Promise.resolve(), end: () => Promise.resolve() };

const onHost = (begin: string, end: string) => ({
  begin: (bench: Bench) => bench.shell.shell(begin),
  end: (bench: Bench) => bench.shell.shell(end),
});

const wrongKey = onTheWay(
  13,
  "the host's key is another than the pinned one",
  "before the first byte",
  { succeeds: false, says: /Host key verification failed/ },
  nothing,
  ["HostKeyAlias=edge-1", "HostKeyAlgorithms=ecdsa-sha2-nistp256,rsa-sha2-512"],
);
const unknownKey = onTheWay(
  14,
  "the host's key is not known",
  "before the first byte",
  { succeeds: false, says: /Host key verification failed/ },
  nothing,
  ["KnownHostsCommand=/bin/true"],
);
const sudoAsks = onTheWay(
  18,
  "sudo asks for a password",
  "before the push program",
  { succeeds: false, says: /a password is required|interactive authentication is required/ },
  onHost(
    "mv /etc/sudoers.d/admin /run/sudoers-admin; echo 'admin ALL=(ALL) ALL' >/etc/sudoers.d/admin",
    "cat /run/sudoers-admin >/etc/sudoers.d/admin; rm /run/sudoers-admin",
  ),
);
const noise = onTheWay(
  19,
  "the shell's start-up file prints",
  "before the push program",
  { succeeds: true },
  onHost(
    'cp -a ~admin/.bashrc /run/bashrc; sed -i \'1i echo "{ noise"; echo "==> more noise" >&2\' ~admin/.bashrc',
    "cp -a /run/bashrc ~admin/.bashrc",
  ),
);

/** Nothing listens on the host's port 22. */
export const sshdDown = onHost(sshOff, sshOn);

const refused = onTheWay(
  12,
  "the host refuses the connection",
  "sshd is down",
  { succeeds: false, says: /refused/ },
  sshdDown,
);

/** What is sent to the host goes to an address that no card has. */
export const packetsLost = {
  begin: ({ host }: Bench) =>
    execa("ip", ["neighbour", "replace", host.address, ...nowhere, "dev", "lab0", "nud", "permanent"]),
  end: ({ host }: Bench) => execa("ip", ["neighbour", "del", host.address, "dev", "lab0"]),
};
const nowhere = ["lladdr", "02:00:00:00:00:01"];

const blackHole = onTheWay(
  12,
  "the host is behind a black hole",
  "every packet to it is lost",
  { succeeds: false, says: /timed out/, mayFail: true },
  packetsLost,
  ["ConnectTimeout=3"],
);

/** Opens so many connections to sshd, which say nothing. */
async function storm(bench: Bench, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(22, bench.host.address));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  for (const socket of sockets) socket.on("error", () => undefined);
  return sockets;
}

const maxStartups: Fault = {
  kind: 23,
  title: "sshd drops connections, since too many are being opened (MaxStartups)",
  async *tries(bench) {
    let sockets: Socket[] = [];
    yield await during(
      bench,
      "100 connections that say nothing",
      { says: /Connection (closed|reset)|live, generation/ },
      {
        begin: async () => (sockets = await storm(bench, 100)),
        end: () => {
          for (const socket of sockets) socket.destroy();
          return sleep(500);
        },
      },
      async (text) => {
        const { exitCode, all } = await bench.client(text);
        return { ok: exitCode === 0, text: all };
      },
    );
  },
};

const folder = "/etc/protected-sites/sites/code.lab.test";
const drift: Fault = {
  kind: 21,
  title: "somebody has edited what was pushed",
  async *tries(bench) {
    for (const [step, script] of [
      ["no account of what was pushed", `rm ${folder}/current/bundle`],
      ["a changed file", `sed -i s/10m/11m/ ${folder}/current/nginx.conf`],
      ["a missing file", `rm ${folder}/current/prometheus.json`],
      ["a missing link", "rm /etc/nginx/sites-enabled/code.lab.test.conf"],
      [
        "a stopped socket",
        "systemctl stop oauth2-proxy_code.lab.test.socket oauth2-proxy_code.lab.test.service",
      ],
      ["an open site", `sed -i 's/auth_request [^;]*;/auth_request off;/' ${folder}/current/nginx.conf`],
    ] as const)
      yield await during(
        bench,
        step,
        { succeeds: true, mayFail: step === "a stopped socket" },
        { begin: () => bench.shell.shell(script), end: () => Promise.resolve() },
        undefined,
        "nginx",
      );
  },
};

const planted: Fault = {
  kind: 24,
  title: "links are planted where the push writes",
  async *tries(bench) {
    const canary = "/run/protected-sites-canary";
    const next = `$(( $(ls ${folder}/generations | grep -o '^[0-9]*' | sort -n | tail -1) + 1 ))`;
    for (const [step, link] of [
      ["the folder of the new generation, to a folder", `${folder}/generations/.${next}`],
      ["the new generation, to a folder", `${folder}/generations/${next}`],
      ["`previous`", `${folder}/previous`],
      ["the request", "/var/lib/protected-sites/queue/0-1.request"],
    ] as const) {
      const outcome = await during(
        bench,
        step,
        { succeeds: true },
        {
          begin: () =>
            bench.shell.shell(
              `mkdir -p ${canary}; echo kept >${canary}/kept; chmod 700 ${canary}; ln -s ${canary} ${link}`,
            ),
          end: () => Promise.resolve(),
        },
      );
      const kept = await bench.shell.shell(
        `stat -c %a ${canary}; ls ${canary}; cat ${canary}/kept; rm -r ${canary}; rm -f ${link}`,
      );
      if (kept !== "700\nkept\nkept") outcome.problems.push(`what the link points to was changed: ${kept}`);
      yield outcome;
    }
  },
};

const rollsBackMeanwhile: Fault = {
  kind: 25,
  title: "a rollback comes while the push still restarts the instance",
  async *tries(bench) {
    const text = (await bench.changed("all")).replace("\nRestart=", "\nExecStartPre=/bin/sleep 4\nRestart=");
    const before = await bench.live();
    const pushing = bench.push(text);
    await bench.shell.shell(`until [ -e /var/lib/protected-sites/journal.json ]; do sleep 0.02; done`);
    const back = await bench.shell.run([program, "rollback", bench.domain]);
    const first = await pushing;
    const outcome = await during(bench, "after the switch", { succeeds: true }, nothing);
    const live = (
      await bench.shell.shell(
        `cat ${folder}/generations/$(ls ${folder}/generations | grep '^[0-9]*$' | sort -n | tail -2 | head -1)/bundle`,
      )
    ).trim();
    yield {
      ...outcome,
      problems: [
        ...outcome.problems,
        ...(first.ok && back.ok ? [] : [`both must succeed, got: ${first.text} / ${back.text}`]),
        ...(live === before.trim() ? [] : ["the rollback must lead to what was live before the push"]),
      ],
    };
  },
};

const startLimit: Fault = {
  kind: 26,
  title: "systemd's limit for starts: the instance is killed again and again",
  slow: true,
  async *tries(bench) {
    const service = `oauth2-proxy_${bench.domain}.service`;
    yield await during(
      bench,
      "20 kills before the push",
      { succeeds: true, mayFail: true },
      {
        begin: () =>
          bench.shell.shell(
            `for i in $(seq 20); do systemctl kill --signal=KILL ${service}; sleep 0.2; systemctl start ${service}; done`,
          ),
        end: () => Promise.resolve(),
      },
    );
  },
};

/** What is enough between nothing and plenty depends on the size of the site's files. */
function enough(left: number, plenty: number): Expected {
  return left > 0 && left < plenty ? {} : { succeeds: left >= plenty };
}

const full: Fault = {
  kind: 4,
  title: "the disk is full, or has no inodes left",
  async *tries(bench, which) {
    const disk = await Disk.under(bench.lab, bench.shell, { format: ["-N", "512"] });
    try {
      const sizes = which === "critical" ? [0] : [0, 4096, 16_384, 32_768, 65_536, 98_304, 131_072, 262_144];
      for (const left of sizes)
        yield await during(bench, `${left} bytes are left`, enough(left, 262_144), {
          begin: () => disk.fill(left),
          end: () => disk.empty(),
        });
      for (const left of which === "critical" ? [0] : [0, 1, 2, 5, 10, 14, 16, 18])
        yield await during(bench, `${left} inodes are left`, enough(left, 18), {
          begin: () => disk.fillInodes(left),
          end: () => disk.empty(),
        });
      yield await during(
        bench,
        "it is read-only",
        { succeeds: false, says: /Read-only file system/ },
        { begin: () => disk.remount("ro"), end: () => disk.remount("rw") },
      );
    } finally {
      await disk.remove();
    }
  },
};

const staleLock: Fault = {
  kind: 16,
  title: "a dead push has left its lock, its journal or its request",
  async *tries(bench) {
    yield await during(
      bench,
      "the lock is held for 5 s by somebody who then dies",
      { succeeds: true },
      {
        begin: () =>
          bench.shell.shell("systemd-run --quiet flock /run/protected-sites.lock sleep 5; sleep 0.3"),
        end: () => Promise.resolve(),
      },
    );
    yield await during(
      bench,
      "a request that is marked as taken",
      { succeeds: true },
      {
        begin: async () => {
          await bench.shell.shell(
            `echo >/var/lib/protected-sites/queue/1-1.taken; echo none >/var/lib/protected-sites/queue/2-1.request`,
          );
        },
        end: () => Promise.resolve(),
      },
    );
  },
};

const together: Fault = {
  kind: 15,
  title: "two clients push at once, to the hosts in opposite order",
  async *tries(bench) {
    const [one, other] = bench.lab.hosts;
    if (one === undefined || other === undefined) throw new Error("the lab must have two hosts");
    const others = bench.on(other);
    const mine = await bench.changed("all");
    const theirs = await bench.changed("all");
    const push = async (host: typeof one, text: string): Promise<Ended> => {
      const { exitCode, all } = await bench.client(text, { host });
      return { ok: exitCode === 0, text: all };
    };
    const before = await bench.live();
    const ended = await Promise.all([
      push(one, mine).then(async (first) => [first, await push(other, mine)]),
      push(other, theirs).then(async (first) => [first, await push(one, theirs)]),
    ]);
    const failed = ended.flat().filter(({ ok }) => !ok);
    const live = [await bench.live(), await bench.live(bench.domain, others)];
    const outcome = await during(bench, "from the first byte", { succeeds: true }, nothing);
    await others.run([program, "push"], before);
    yield {
      ...outcome,
      problems: [
        ...outcome.problems,
        ...failed.map(({ text }) => `each of the four pushes must succeed, got: ${text}`),
        ...live
          .filter((text) => text !== mine && text !== theirs)
          .map(() => "a host has the files of neither push"),
      ],
    };
  },
};

export const environmentFaults = [
  ...[
    nginxRefuses,
    portTaken,
    certificate,
    unitFails,
    neverReady,
    entraDown,
    refused,
    blackHole,
    wrongKey,
    unknownKey,
  ],
  ...[
    together,
    staleLock,
    clock,
    sudoAsks,
    noise,
    drift,
    maxStartups,
    planted,
    rollsBackMeanwhile,
    startLimit,
    full,
  ],
];
