/** `pulumi destroy`: hosts are as they were before the stack. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { afterAll, expect, test } from "vitest";

import { EntraControl } from "../lab/entra/control.ts";
import { ensureImage } from "../lab/image.ts";
import { openStack } from "../lab/stack.ts";
import { lab } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";

const entra = new EntraControl("http://192.0.2.2:8400");
let stack: Stack;

afterAll(async () => {
  stack = await openStack(lab.name);
  await stack.up();
});

async function lines(host: string, script: string): Promise<string[]> {
  return (await shellOn(host, script)).split("\n").filter(Boolean);
}

/** What of a host's file system is not as in the image that it was made from: changed, added or taken away. */
async function changedSince(image: string, host: string, folders: readonly string[]): Promise<string[]> {
  const files = `${lab.state}/hosts/${host}/files`;
  const script = `cd "$1" && find ${folders.join(" ")} ! -type d 2>/dev/null | while read -r path; do
    [ -L "$path" ] && [ "$(readlink "$path")" = "$(readlink "$2/$path")" ] && continue
    cmp -s "$path" "$2/$path" || echo "$path"; done`;
  const { stdout } = await execa("sh", ["-c", script, "sh", files, image]);
  return stdout.split("\n").filter(Boolean);
}

test("after a destroy, hosts have none of our files except logs, and all of their own", async () => {
  stack = await openStack(lab.name);
  await stack.destroy();

  const { directory } = await ensureImage();
  for (const { name } of lab.hosts) {
    const named =
      "-name '*protected-sites*' -o -name '*protected_sites*' -o -name '*oauth2-proxy*' -o -name '*lab.test*'";
    const elsewhere = [
      "/proc/*",
      "/sys/*",
      "/data/certs/*",
      "/var/log/*",
      "/usr/local/share/ca-certificates/*",
      // Certbot's own account at the ACME server, as its package leaves it.
      "/etc/letsencrypt/accounts/*",
    ];
    const left = await lines(
      name,
      `find / \\( ${named} \\) ${elsewhere.map((path) => `-not -path '${path}'`).join(" ")} 2>/dev/null || true`,
    );
    expect(left).toEqual([]);
    expect(await lines(name, "getent passwd oauth2-proxy protected-sites || true")).toEqual([]);
    expect(
      await lines(name, "systemctl list-units --all --plain --no-legend '*oauth2*' '*protected*' || true"),
    ).toEqual([]);
    const folders = [
      "etc/logrotate.d",
      "etc/nginx",
      "etc/sudoers.d",
      "etc/systemd",
      "etc/passwd",
      "etc/group",
      "opt",
      "usr/local/bin",
    ];
    expect(await changedSince(directory, name, [...folders, "usr/local/sbin", "usr/local/lib"])).toEqual([]);
    expect(await lines(name, "nginx -t 2>&1 | tail -1; systemctl is-active nginx")).toEqual([
      "nginx: configuration file /etc/nginx/nginx.conf test is successful",
      "active",
    ]);
  }
  const applications = await entra.applications();
  expect(applications.filter(({ deleted }) => !deleted).map(({ displayName }) => displayName)).toEqual([]);
});
