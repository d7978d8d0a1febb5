/**
 * A disk of its own for all that the push program writes on a host, so that its power can be cut: whatever has not
 * reached the disk is lost, and the journal of its file system is replayed when it is mounted again.
 */
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { type HostArgs, onFilesOf } from "../lab/hosts.ts";
import type { Lab } from "../lab/lab.ts";
import type { HostShell } from "../lab/host-shell.ts";

/** Everything that must survive. */
const folders = [
  "/etc/protected-sites",
  "/etc/nginx/sites-enabled",
  "/etc/oauth2-proxy",
  "/etc/systemd/system",
  "/var/lib/protected-sites",
];
const mountPoint = "/run/protected-sites-disk";
/** What the disk's folders cover, in a mount namespace of its own. */
const under = "/run/protected-sites-under";

/** What a disk holds after its power was cut, and the host's first step at boot was done. */
export interface Found {
  /**
   * Of each site every file where Nginx, systemd and oauth2-proxy look for it, with its SHA-256, and what is live; last
   * the files there that are of none of these sites, and what the push program has not finished.
   */
  readonly sites: readonly string[];
  /** What `recover --boot` and `nginx -t` said; empty where both went well. */
  readonly said: string;
  /** The same files, after a removal of all sites that began anew. */
  readonly removed: readonly string[];
}

export class Disk {
  readonly #host: HostShell;
  readonly #folder: string;
  readonly #device: string;

  private constructor(host: HostShell, folder: string, device: string) {
    this.#host = host;
    this.#folder = folder;
    this.#device = device;
  }

  /**
   * Puts the folders on a disk.
   * @param options - Of mkfs.ext4, and of the mount.
   */
  static async under(
    lab: Lab,
    host: HostShell,
    { mebibytes = 16, format = [] as readonly string[], mount = "defaults" } = {},
  ): Promise<Disk> {
    const folder = join(lab.state, "disk");
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const image = join(folder, "disk");
    await writeFile(image, "");
    await truncate(image, mebibytes * 2 ** 20);
    await execa("mkfs.ext4", ["-q", "-F", "-b", "4096", "-m", "0", "-J", "size=4", ...format, image]);
    const device = await attach(image);
    const disk = new Disk(host, folder, device);
    const script = `
      ${nodeOf(device)}
      mkdir -p ${mountPoint}; mount -t ext4 -o ${mount} ${device} ${mountPoint}
      for folder in ${folders.join(" ")}; do
        mkdir -p ${mountPoint}$folder; cp -a $folder/. ${mountPoint}$folder/
      done
      sync -f ${mountPoint}
      for folder in ${folders.join(" ")}; do mount --bind ${mountPoint}$folder $folder; done`;
    await disk.#inHost(script);
    return disk;
  }

  /** Puts the folders back where they were, as they are now. */
  async remove(): Promise<void> {
    const back = folders.map(
      (folder) => `
      cp -a --remove-destination ${folder}/. ${under}${folder}/
      cd ${under}${folder}
      find . -depth -mindepth 1 | while read -r file; do [ -e ${folder}/$file ] || [ -L ${folder}/$file ] || rm -rf $file; done`,
    );
    const copy = `mkdir -p ${under}; mount --bind / ${under}; ${back.join("\n")}`;
    const { ok, text } = await this.#host.run([
      "unshare",
      "--mount",
      "--propagation=private",
      "/bin/sh",
      "-euc",
      copy,
    ]);
    if (!ok) throw new Error(`${this.#host.name}: its folders could not be put back: ${text}`);
    await this.#inHost(
      `umount ${folders.join(" ")} ${mountPoint}; rm -f ${this.#device}; rmdir ${under} ${mountPoint}`,
    );
    await execa("losetup", ["--detach", this.#device]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Mounts it anew with other options, for example `ro`. */
  async remount(options: string): Promise<void> {
    await this.#inHost(`mount -o remount,${options} ${mountPoint}`);
  }

  /** Fills it until only so many bytes are left; 0 takes them all. */
  async fill(left: number): Promise<void> {
    await this.#inHost(`
      free=$(df --output=avail -B1 ${mountPoint} | tail -1)
      [ $free -le ${left} ] || dd if=/dev/zero of=${mountPoint}/filler bs=4096 count=$(((free - ${left}) / 4096)) status=none || :; sync -f ${mountPoint}`);
  }

  /** Takes all inodes but so many. */
  async fillInodes(left: number): Promise<void> {
    await this.#inHost(`
      mkdir -p ${mountPoint}/inodes; free=$(df --output=iavail ${mountPoint} | tail -1)
      n=0; while [ $n -lt $((free - ${left} - 1)) ]; do echo $n; n=$((n + 1)); done | (cd ${mountPoint}/inodes && xargs touch) || :`);
  }

  /** Makes room again. */
  async empty(): Promise<void> {
    await this.#inHost(`rm -rf ${mountPoint}/filler ${mountPoint}/inodes`);
  }

  /** Copies what has reached the disk so far, bit by bit, to a file. */
  async snapshot(file: string): Promise<void> {
    await execa("cp", ["--sparse=always", join(this.#folder, "disk"), file]);
  }

  async #inHost(script: string): Promise<void> {
    const { ok, text } = await this.#host.run(["/bin/sh", "-euc", script]);
    if (!ok) throw new Error(`${this.#host.name}: its disk could not be changed: ${text}`);
  }
}

/**
 * What a host finds that boots with a snapshot: mounted anew, and recovered as before Nginx starts. systemd is left out,
 * since at that moment it has started nothing yet.
 * @param removes - Has the sites removed afterwards, too.
 */
export async function recovered(
  host: HostShell,
  snapshot: string,
  domains: readonly string[],
  { removes = false } = {},
): Promise<Found> {
  const device = await attach(snapshot);
  const requests = domains.map((domain, index) => {
    const request = `kind remove\ndomain ${domain}\nby root\nboot $(cat /proc/sys/kernel/random/boot_id)\n\n`;
    return `printf '%b' "${request}" >/var/lib/protected-sites/queue/${index}-1.request`;
  });
  const removal = [...requests, "/usr/local/sbin/protected-sites worker"].join("\n");
  try {
    const { text } = await host.run([
      ...["unshare", "--mount", "--propagation=private", "/bin/sh", "-euc"],
      `${nodeOf(device)}
      mount -t ext4 ${device} /mnt; rm ${device}
      for folder in ${folders.join(" ")}; do mount --bind /mnt$folder $folder; done
      mount --bind /bin/true /usr/bin/systemctl
      /usr/local/sbin/protected-sites recover --boot 2>&1 || echo failed
      nginx -t -q 2>&1 || echo failed
      echo ==
      (${listing(domains)})
      echo ==
      ${removes ? removal : ":"}
      ${listing(domains)}`,
    ]);
    const [said = "", sites = "", removed = ""] = text.split("==\n");
    return { said: said.trim(), sites: bySite(sites), removed: bySite(removed) };
  } finally {
    await execa("losetup", ["--detach", device]);
  }
}

/** Every file of some sites on a running host, as {@link Found.sites}. */
export async function sitesOn(host: HostShell, domains: readonly string[]): Promise<readonly string[]> {
  return bySite(await host.shell(listing(domains)));
}

/** Has a host that is off find what a snapshot holds. */
export async function lay(
  instance: string,
  host: Pick<HostArgs, "name" | "image">,
  snapshot: string,
): Promise<void> {
  const device = await attach(snapshot);
  try {
    const script = folders.map(
      (folder) => `find $root${folder} -mindepth 1 -delete; cp -a $cut${folder}/. $root${folder}/`,
    );
    const cut = `cut=$root/mnt; mount -t ext4 ${device} $cut`;
    await onFilesOf(instance, host, [cut, ...script].join("\n"));
  } finally {
    await execa("losetup", ["--detach", device]);
  }
}

function listing(domains: readonly string[]): string {
  const linked = [
    "/etc/nginx/sites-enabled",
    "/etc/oauth2-proxy",
    "/etc/systemd/system",
    "/etc/systemd/system/sockets.target.wants",
  ];
  const sites = domains.map(
    (domain) => `
    [ ! -L ${domain}/current ] || readlink ${domain}/current
    show ${domain}/current/* ../credentials/${domain}/current/* ${linked.map((folder) => `${folder}/*${domain}.*`).join(" ")}
    echo --`,
  );
  const others = domains.map((domain) => `*${domain}.*) ;;`).join(" ");
  return `
    show() {
      for file in "$@"; do
        if [ -L "$file" ] || [ -f "$file" ]; then echo "$(sha256sum <$file 2>&1 | cut -d' ' -f1) $file"; fi
      done
    }
    cd /etc/protected-sites/sites
    ${sites.join("")}
    for entry in ${linked.map((folder) => `${folder}/*`).join(" ")}; do
      case $entry in ${others} *) show "$entry" ;; esac
    done
    ls /var/lib/protected-sites/journal.json /var/lib/protected-sites/queue/*.taken 2>/dev/null || :`;
}

function bySite(listed: string): readonly string[] {
  return listed.split("--\n").map((site) => site.trim());
}

async function attach(image: string): Promise<string> {
  const { stdout } = await execa("losetup", ["--find", "--show", image]);
  return stdout.trim();
}

/** A host has no loop devices: its node is made for the moment of the mount. */
function nodeOf(device: string): string {
  return `[ -e ${device} ] || mknod ${device} b 7 ${device.replace("/dev/loop", "")}`;
}
