/**
 * docs/systemd on a real systemd, in a clone of somebody's repository, as docs/workflows.md says: the timer blocks
 * whoever Entra disables, on the hosts and in the repository. One of the lab's hosts is the machine that it runs on.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { blockedList } from "../../components/render/nginx/blocked.ts";
import { blockedFile } from "../../components/site/names.ts";
import { onHost } from "../lab/lab.ts";
import { deployerEnvironment, entra } from "./client-secrets.ts";
import { lab } from "./instance.ts";
import { everywhere, shellOn, sshOff, sshOn } from "./on-hosts.ts";
import { type UserRepository, userRepository } from "./user-repository.ts";

const [machine = { name: "" }, other = { name: "" }] = lab.hosts;
const root = join(import.meta.dirname, "../..");
const units = join(root, "docs/systemd");
const service = "block-disabled@local.service";
const timer = "block-disabled@local.timer";
const user = "block-disabled";
const [clone, remote] = ["/srv/protected-sites", "/srv/sites.git"];
const settings = "/etc/protected-sites-block-disabled";
const state = "/var/lib/protected-sites-block-disabled";

let repository: UserRepository;

const shell = (script: string, input = "") => shellOn(machine.name, script, input);

/** Copies files and folders of this machine. */
async function copy(from: string, names: readonly string[], to: string): Promise<void> {
  const [file = "", ...args] = await onHost(lab.name, machine.name, ["tar", "-xf", "-", "-C", to]);
  await execa("tar", ["-C", from, "-cf", "-", ...names], { buffer: false }).pipe(file, args);
}

/** Git, Node and npm, as somebody would have installed them. */
async function installPrograms(): Promise<void> {
  await copy("/usr", ["bin/git", "bin/git-upload-pack", "bin/git-receive-pack", "lib/git-core"], "/usr");
  await copy(dirname(process.execPath), ["node"], "/usr/local/bin");
  const { stdout: npm } = await execa("sh", ["-c", 'readlink -f "$(command -v npm)"']);
  const modules = "/usr/local/lib/node_modules";
  await shell(`mkdir -p ${modules}; ln -sf ${modules}/npm/bin/npm-cli.js /usr/local/bin/npm`);
  await copy(join(dirname(npm), "../.."), ["npm"], modules);
}

/** What `npm ci` would install there. */
async function installPackages(): Promise<void> {
  const { stdout } = await execa("npm", ["ls", "--omit=dev", "--all", "--parseable"], { cwd: root });
  const packages = stdout.split("\n").slice(1);
  await copy(
    root,
    packages.map((it) => relative(root, it)),
    clone,
  );
  await copy(dirname(dirname(repository.settings)), ["node_modules/protected-sites"], clone);
  const program = "../protected-sites/dist/infra/commands/main.js";
  await shell(
    `cd ${clone}/node_modules; mkdir -p .bin; cd .bin; chmod 755 ${program}; ln -sf ${program} protected-sites`,
  );
}

async function makeClone(): Promise<void> {
  const folder = dirname(dirname(repository.settings));
  const files = (await readdir(folder)).filter((name) => name !== "node_modules");
  await shell(`useradd --create-home ${user}; install -d -o ${user} ${clone} ${remote}`);
  await copy(folder, files, clone);
  const git = "git -c user.name=Ada -c user.email=ada@lab.test";
  await shell(
    `chown -R ${user} ${clone}; runuser -u ${user} -- sh -euc '
      git init -q --bare -b main ${remote}
      cd ${clone}; git init -q -b main; git add -A; ${git} commit -q -m First
      git remote add origin ${remote}; git push -q -u origin main'`,
  );
}

async function installUnits(): Promise<void> {
  await copy(units, await readdir(units), "/etc/systemd/system");
  const { ARM_CLIENT_ID, ARM_CLIENT_SECRET } = deployerEnvironment();
  const ca = "/etc/ssl/certs/ca-certificates.crt";
  const variables = { ARM_CLIENT_ID, ARM_CLIENT_SECRET, NODE_EXTRA_CA_CERTS: ca };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  await shell(`install -d -m 700 ${settings}; umask 077; cat >${settings}/local.env`, lines.join(""));
  await shell(`umask 077; cat >${settings}/identity`, await readFile(lab.adminKey, "utf8"));
  await shell("systemctl daemon-reload");
}

beforeAll(async () => {
  [repository] = await Promise.all([userRepository(), installPrograms()]);
  await makeClone();
  await installPackages();
  await installUnits();
  await entra.setPermissions(["User.Read.All"]);
});

afterAll(async () => {
  // First, so that a later run finds the machine as this one did, whatever else fails here.
  await shell(`set +e; systemctl disable --now ${timer}; systemctl stop ${service}; userdel --remove ${user}
    rm -rf /etc/systemd/system/block-disabled@* ${settings} ${state} ${clone} ${remote} ${remote}.away
    rm -rf /usr/lib/git-core /usr/bin/git* /usr/local/bin/node /usr/local/bin/npm /usr/local/lib/node_modules
    systemctl daemon-reload; systemctl reset-failed; true`);
  await entra.reset();
  await everywhere(sshOn);
  await everywhere("protected-sites block --every-site", blockedList([]));
  await repository.remove();
});

/** Runs the service and waits for its end. */
async function run() {
  const start = `since=$(date +%s); ok=true; systemctl start ${service} || ok=false
    journalctl --quiet --output=cat --unit=${service} --since=@$since; echo $ok`;
  const lines = (await shell(start)).split("\n");
  return { ok: lines.pop() === "true", said: lines.join("\n") };
}

/** Whom each host blocks. */
const blocked = () => everywhere(`grep -o '[a-z]*@lab.test' ${blockedFile} | sort -u | tr '\\n' ' '`);

/** The subjects of the remote's commits, the last first. */
const commits = async () => (await shell(`git --git-dir=${remote} log --format=%s main`)).split("\n");
const fileOfRemote = () => shell(`git --git-dir=${remote} show main:stacks/Pulumi.local.yaml`);

const message = "Block whoever Entra has disabled or deleted (local)";

test("the first run makes its folder, asks for the baseline and blocks nobody", async () => {
  const { ok, said } = await run();
  expect({ ok, said }).toMatchObject({ ok: false, said: expect.stringContaining("--baseline") as string });
  expect(await shell(`stat --format=%U:%a ${state}`)).toBe(`${user}:700`);
  await shell(
    `set -a; . ${settings}/local.env; set +a; cd ${clone}
    runuser -u ${user} -- npm run --silent block-disabled -- --stack local --state ${state}/local.json --baseline`,
  );
  expect(await commits()).toEqual(["First"]);
});

test("the timer begins at once: whoever was disabled since is blocked on all hosts, and that is committed and pushed", async () => {
  await entra.setEnabled("ada", false);
  await shell(`systemctl enable --now ${timer}`);
  await expect.poll(blocked, { timeout: 200_000 }).toEqual(["ada@lab.test ", "ada@lab.test "]);
  await expect.poll(commits, { timeout: 60_000 }).toEqual([message, "First"]);
  expect(await fileOfRemote()).toContain("user: ada@lab.test");
  const active = () => shell(`systemctl is-active ${service} || true`);
  await expect.poll(active, { timeout: 60_000 }).toBe("inactive");
  expect(await shell(`systemctl list-timers --no-legend ${timer}`)).toMatch(
    /^\w+ [\d-]+ [\d:]+ UTC [1-5]min/,
  );
});

test("with nothing to do it commits nothing", async () => {
  const { ok, said } = await run();
  expect({ ok, said }).toMatchObject({ ok: true, said: expect.stringContaining("0 to block") as string });
  expect(await commits()).toEqual([message, "First"]);
});

test("while a host and the remote are away, the other hosts block, and the run fails; the next one makes up for it", async () => {
  await entra.setEnabled("bob", false);
  await shellOn(other.name, sshOff);
  await shell(`mv ${remote} ${remote}.away`);
  const first = await run();
  expect(first).toMatchObject({ ok: false, said: expect.stringContaining(other.name) as string });
  expect(await blocked()).toEqual(["ada@lab.test bob@lab.test ", "ada@lab.test "]);

  await shellOn(other.name, sshOn);
  await shell(`mv ${remote}.away ${remote}`);
  const { ok, said } = await run();
  expect({ ok, said }).toMatchObject({ ok: true });
  expect(await blocked()).toEqual(["ada@lab.test bob@lab.test ", "ada@lab.test bob@lab.test "]);
  expect(await commits()).toEqual([message, message, "First"]);
  expect(await fileOfRemote()).toContain("user: bob@lab.test");
});
