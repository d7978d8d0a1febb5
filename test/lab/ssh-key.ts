/** SSH keys of the lab's own. The SSH library's generator makes a malformed Ed25519 key now and then. */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

import sshpk from "sshpk";

/** A pair of Ed25519 keys. */
export interface SshKey {
  /** In OpenSSH's own format, without a passphrase. */
  readonly privateKey: string;
  /** One line as in authorized_keys, without a comment and a line break. */
  readonly publicKey: string;
}

/** Makes a new pair. */
export async function generateSshKey(): Promise<SshKey> {
  const { privateKey } = await promisify(generateKeyPair)("ed25519");
  const key = sshpk.parsePrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }), "pkcs8");
  key.comment = "";
  return { privateKey: key.toString("ssh-private"), publicKey: key.toPublic().toString("ssh").trim() };
}
