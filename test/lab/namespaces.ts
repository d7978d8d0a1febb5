/**
 * The network of an instance, and how its clients see the machine. Nothing on the machine changes: the namespaces
 * belong to a process that only sleeps, and go with it.
 */
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { addresses, hostsFile } from "./addresses.ts";
import { stateDirectory } from "./paths.ts";
import {
  cgroupOf,
  end,
  isRunning,
  makeCgroup,
  membershipFile,
  processesIn,
  start,
  tail,
} from "./processes.ts";

/** Starts the instance's namespaces where they are missing, and brings the names up to date. */
export async function ensureNamespaces(
  instance: string,
  hosts: readonly { readonly name: string; readonly address: string }[],
): Promise<void> {
  const directory = join(stateDirectory(instance), "names");
  await mkdir(directory, { recursive: true });
  // Written in place: the files may be bound over the machine's already.
  await writeFile(join(directory, "hosts"), hostsFile(hosts));
  await writeFile(join(directory, "nsswitch.conf"), filesOnly(await readFile("/etc/nsswitch.conf", "utf8")));
  await writeFile(join(directory, "resolv.conf"), "# The lab's names are in /etc/hosts.\n");
  const cgroup = cgroupOf(instance, holder);
  const runs = await isRunning(cgroup);
  // Whatever still runs without it has lost its network.
  if (!runs) await end(cgroupOf(instance));
  await makeCgroup(cgroupOf(instance, clients));

  const log = join(stateDirectory(instance), "logs", "network.log");
  const script = join(import.meta.dirname, "namespaces.sh");
  if (!runs)
    await start({
      cgroup,
      log,
      command: [
        ...["unshare", "--net", "--mount", "--propagation=slave"],
        ...["sh", script, directory, ...new Set(Object.values(addresses))],
      ],
    });
  for (;;) {
    const [pid] = await processesIn(cgroup);
    if (pid === undefined) throw new Error(`the lab's network could not be made; ${await tail(log)}`);
    // The script is done when it has become what it ends with.
    const command = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
    if (command === "sleep\n") return;
    await sleep(5);
  }
}

/** ID of the process whose network and mount namespaces are the instance's. @throws where it is not up */
export function holderOf(instance: string): number {
  const pid = pidIn(membershipFile(cgroupOf(instance, holder)));
  if (pid === undefined)
    throw new Error(`lab "${instance}" is not up; \`npm run local -- --name ${instance}\` starts it`);
  return pid;
}

/**
 * The command as it runs inside the instance: in its network, with its names, trusting its CA, with LAB_NAME saying
 * which instance it is, in this process's working directory. It ends with the instance at the latest.
 *
 * @param cgroup - Which of the instance's cgroups it belongs to.
 * @throws where the instance is not up
 */
export function enterCommand(instance: string, command: readonly string[], cgroup = clients): string[] {
  const ca = caFile(instance);
  // Nothing in the lab is behind the machine's proxies.
  const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  return [
    ...["sh", "-euc", 'echo 0 >"$1"; shift; exec "$@"', "sh", membershipFile(cgroupOf(instance, cgroup))],
    ...["nsenter", `--target=${holderOf(instance)}`, "--net", "--mount"],
    ...["sh", "-euc", 'cd "$1"; shift; exec "$@"', "sh", process.cwd()],
    ...["env", ...proxies.map((name) => `--unset=${name}`)],
    ...[`LAB_NAME=${instance}`, ...trustVariables.map((name) => `${name}=${ca}`)],
    ...command,
  ];
}

/** Variables by which programs inside the instance trust its CA: Node, Go and OpenSSL, curl and Python's requests. */
export const trustVariables = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CURL_CA_BUNDLE"];

/** The certificate of the instance's CA. */
export function caFile(instance: string): string {
  return join(stateDirectory(instance), "ca", "ca.pem");
}

/** Cgroup of whatever people and tests run inside an instance. */
export const clients = "clients";
const holder = "network";

function pidIn(file: string): number | undefined {
  try {
    const [pid] = readFileSync(file, "utf8").split("\n");
    return pid === undefined || pid === "" ? undefined : Number(pid);
  } catch {
    return undefined;
  }
}

/** Names that the lab does not know must not be asked for on the machine's network. */
function filesOnly(nsswitch: string): string {
  return /^hosts:/m.test(nsswitch)
    ? nsswitch.replace(/^hosts:.*$/m, "hosts: files")
    : `${nsswitch}hosts: files\n`;
}
