/** The file system that all hosts of the lab are booted from: a small Debian with what a host has before it is set up. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { type HostSystem, hostSystem } from "./host-system.ts";
import { madeOnce } from "./made-once.ts";
import { cacheDirectory } from "./paths.ts";

/** An image that is ready to boot from. */
export interface Image {
  /** Its root folder. Nobody may change it: hosts lay their own files over it. */
  readonly directory: string;
  /** Tells images apart. */
  readonly hash: string;
  /** One line that says what it is. */
  readonly line: string;
}

/** oauth2-proxy is missing on purpose: setting up a host installs it. */
const packages = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "openssh-server",
  "nginx",
  "python3",
  "ca-certificates",
  "iproute2",
  "procps",
  "curl",
  "certbot",
  "logrotate",
  "passwd",
  "mount",
];

/** What a bare machine lacks of it. `passwd` is part of the smallest system up to Debian 13. */
const installedBySetUp = ["nginx", "python3", "passwd"];

/** Users of a host read manual pages elsewhere: a third of the image, and of the time to unpack it. */
const excluded = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

/**
 * Run in the finished file system: the administrator of the lab's hosts, and nothing of the machine that the image was
 * made on. Timers are off that would look for updates, since a host of the lab reaches no archive.
 */
const finish = `
echo 'admin:x:1000:1000::/home/admin:/bin/bash' >>/etc/passwd
echo 'admin:*:20000::::::' >>/etc/shadow
echo 'admin:x:1000:' >>/etc/group
cp -r /etc/skel /home/admin
chown -R admin: /home/admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin
chmod 0440 /etc/sudoers.d/admin
rm -f /etc/ssh/ssh_host_* /etc/resolv.conf /etc/hostname
: >/etc/machine-id
mkdir /etc/systemd/system/ssh.service.d
cat >/etc/systemd/system/ssh.service.d/host-keys.conf <<'END'
# A host makes its own keys when it first boots.
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
END
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer getty@tty1.service
`;

/**
 * Run in the file system of a bare machine before that: an archive on its own disk, since a host of the lab reaches no
 * other, with the packages that it lacks.
 */
const archiveOnDisk = `
mkdir -p /srv/packages/partial
cd /srv/packages
lacking=
for name in ${installedBySetUp.join(" ")}; do dpkg-query --status $name >/dev/null 2>&1 || lacking="$lacking $name"; done
apt-get -qq install -y --no-install-recommends --download-only -o Dir::Cache::archives=/srv/packages $lacking
for package in *.deb; do
  dpkg-deb --field "$package"
  echo "Filename: ./$package"
  echo "Size: $(stat --format=%s "$package")"
  echo "SHA256: $(sha256sum "$package" | cut -d' ' -f1)"
  echo
done >Packages
rm -rf partial lock /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/packages ./' >/etc/apt/sources.list
`;

/**
 * The image, made on first use (under a minute) and kept in the cache.
 *
 * @param onProgress - Gets a line for each thing that takes long.
 * @param more - Further packages; with them it is another image.
 */
export async function ensureImage(
  onProgress: (line: string) => void = () => undefined,
  more: readonly string[] = [],
): Promise<Image> {
  return ensure([...packages, ...more], finish, onProgress);
}

/** The same for a machine that nobody has prepared: without Nginx and Python, which its archive has. */
export async function ensureBareImage(onProgress: (line: string) => void = () => undefined): Promise<Image> {
  // Certbot is written in Python.
  const lacking = [...installedBySetUp, "certbot"];
  const included = packages.filter((name) => !lacking.includes(name));
  return ensure(included, `${archiveOnDisk}${finish}`, onProgress);
}

/**
 * Programs of Debian's packages in a file system of their own, for `chroot`: nothing of it is started, and the machine
 * stays as it is.
 *
 * @param last - Run in it at the end.
 */
export async function ensurePrograms(
  included: readonly string[],
  last: string,
  onProgress: (line: string) => void = () => undefined,
): Promise<Image> {
  return make(await hostSystem(), included, last, onProgress);
}

async function ensure(
  common: readonly string[],
  last: string,
  onProgress: (line: string) => void,
): Promise<Image> {
  const system = await hostSystem();
  return make(system, [...common, ...system.packages], `${system.script}${last}`, onProgress);
}

async function make(
  system: HostSystem,
  included: readonly string[],
  script: string,
  onProgress: (line: string) => void,
): Promise<Image> {
  const lines = await archives(system);
  const recipe = JSON.stringify([system.name, process.arch, included, excluded, script, lines]);
  const hash = createHash("sha256").update(recipe).digest("hex").slice(0, 16);
  const directory = join(cacheDirectory(), "images", hash);
  const root = join(directory, "root");
  if (!existsSync(directory))
    await madeOnce(
      directory,
      async (aside) => {
        onProgress(`making a file system from ${system.name}'s packages: under a minute, once`);
        await build(system, included, script, lines, aside);
      },
      () => {
        onProgress("another run makes the image; waiting for it");
      },
    );
  return { directory: root, hash, line: `${system.name}, ${hash}` };
}

async function build(
  system: HostSystem,
  included: readonly string[],
  script: string,
  lines: readonly string[],
  aside: string,
): Promise<void> {
  const log = join(aside, "build.log");
  const root = join(aside, "root");
  await mkdir(root);
  const configuration = join(aside, "apt.conf");
  await writeFile(configuration, await aptConfiguration(system));
  const { failed, all } = await execa(
    "setpriv",
    [
      // Whatever kills this run takes the build along; what it mounts is seen by nobody else and goes with it.
      ...["--pdeathsig=KILL", "unshare", "--mount", "--propagation=slave"],
      ...["--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["mmdebstrap", "--mode=root", "--variant=apt", "--format=directory"],
      `--include=${included.join(",")}`,
      "--dpkgopt=force-unsafe-io",
      ...excluded.map((path) => `--dpkgopt=path-exclude=${path}`),
      `--aptopt=${configuration}`,
      // Java's packages want this folder, whose pages are left out.
      '--essential-hook=mkdir -p "$1/usr/share/man/man1"',
      `--customize-hook=chroot "$1" sh -euc ${quoted(script)}`,
      ...[system.codename, root, ...lines],
    ],
    { all: true, reject: false, env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" } },
  );
  await writeFile(log, all);
  if (failed)
    throw new Error(`mmdebstrap could not make the image:\n${all.split("\n").slice(-20).join("\n")}`);
}

/** The machine's archives of its own distribution, or the same of another release, as lines of a sources.list. */
async function archives({ codename, own }: HostSystem): Promise<readonly string[]> {
  const read = async () => {
    const format = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)";
    const { stdout } = await execa("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
    return stdout.split("\n").flatMap((line) => {
      const [origin = "", name = "", uri = "", release = "", component = ""] = line.split("|");
      const keyring = `/usr/share/keyrings/${origin.toLowerCase()}-archive-keyring.gpg`;
      // Of another release, too, what a machine gets that was installed today: with its security updates.
      const wanted = name.split("-")[0] === own && !/backports|proposed/.test(release) && existsSync(keyring);
      return wanted
        ? [`deb [signed-by=${keyring}] ${uri} ${release.replace(own, codename)} ${component}`]
        : [];
    });
  };
  let lines = await read();
  if (lines.length === 0) {
    // Which archive is whose is known from its index.
    await execa("apt-get", ["-q", "update"], { reject: false });
    lines = await read();
  }
  if (lines.length === 0)
    throw new Error(
      `apt: one archive of ${own} must be configured, with its keyring in /usr/share/keyrings; got none`,
    );
  return [...new Set(lines)];
}

/** How the machine reaches its archives: proxies, and whether it may take old indexes. */
async function aptConfiguration({ codename, own }: HostSystem): Promise<string> {
  const { stdout } = await execa("apt-config", ["dump", "Acquire"]);
  const wanted = /^Acquire::(?:https?::|Check-Date|Check-Valid-Until|Retries|ForceIPv)/;
  return [
    ...stdout.split("\n").filter((line) => wanted.test(line)),
    // A mirror may keep an index of a release that is not out yet for longer than its week.
    ...(codename === own ? [] : ['Acquire::Check-Valid-Until "false";']),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
