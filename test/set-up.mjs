/**
 * What `npm run local` and `npm test` do first, as the very first command after a clone: look for all that this machine
 * lacks, before anything is changed; install npm and Debian packages where they are missing; hand over to the Node that
 * comes with the npm packages. Plain JavaScript without any package: the machine's own Node, from 18 on, runs it.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [command = "local", ...args] = process.argv.slice(2);
const scripts = {
  local: "test/lab/cli.ts",
  test: "test/run.ts",
  bench: "test/bench/bench.ts",
  "bench:push": "test/bench/push.ts",
  "bench:scale": "test/bench/scale.ts",
  "bench:block": "test/bench/block.ts",
  "bench:who": "test/bench/who.ts",
  faults: "test/faults/cli.ts",
  judge: "test/judges/judge.ts",
};

/** Debian packages that the lab needs, by a program of each. */
const debianPackages = {
  "systemd-nspawn": "systemd-container",
  mmdebstrap: "mmdebstrap",
  ip: "iproute2",
  setpriv: "util-linux",
  chromium: "chromium",
  certutil: "libnss3-tools",
  strace: "strace",
  "mkfs.ext4": "e2fsprogs",
  "redis-cli": "redis-tools",
  dnsmasq: "dnsmasq-base",
  tinyproxy: "tinyproxy-bin",
  pip3: "python3-pip",
};

const oldestNode = 18;

/** Finds a program where a shell would, and where Debian has root's. */
function found(program) {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return directories.some((directory) => existsSync(join(directory, program)));
}

/** Everything without which nothing can be run at all: one line each. */
function missingForAnything() {
  const [major] = process.versions.node.split(".").map(Number);
  return [
    ...(major >= oldestNode ? [] : [`Node ${oldestNode} or newer; this is ${process.version}`]),
    ...(found("npm") ? [] : ["npm, which comes with Node"]),
  ];
}

/** Everything without which no host can be booted: one line each. */
async function missingForLab() {
  if (process.platform !== "linux") return [`Linux (Debian 12); this is ${process.platform}`];
  const missing = [];
  if (!["x64", "arm64"].includes(process.arch)) missing.push(`x86_64 or arm64; this is ${process.arch}`);
  if (process.getuid() !== 0) missing.push(`root, who may boot hosts; this is user ${process.getuid()}`);
  else if (!mayAdministrate())
    missing.push("the right to make namespaces (CAP_SYS_ADMIN), which this container takes from root");
  if (!/ cgroup2 /.test(readFileSync("/proc/self/mounts", "utf8")))
    missing.push("a mounted cgroup2 file system");
  if (!found("apt-get"))
    missing.push("apt-get (Debian or Ubuntu), which installs the lab's programs and hosts");
  const go = await missingGo();
  if (go !== undefined) missing.push(go);
  return missing;
}

function mayAdministrate() {
  const [, capabilities = "0"] = /^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  const systemAdministration = 21n;
  return ((BigInt(`0x${capabilities}`) >> systemAdministration) & 1n) === 1n;
}

/** Which things that take long an earlier run has made; as in test/lab/paths.ts. */
function cached() {
  const base = process.env.XDG_CACHE_HOME?.startsWith("/")
    ? process.env.XDG_CACHE_HOME
    : join(homedir(), ".cache");
  const cache = join(base, "protected-sites");
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const engine = join(cache, "pulumi", `v${dependencies["@pulumi/pulumi"]}`);
  const has = (folder, pattern) =>
    existsSync(join(cache, folder)) && readdirSync(join(cache, folder)).some((name) => pattern.test(name));
  return {
    engine: ["built", "official"].some((origin) => existsSync(join(engine, origin))),
    oauth2Proxy: has("oauth2-proxy", /^v[\d.]+$/),
    image: has("images", /^[0-9a-f]+$/),
  };
}

/** What takes long once the lab is there. */
const afterwards = {
  local: "the hosts and their sites take up to half a minute",
  test: "the tests take 20 to 25 minutes",
};

/**
 * How long it will take, and why, by the figures of docs/lab.md.
 * @param packages Debian packages that are missing
 */
function outlook(packages) {
  const { engine, oauth2Proxy, image } = cached();
  const built = "where it cannot be downloaded, it is built from its Go module:";
  const lines = [
    ...(npmPackagesAreThere() ? [] : ["npm packages: half a minute"]),
    ...(packages.length === 0 ? [] : [`Debian packages (${packages.join(", ")}): a minute or two`]),
    ...(engine || found("pulumi") ? [] : [`the Pulumi engine; ${built} 4 to 8 minutes`]),
    ...(image ? [] : ["the image of the hosts: a minute"]),
    ...(oauth2Proxy ? [] : [`oauth2-proxy; ${built} a minute`]),
  ];
  const then = args.includes("--lab") ? undefined : afterwards[command];
  const times = "on two cores that are otherwise idle";
  if (lines.length === 0) return then === undefined ? "" : `All is cached; ${then}, ${times}.\n`;
  return `To be made or downloaded first, once, ${times}:
${lines.map((line) => `  - ${line}\n`).join("")}${then === undefined ? "" : `Then ${then}.\n`}`;
}

/** What a machine without the lab can do. */
function withoutLab() {
  const engines = ["docker", "podman"].filter((program) => found(program));
  return [
    ...(engines.length === 0
      ? []
      : [
          `${engines.join(" and ")} cannot take its place: the lab boots whole Debian hosts, with systemd, sshd and networks of their own (systemd-nspawn).`,
        ]),
    "A virtual machine with Debian 12 has all of it. Possible here: `npm run test:unit`, and the commands that contact nothing (docs/commands.md).",
    "",
  ].join("\n");
}

/** Go builds what cannot be downloaded: the engine and oauth2-proxy, unless an earlier run did. */
async function missingGo() {
  const { engine, oauth2Proxy } = cached();
  if (engine && oauth2Proxy) return undefined;

  const needed = newest(
    ["pulumi", "oauth2-proxy"].map((module) => {
      const text = readFileSync(join(root, "test/lab/closed", module, "go.mod"), "utf8");
      return /^go (\S+)/m.exec(text)?.[1] ?? "0";
    }),
  );
  const answer = spawnSync("go", ["env", "GOVERSION"], {
    encoding: "utf8",
    env: { ...process.env, GOTOOLCHAIN: "local" },
  });
  const version = /^go(\d[\d.]*)/.exec(answer.stdout ?? "")?.[1];
  if (version !== undefined && newest([version, needed]) === version) return undefined;
  if (await canDownload()) return undefined;
  const there = version === undefined ? "there is none" : `this is ${version}`;
  return `Go ${needed} or newer, since the engine cannot be downloaded from here; ${there}`;
}

function newest(versions) {
  return versions.reduce((a, b) => (a.localeCompare(b, "en", { numeric: true }) >= 0 ? a : b));
}

async function canDownload() {
  try {
    await fetch("https://get.pulumi.com/", { method: "HEAD", signal: AbortSignal.timeout(5000) });
    return true;
  } catch {
    return false;
  }
}

/** Whether what is installed is what package-lock.json says; npm notes what it has installed when it is done. */
function npmPackagesAreThere() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed) || !existsSync(join(root, "node_modules", ".bin", "node"))) return false;
  const versions = (file) => Object.entries(JSON.parse(readFileSync(file, "utf8")).packages);
  const there = new Map(versions(installed));
  return versions(join(root, "package-lock.json")).every(([path, { version, optional, link }]) => {
    if (path === "" || link === true) return true;
    const found = there.get(path);
    return found === undefined ? optional === true : found.version === version;
  });
}

/** Runs something that takes long; what it prints is shown only where it fails. */
function install(what, file, arguments_) {
  const begin = Date.now();
  process.stdout.write(`${what} …\n`);
  const { status, error, stdout, stderr } = spawnSync(file, arguments_, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status !== 0) {
    process.stdout.write(stdout ?? "");
    process.stderr.write(stderr ?? "");
    throw new Error(`${file} ${arguments_.join(" ")} failed: ${error?.message ?? `exit code ${status}`}`);
  }
  process.stdout.write(`${what}  ${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
}

/** Becomes, as nearly as Node can, the script under the Node that the npm packages brought. */
function handOver(script, arguments_) {
  const bin = join(root, "node_modules", ".bin");
  const child = spawn(join(bin, "node"), [join(root, script), ...arguments_], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: [bin, process.env.PATH, "/usr/sbin", "/sbin"].join(delimiter) },
  });
  // The child decides what an interruption means; a terminal sends it one, too.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
}

async function main() {
  if (scripts[command] === undefined)
    throw new Error(
      `set-up: the command must be one of ${Object.keys(scripts).join(", ")}, got "${command}"`,
    );
  const removes = command === "local" && args.includes("--down");
  const anything = missingForAnything();
  const lab = removes ? [] : await missingForLab();
  const mayLeaveOut = command === "test" && anything.length === 0 && process.env.CI !== "true";
  const missing = [...anything, ...(mayLeaveOut ? [] : lab)];
  if (missing.length > 0)
    throw new Error(
      `\`npm ${command === "test" ? "test" : `run ${command}`}\` needs what this machine lacks:\n` +
        `${missing.map((line) => `  - ${line}\n`).join("")}${lab.length > 0 ? withoutLab() : ""}Nothing has been changed.`,
    );

  const packages = Object.entries(debianPackages).flatMap(([program, name]) =>
    found(program) ? [] : [name],
  );
  if (lab.length === 0 && !removes) process.stdout.write(outlook(packages));
  if (!npmPackagesAreThere()) install("npm packages", "npm", ["ci"]);
  if (lab.length === 0 && !removes) {
    if (packages.length > 0) {
      install("Debian's package lists", "apt-get", ["update"]);
      // What is recommended beside them would change how the machine resolves names.
      const options = ["install", "--yes", "--no-install-recommends"];
      install(`Debian packages ${packages.join(", ")}`, "apt-get", [...options, ...packages]);
    }
  }
  const without = lab.length > 0 ? [`--without-lab=${lab.join("; ")}`] : [];
  handOver(scripts[command], [...without, ...args]);
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
