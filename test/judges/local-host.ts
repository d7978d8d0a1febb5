/** A host's Nginx with the judged sites on loopback. To be used in network and mount namespaces of one's own. */
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";

import { execa } from "execa";

import { paths } from "../../components/site/names.ts";
import { nginxRoot, startNginxIn } from "../access/nginx.ts";
import { startOauth2Proxy } from "../access/oauth2-proxy.ts";
import type { RenderedSite } from "../golden-sites.ts";

/** Where it answers. */
export const localAddress = "127.0.0.1";

/** Where a server of the same Nginx answers that has nothing of ours: it passes all to the application. */
export const plain = { domain: "plain.test", port: 8443 };

const certificates = "/data/certs/judges";

const plainServer = `server {
    listen ${plain.port} ssl http2;
    server_name ${plain.domain};
    ssl_certificate ${certificates}/ec.pem;
    ssl_certificate_key ${certificates}/ec.key;
    location / {
        proxy_pass http://${localAddress}:3000;
    }
}
`;

/** It, while it runs. */
export interface LocalHost {
  /** Its whole configuration, as `nginx -T` prints it. */
  readonly configuration: string;
  readonly stop: () => Promise<void>;
}

/**
 * Starts it, with whatever the sites' files name: certificates, addresses of backends, and a stand-in for each
 * oauth2-proxy. On port 3000 there is an application, which says nothing but "page". The second site has a certificate
 * of RSA, the others of ECDSA.
 * @throws Error with what `nginx -t` says
 */
export async function startLocalHost(sites: readonly RenderedSite[]): Promise<LocalHost> {
  const { root, put, close } = await nginxRoot(
    new Map(sites.map(({ domain, files }) => [domain, files.get("nginx.conf") ?? ""])),
  );
  for (const { domain, files } of sites)
    for (const [name, text] of files)
      if (name.endsWith(".html")) await put(`${paths(domain).current}/${name}`, text);
  const texts = await configurationFiles(root);
  for (const file of texts.flatMap((it) => it.match(/\/etc\/protected-sites\/addresses\/[^;\s]+/g) ?? []))
    await put(file, "server 192.0.2.3:443;\n");
  await putCertificates(root, texts, sites);
  const { stdout: configuration } = await execa("chroot", [root, "nginx", "-T"]);
  await put("/etc/nginx/conf.d/plain.conf", plainServer);
  await put("/hosts", `${localAddress} ${[plain, ...sites].map(({ domain }) => domain).join(" ")}\n`);
  await execa("mount", ["--bind", join(root, "hosts"), "/etc/hosts"]);
  const { stop } = await startNginxIn(root);
  const servers = [await startApplication(), ...(await Promise.all(sites.map(startProxy)))];
  return {
    configuration,
    stop: async () => {
      for (const it of servers) {
        it.closeAllConnections();
        it.close();
      }
      await stop();
      await execa("umount", ["/etc/hosts"]);
      await close();
    },
  };
}

async function startApplication() {
  const server = createServer((_, response) => response.end("page"));
  server.listen(3000, localAddress);
  await once(server, "listening");
  return server;
}

function startProxy({ files }: RenderedSite) {
  const socket = [...files].find(([name]) => name.endsWith(".socket"))?.[1] ?? "";
  const [port = ""] = /(?<=^ListenStream=.*:)\d+$/m.exec(socket) ?? [];
  return startOauth2Proxy(
    Number(port),
    files.get("oauth2-proxy.cfg") ?? "",
    files.get("machine-clients") ?? "",
  );
}

/** Of every file that Nginx may read for the sites. */
async function configurationFiles(root: string): Promise<string[]> {
  const folders = ["/etc/protected-sites", "/etc/nginx/conf.d"].map((it) => join(root, it));
  const entries = await Promise.all(
    folders.map((it) => readdir(it, { recursive: true, withFileTypes: true })),
  );
  const files = entries.flat().filter((it) => it.isFile() && it.name.endsWith(".conf"));
  return Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8")));
}

/** A CA of the judges, and certificates of it wherever a file is looked for. */
async function putCertificates(
  root: string,
  texts: readonly string[],
  sites: readonly RenderedSite[],
): Promise<void> {
  const folder = join(root, certificates);
  await mkdir(folder);
  const names = [plain, ...sites].map(({ domain }) => `DNS:${domain}`).join(",");
  const openssl = (name: string, key: string, ...more: string[]) =>
    execa(
      "openssl",
      [
        ...["req", "-x509", "-nodes", "-days", "90", "-subj", `/CN=${name}`, "-newkey", ...key.split(" ")],
        ...["-keyout", `${name}.key`, "-out", `${name}.pem`, ...more],
      ],
      { cwd: folder },
    );
  const leaf = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", `subjectAltName=${names}`];
  await openssl("ca", "ec -pkeyopt ec_paramgen_curve:P-256");
  await openssl("ec", "ec -pkeyopt ec_paramgen_curve:P-256", ...leaf);
  await openssl("rsa", "rsa:2048", ...leaf);
  for (const [, directive = "", path = ""] of texts.flatMap((it) => [
    ...it.matchAll(/^\s*(\w*_certificate|ssl_certificate_key) ([^;\s$]+);/gm),
  ])) {
    const kind = path.includes(`/${sites[1]?.domain ?? ""}/`) ? "rsa" : "ec";
    const own = directive.endsWith("key") ? `${kind}.key` : `${kind}.pem`;
    const from = directive.startsWith("ssl_certificate") ? own : "ca.pem";
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), await readFile(join(folder, from)));
  }
}
