/** What the lab's hosts run: the distribution of the machine, or, with LAB_SYSTEM, one of those below. */
import { execa } from "execa";

/** A distribution, and what it has that the others do not. */
export interface HostSystem {
  /** For example "Debian GNU/Linux 12 (bookworm)". */
  readonly name: string;
  /** For example "bookworm". */
  readonly codename: string;
  /** The machine's own, whose archives have this release, too. */
  readonly own: string;
  readonly packages: readonly string[];
  /** Run in the file system before anything else. */
  readonly script: string;
}

/**
 * Ubuntu 26.04's choice of programs on a Debian: sudo-rs is what is called as `sudo`, uutils are its coreutils. Debian
 * has both under other names; sudo-rs there brings no sudoers file and no PAM service of its own.
 */
const inRust = `
ln -s ../lib/cargo/bin/sudo /usr/bin/sudo
ln -s ../lib/cargo/bin/visudo /usr/sbin/visudo
cat >/etc/sudoers <<'END'
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
%sudo ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
END
chmod 0440 /etc/sudoers
mkdir -p /etc/sudoers.d
cat >/etc/pam.d/sudo <<'END'
session required pam_limits.so
@include common-auth
@include common-account
@include common-session-noninteractive
END
cp /etc/pam.d/sudo /etc/pam.d/sudo-i
for program in /usr/lib/cargo/bin/coreutils/*; do ln -sf "$program" /usr/bin/; done
`;

/** By the name that LAB_SYSTEM and `--on` take. */
const systems: Readonly<Record<string, Omit<HostSystem, "own">>> = {
  "debian-13": {
    name: "Debian GNU/Linux 13 (trixie)",
    codename: "trixie",
    // sudo-rs beside sudo: its oldest version that a distribution has.
    packages: ["sudo", "sudo-rs"],
    script: "",
  },
  "debian-14-rust": {
    name: "Debian GNU/Linux 14 (forky), sudo-rs, uutils",
    codename: "forky",
    packages: ["sudo-rs", "rust-coreutils"],
    script: inRust,
  },
};

/** @throws where LAB_SYSTEM names none of those above, or the machine's own distribution is unknown */
export async function hostSystem(): Promise<HostSystem> {
  const { stdout } = await execa("sh", [
    "-euc",
    '. /etc/os-release; echo "$PRETTY_NAME"; echo "$VERSION_CODENAME"',
  ]);
  const [name = "", own = ""] = stdout.split("\n");
  if (own === "")
    throw new Error("/etc/os-release: VERSION_CODENAME must name a release of Debian or Ubuntu, got none");
  const wanted = process.env["LAB_SYSTEM"];
  if (wanted === undefined) return { name, codename: own, own, packages: ["sudo"], script: "" };
  const system = systems[wanted];
  if (system === undefined)
    throw new Error(`LAB_SYSTEM must be one of ${Object.keys(systems).join(", ")}, got "${wanted}"`);
  return { ...system, own };
}
