/** Commands on the lab's hosts, as their root, past SSH. */
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import type { X509Certificate } from "node:crypto";

import { execa } from "execa";

import { certificateOf, onHost } from "../lab/lab.ts";
import { lab } from "./instance.ts";

/** What a command prints. @throws where it fails */
export async function runOn(host: string, command: readonly string[], input = ""): Promise<string> {
  const [file = "", ...args] = await onHost(lab.name, host, command);
  return (await execa(file, args, { input })).stdout;
}

/** What a script prints that stops at its first failure. @throws where it fails */
export function shellOn(host: string, script: string, input = ""): Promise<string> {
  return runOn(host, ["sh", "-euc", script], input);
}

/** What a script prints on each host. @throws where it fails on one */
export function everywhere(script: string, input = ""): Promise<string[]> {
  return Promise.all(lab.hosts.map(({ name }) => shellOn(name, script, input)));
}

/** Ends all connections to sshd, of which updates and commands keep one open for a while. */
export const endConnections = "for pid in $(pgrep -f '^sshd(-session)?: '); do kill -KILL $pid; done";

/** Ends sshd as well. */
export const sshOff = `systemctl stop ssh.socket ssh.service; ${endConnections}`;

/** Begins it again. */
export const sshOn = "systemctl start ssh.service";

/** Gives every host a certificate of the lab's CA for a site that the lab does not know of. */
export async function certify(domain: string): Promise<void> {
  const { certificate, key } = await certificateOf(lab.name, domain);
  const directory = `/data/certs/${domain}`;
  await everywhere(
    `mkdir -p ${directory} && cat >${directory}/fullchain.pem`,
    await readFile(certificate, "utf8"),
  );
  await everywhere(`umask 077 && cat >${directory}/privkey.pem`, await readFile(key, "utf8"));
}

/** The certificate that a client gets for a name which trusts `ca`, or the lab's CA. @throws where it does not trust it */
export async function certificateServed(
  address: string,
  name: string,
  ca: string | undefined,
): Promise<X509Certificate> {
  const options = { host: address, port: 443, servername: name, ...(ca === undefined ? {} : { ca }) };
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => {
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      if (certificate === undefined) reject(new Error("no certificate"));
      else resolve(certificate);
    }).on("error", reject);
  });
}
