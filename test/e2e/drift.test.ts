/** What happened on hosts past the stack: told by a preview, put right by the next update; and rollbacks. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { problemsOf } from "../answers.ts";
import { openStack, setAll } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { certify, makeAuthority } from "../lab/certificates.ts";
import { runOn, shellOn, sshOff, sshOn } from "./on-hosts.ts";

let stack: Stack;
const [first = "", second = ""] = lab.hosts.map(({ name }) => name);
const current = "/etc/protected-sites/sites/code.lab.test/current";
const program = "/usr/local/sbin/protected-sites";

/** Where the environment's file lies as it was: the engine's own changes of it are not made by people. */
const folder = join(lab.state, "drift");

beforeAll(async () => {
  stack = await openStack(lab.name);
  await mkdir(folder, { recursive: true });
  await copyFile(join(lab.state, "stack/Pulumi.local.yaml"), join(folder, "Pulumi.local.yaml"));
});

afterAll(async () => {
  await shellOn(second, `rm -f ${obstacle}`);
  stack = await openStack(lab.name);
  await stack.up();
});

/** What the engine counts, and what the program told. */
interface Told {
  readonly changes: Readonly<Record<string, number>>;
  readonly warnings: string[];
}

async function run(what: "preview" | "up"): Promise<Told> {
  const events: EngineEvent[] = [];
  const onEvent = (event: EngineEvent) => events.push(event);
  await stack[what]({ color: "never", onEvent });
  const told = events.flatMap(({ diagnosticEvent: it }) =>
    it?.severity === "warning" ? [it.message.replaceAll(/<\{%.*?%\}>/g, "").trim()] : [],
  );
  const changes = events.find(({ summaryEvent }) => summaryEvent)?.summaryEvent?.resourceChanges ?? {};
  return { changes: { ...changes }, warnings: [...new Set(told)] };
}

async function rollback(...args: string[]): Promise<string> {
  const main = join(import.meta.dirname, "../../infra/commands/main.js");
  const stackArgs = ["--stack", "local", "--folder", folder, "--identity", lab.adminKey];
  const { all } = await execa(process.execPath, [main, "rollback", ...stackArgs, ...args], {
    reject: false,
    all: true,
  });
  return all;
}

const obstacle = "/etc/nginx/conf.d/obstacle.conf";

async function set(settings: Readonly<Record<string, string>>): Promise<void> {
  await setAll(stack, settings);
}

/** An update that fails; what the user is told. */
async function failing(): Promise<string[]> {
  const events: EngineEvent[] = [];
  await expect(stack.up({ color: "never", onEvent: (event) => events.push(event) })).rejects.toThrow();
  return events.flatMap(({ diagnosticEvent: it }) =>
    it?.severity === "error" ? [it.message.replaceAll(/<\{%.*?%\}>/g, "").trim()] : [],
  );
}

/** The site's time-out on each host. */
const timeouts = () =>
  Promise.all(
    [first, second].map((host) =>
      shellOn(
        host,
        `cd ${current} && cat nginx.conf $(grep -o 'shared/backend-limits.conf' nginx.conf) |
          sed -n 's/^ *proxy_read_timeout \\([69]0s\\);/\\1/p' | sort -u`,
      ),
    ),
  );

const sum = (host: string) => shellOn(host, `sha256sum <${current}/bundle`);

test("without drift, a preview reports nothing and changes nothing", async () => {
  const { changes, warnings } = await run("preview");
  expect({ changes: Object.keys(changes), warnings }).toEqual({ changes: ["same"], warnings: [] });
});

test("a preview reports drift, the update repairs it, and then nothing is left to report; a missing site is fully restored", async () => {
  const before = await sum(first);
  await shellOn(first, `sed -i s/10m/11m/ ${current}/nginx.conf`);
  await shellOn(
    second,
    "systemctl stop oauth2-proxy_wiki.lab.test.socket oauth2-proxy_wiki.lab.test.service",
  );
  await shellOn(second, "echo '# changed' >>/etc/nginx/conf.d/protected-sites.conf");
  await shellOn(first, `${program} remove wiki.lab.test && ${program} remove-credentials wiki.lab.test`);
  const warnings = [
    `${first}, site "code": nginx.conf differs; this update repairs it`,
    `${second}, site "wiki": oauth2-proxy_wiki.lab.test.socket is inactive; this update repairs it`,
    `${second}: /etc/nginx/conf.d/protected-sites.conf differs; this update repairs it`,
  ];

  const preview = await run("preview");
  expect([...preview.warnings].sort()).toEqual([...warnings].sort());
  // Three pushes and the credentials of the one that is gone; the second host's program, set-up and deployer.
  expect(preview.changes["update"]).toBe(3 + 1 + 3);
  expect((await run("up")).changes["update"]).toBe(3 + 1 + 3);

  expect(await shellOn(first, `grep -c 11m ${current}/nginx.conf || true`)).toBe("0");
  expect(await sum(first)).toBe(before);
  for (const host of [first, second]) expect(await shellOn(host, `${program} status`)).toContain("as pushed");
  expect(await run("preview")).toMatchObject({
    changes: { same: expect.any(Number) as number },
    warnings: [],
  });
});

test("a preview warns about an external certificate that expires soon", async () => {
  const files = "/data/certs/code.lab.test";
  const day = 86_400_000;
  const valid = { notBefore: new Date(Date.now() - 85 * day), notAfter: new Date(Date.now() + 5 * day) };
  const { certificate, key } = await certify(await makeAuthority("elsewhere"), ["code.lab.test"], valid);
  await shellOn(first, `cp -a ${files} ${files}.kept`);
  await runOn(first, ["tee", `${files}/fullchain.pem`], certificate);
  await runOn(first, ["tee", `${files}/privkey.pem`], key);
  await shellOn(first, "systemctl reload nginx");
  try {
    expect((await run("preview")).warnings).toEqual([
      expect.stringMatching(`^${first}, site "code": the certificate expires on \\d{4}-\\d\\d-\\d\\d$`),
    ]);
  } finally {
    await shellOn(first, `rm -r ${files}; mv ${files}.kept ${files}; systemctl reload nginx`);
  }
});

test("a host that cannot be reached is reported, and its resources have not changed", async () => {
  await shellOn(second, sshOff);
  try {
    const { changes, warnings } = await run("preview");
    expect(Object.keys(changes)).toEqual(["same"]);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^${second}: could not be reached \\(.*refused`)),
    ]);
  } finally {
    await shellOn(second, sshOn);
  }
});

test("if a later host fails, the others keep the change; the error says which host, which step, why, what is live and what to do", async () => {
  await shellOn(second, `echo "'obstacle' on;" >${obstacle}`);
  await set({ "sites.code.proxyReadTimeout": "90s" });
  const told = await failing();

  expect(await timeouts()).toEqual(["90s", "60s"]);
  const verdict = told.find((text) => text.includes(`code.lab.test on ${second}`)) ?? "";
  expect(verdict).toContain(`code.lab.test on ${second}: nothing changed: failed in step 'nginx -t'`);
  expect(verdict).toContain('unknown directive "obstacle"');
  expect(verdict).toMatch(/live now: generation \d+$/);
  expect(verdict.split("\n").length).toBeLessThan(6);
  expect(told).toContainEqual(
    `site "code": ${second} rejected the change; ${first} has it; pending or not yet tried: none. The next \`pulumi up\` tries again; \`npm run rollback -- --stack local --site code --host NAME\` rolls one back.`,
  );
});

test("a rollback puts earlier files live, and the next preview says that they will be overwritten", async () => {
  const said = await rollback("--site", "code", "--host", first);
  expect(said).toContain(`code.lab.test on ${first}: live, generation`);
  expect(said).toContain("The next `pulumi up` deploys stacks/Pulumi.local.yaml again");
  expect(await timeouts()).toEqual(["60s", "60s"]);
  const [, earlier = ""] =
    new RegExp(`${first} .*live, rollback to (\\d+)`).exec(await rollback("--site", "code", "--list")) ?? [];
  const again = await rollback("--site", "code", "--host", first, "--to", earlier, "--json");
  expect(problemsOf("rollback", again)).toEqual([]);
  expect(again).toContain("already at generation");

  const { warnings } = await run("preview");
  expect(warnings).toContainEqual(
    expect.stringMatching(
      new RegExp(
        `^${first}, site "code": rolled back to generation \\d+ by .*; this update replaces that with the configuration \\(nginx.conf\\)$`,
      ),
    ),
  );
});

test("with onHostFailure: rollback, hosts that have a change are rolled back if a later host fails", async () => {
  await set({ onHostFailure: "rollback" });
  const told = await failing();

  expect(told.join("\n")).toMatch(new RegExp(`code.lab.test on ${first}: live, generation \\d+`));
  expect(await timeouts()).toEqual(["60s", "60s"]);
});

test("the log on the host says who pushed, from which commit, what changed and how it ended", async () => {
  const log = await shellOn(first, "tail -3 /var/log/protected-sites/pushes.jsonl");
  const entries = log.split("\n").map((line) => JSON.parse(line) as unknown);
  const { stdout: commit } = await execa("git", ["rev-parse", "HEAD"]);
  const common = {
    when: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    who: expect.stringContaining("@") as string,
    commit,
    dirty: expect.any(Boolean) as boolean,
    stack: "local",
    site: "code.lab.test",
    changed: ["nginx.conf"],
    ok: true,
  };
  // The rollback by hand, the update, and its own rollback.
  expect(entries).toMatchObject([
    { ...common, by: "admin" },
    { ...common, by: "protected-sites" },
    { ...common, by: "admin" },
  ]);
});

test("an impossible rollback is refused before anything changes", async () => {
  expect(await rollback("--site", "code", "--to", "99")).toMatch(
    new RegExp(`^${first}: no earlier generation 99 \\(kept: [\\d, ]+\\)$`),
  );
  expect(await rollback("--site", "nope")).toContain("no such site; expected one of code (code.lab.test)");
  expect(await rollback("--site", "code", "--host", "nope")).toContain(`expected one of ${first}, ${second}`);
});
