/** The real Nginx of the lab's image, on loopback. To be used in network and mount namespaces of one's own. */
import { spawn } from "node:child_process";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import { blockedList } from "../../components/render/nginx/blocked.ts";
import { sharedNginx } from "../../components/render/nginx/shared-nginx.ts";
import { blockedFile, http2File, paths } from "../../components/site/names.ts";
import { ensureImage } from "../lab/image.ts";
import { scratchRoot } from "../lab/scratch-root.ts";
import { sharedIncludes } from "../shared-includes.ts";

/** Where the sites' certificate lies, for their setting `certificates`. */
export const certificates = "/data/certs/judge";

/** A root folder with Nginx and sites as a host has them. */
export interface NginxRoot {
  readonly root: string;
  readonly put: (path: string, text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * @param sites their Nginx files by domain
 * @param image the root folder of another image
 */
export async function nginxRoot(sites: ReadonlyMap<string, string>, image?: string): Promise<NginxRoot> {
  await execa("ip", ["link", "set", "lo", "up"]);
  const { root, close } = await scratchRoot(image === undefined ? await ensureImage() : { directory: image });

  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await put("/etc/nginx/conf.d/protected-sites.conf", sharedNginx());
  await put(http2File, "");
  await put(blockedFile, blockedList([]));
  await rm(join(root, "/etc/nginx/sites-enabled/default"));
  for (const [domain, text] of sites) {
    await put(paths(domain).generation, 'set $protected_sites_generation "1";\n');
    for (const [path, shared] of sharedIncludes(domain)) await put(path, shared);
    await put(join(paths(domain).current, "nginx.conf"), text);
    await symlink(join(paths(domain).current, "nginx.conf"), join(root, paths(domain).nginx));
  }
  await mkdir(join(root, certificates), { recursive: true });
  await execa("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=judge".split(" "),
    ...["-keyout", join(root, certificates, "privkey.pem")],
    ...["-out", join(root, certificates, "fullchain.pem")],
  ]);
  return { root, put, close };
}

/**
 * Starts Nginx in such a root.
 * @returns its process and what ends it
 * @throws Error with what `nginx -t` says
 */
export async function startNginxIn(root: string) {
  await execa("chroot", [root, "nginx", "-t"]);
  const nginx = spawn("chroot", [root, "nginx", "-g", "daemon off;"], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) =>
    nginx.once("exit", () => {
      resolve();
    }),
  );
  await listening(443, () => nginx.exitCode === null, join(root, "/var/log/nginx/error.log"));
  return {
    nginx,
    stop: async () => {
      nginx.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * Starts Nginx with these sites, as a host has them.
 * @param sites their Nginx files by domain
 * @param files what else is to lie in its root, by absolute paths
 * @returns ends it
 * @throws Error with what `nginx -t` says
 */
export async function startNginx(
  sites: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, string> = new Map(),
): Promise<() => Promise<void>> {
  const { root, put, close } = await nginxRoot(sites);
  for (const [path, text] of files) await put(path, text);
  const { stop } = await startNginxIn(root);
  return async () => {
    await stop();
    await close();
  };
}

export async function listening(port: number, alive: () => boolean, log: string): Promise<void> {
  while (alive()) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        resolve(true);
        socket.destroy();
      });
      socket.once("error", () => {
        resolve(false);
      });
    });
    if (open) return;
    await sleep(20);
  }
  throw new Error(`nginx has ended; ${await readFile(log, "utf8")}`);
}
