/**
 * An instance of the lab: a network of its own with hosts, Entra, and the applications behind the sites. What runs
 * stays; what is missing, or has died, is started.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { downloadsName, entraNames, hostAt, siteDomains } from "./addresses.ts";
import { type Certificate, certify, isCurrent, makeAuthority } from "./certificates.ts";
import { ensureHost, type LabHost } from "./hosts.ts";
import { ensureBareImage, ensureImage, type Image } from "./image.ts";
import { lock } from "./lock.ts";
import { caFile, ensureNamespaces } from "./namespaces.ts";
import { ensureOauth2Proxy, type Oauth2Proxy } from "./oauth2-proxy.ts";
import { stateDirectory } from "./paths.ts";
import type { Phase } from "./phases.ts";
import { cgroupOf, end } from "./processes.ts";
import { downloadUrl, ensureService, servicesOf } from "./services.ts";
import { generateSshKey } from "./ssh-key.ts";

export { enterCommand } from "./namespaces.ts";
export { onHost, type LabHost } from "./hosts.ts";

/** What there is to be. */
export interface LabOptions {
  /** Start over. @default false */
  readonly fresh?: boolean;
  /** How many hosts. @default 2 */
  readonly hosts?: number;
  /** Whether hosts have neither Nginx nor Python before they are set up. @default false */
  readonly bare?: boolean;
}

/** An instance that is up. Paths are absolute. */
export interface Lab {
  readonly name: string;
  /** The folder with all that the instance knows. */
  readonly state: string;
  /** File with the CA's certificate. */
  readonly ca: string;
  readonly adminUser: string;
  /** File with the administrator's private SSH key. */
  readonly adminKey: string;
  readonly hosts: readonly LabHost[];
  /** Where hosts get oauth2-proxy from. */
  readonly oauth2Proxy: { readonly version: string; readonly url: string; readonly sha256: string };
}

/** Ends an instance and removes all of it, whatever state it is in. Waits for a run that works on it. */
export async function down(name: string, onWait?: (holder: string) => void): Promise<void> {
  const held = await lock(name, onWait);
  try {
    await remove(name);
  } finally {
    await held.release();
  }
}

/** What an instance consists of. @throws where it is not up */
export async function describe(name: string): Promise<Lab> {
  const file = join(stateDirectory(name), "lab.json");
  if (!existsSync(file))
    throw new Error(`lab "${name}" is not up; \`npm run local -- --name ${name}\` starts it`);
  return JSON.parse(await readFile(file, "utf8")) as Lab;
}

/** The instance that this process runs in. @throws outside of any */
export async function thisLab(): Promise<Lab> {
  const name = process.env["LAB_NAME"];
  if (name === undefined) throw new Error("LAB_NAME must name the lab that this process runs in, got none");
  return describe(name);
}

/** The steps that bring an instance up, for a caller who holds the lock. */
export function labPhases(
  name: string,
  { fresh = false, hosts: count = 2, bare = false }: LabOptions = {},
): readonly Phase[] {
  const state = stateDirectory(name);
  const places = Array.from({ length: count }, (_, index) => hostAt(index + 1));
  let image: Image;
  let keys: Keys;
  let hosts: readonly LabHost[];
  return [
    {
      title: "image",
      run: async (say) => {
        image = await (bare ? ensureBareImage(say) : ensureImage(say));
        const made = join(state, "image");
        const startOver =
          fresh || (existsSync(state) && (await readFile(made, "utf8").catch(() => "")) !== image.hash);
        if (startOver) await remove(name);
        await mkdir(state, { recursive: true, mode: 0o700 });
        await writeFile(made, image.hash);
        return startOver && !fresh
          ? `${image.line}; the lab was made from another, and starts over`
          : image.line;
      },
    },
    {
      title: "network",
      run: async () => {
        keys = await ensureKeys(name);
        await ensureNamespaces(name, places);
        return undefined;
      },
    },
    {
      title: "hosts",
      run: async () => {
        const args = { image, adminKey: keys.adminPublicKey, ca: keys.ca, certificates: keys.sites };
        hosts = await Promise.all(places.map((place) => ensureHost(name, { ...place, ...args })));
        return hosts.map((host) => `${host.name} ${host.address}`).join(", ");
      },
    },
    {
      title: "services",
      run: async (say) => {
        const oauth2Proxy = await ensureOauth2Proxy(say);
        const files = {
          entra: certificateFiles(name, "entra"),
          downloads: certificateFiles(name, "downloads"),
        };
        const services = servicesOf(name, { ...files, tarball: oauth2Proxy.tarball });
        await Promise.all(services.map((service) => ensureService(name, service)));
        await remember(name, hosts, oauth2Proxy);
        return [...services.map((service) => service.name), oauth2Proxy.line].join(", ");
      },
    },
  ];
}

/** The work of {@link down}, for a caller who holds the lock. */
export async function remove(name: string): Promise<void> {
  await end(cgroupOf(name));
  await rm(stateDirectory(name), { recursive: true, force: true });
}

async function remember(
  name: string,
  hosts: readonly LabHost[],
  { version, tarball, sha256 }: Oauth2Proxy,
): Promise<void> {
  const state = stateDirectory(name);
  const lab: Lab = {
    name,
    state,
    ca: caFile(name),
    adminUser: "admin",
    adminKey: adminKeyFile(name),
    hosts,
    oauth2Proxy: { version, url: downloadUrl(tarball.slice(dirname(tarball).length + 1)), sha256 },
  };
  await writeWhole(join(state, "lab.json"), `${JSON.stringify(lab, null, 2)}\n`);
}

/** What an instance proves itself with. Made once, and kept until the instance goes. */
interface Keys {
  /** The CA's certificate, in PEM. */
  readonly ca: string;
  readonly adminPublicKey: string;
  /** By domain. */
  readonly sites: Readonly<Record<string, Certificate>>;
}

async function ensureKeys(name: string): Promise<Keys> {
  const authority = await kept(name, "ca", () => makeAuthority(name));
  await kept(name, "entra", () => certify(authority, entraNames));
  await kept(name, "downloads", () => certify(authority, [downloadsName]));
  const sites: Record<string, Certificate> = {};
  for (const domain of siteDomains)
    sites[domain] = await kept(name, domain, () => certify(authority, [domain]));

  const adminKey = adminKeyFile(name);
  if (!existsSync(`${adminKey}.pub`)) {
    const { privateKey, publicKey } = await generateSshKey();
    await writeWhole(adminKey, privateKey);
    await writeWhole(`${adminKey}.pub`, `${publicKey}\n`);
  }
  return { ca: authority.certificate, sites, adminPublicKey: await readFile(`${adminKey}.pub`, "utf8") };
}

/** Files of a certificate for one more name or address of an instance that is up. */
export async function certificateOf(name: string, subject: string) {
  const authority = await kept(name, "ca", () => makeAuthority(name));
  await kept(name, subject, () => certify(authority, [subject]));
  return certificateFiles(name, subject);
}

async function kept(name: string, what: string, make: () => Promise<Certificate>): Promise<Certificate> {
  const files = certificateFiles(name, what);
  if (existsSync(files.certificate)) {
    const certificate = await readFile(files.certificate, "utf8");
    if (!isCurrent(certificate))
      throw new Error(
        `${files.certificate} has expired; \`npm run local -- --fresh --name ${name}\` starts over`,
      );
    return { certificate, key: await readFile(files.key, "utf8") };
  }
  const made = await make();
  await writeWhole(files.key, made.key);
  await writeWhole(files.certificate, made.certificate);
  return made;
}

function certificateFiles(
  name: string,
  what: string,
): { readonly certificate: string; readonly key: string } {
  const directory = dirname(caFile(name));
  return { certificate: join(directory, `${what}.pem`), key: join(directory, `${what}.key`) };
}

function adminKeyFile(name: string): string {
  return join(stateDirectory(name), "admin", "id_ed25519");
}

/** Nobody but its owner may read it, and nobody ever sees half of it. */
async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.aside`, text, { mode: 0o600 });
  await rename(`${file}.aside`, file);
}
