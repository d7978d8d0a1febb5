/** Stand-in for @pulumi/tls: PrivateKey. */
import { createHash, generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { promisify } from "node:util";

import sshpk from "sshpk";

import type { Provider, ResourceType } from "./provider.ts";

const generate = promisify(generateKeyPair);

const curves: Readonly<Record<string, string | undefined>> = { P256: "P-256", P384: "P-384", P521: "P-521" };

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** The formats that OpenSSH and OpenSSL each want; P224 is left out, which OpenSSH does not know. */
const privateKey: ResourceType = {
  inputs: {
    algorithm: { required: true, replaces: true },
    rsaBits: { replaces: true, default: 2048 },
    ecdsaCurve: { replaces: true, default: "P224" },
  },
  computed: [
    "privateKeyOpenssh",
    "privateKeyPem",
    "privateKeyPemPkcs8",
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
    "publicKeyOpenssh",
    "publicKeyPem",
  ],
  secret: ["privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"],
  create: async (inputs) => {
    const {
      algorithm,
      rsaBits = 2048,
      ecdsaCurve = "P224",
    } = inputs as {
      algorithm: string;
      rsaBits?: number;
      ecdsaCurve?: string;
    };
    const pair = await generatePair(algorithm, rsaBits, ecdsaCurve);
    const pkcs8 = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
    const ssh = sshpk.parsePrivateKey(pkcs8, "pkcs8");
    ssh.comment = "";
    const sshPublic = ssh.toPublic();
    const traditional = { RSA: "pkcs1", ECDSA: "sec1", ED25519: "pkcs8" }[algorithm] as "pkcs8";
    return {
      // The real provider's ID, too, is the SHA-1 of the public key.
      id: createHash("sha1")
        .update(pair.publicKey.export({ type: "spki", format: "der" }))
        .digest("hex"),
      outputs: {
        privateKeyPem: pair.privateKey.export({ type: traditional, format: "pem" }).toString(),
        privateKeyPemPkcs8: pkcs8,
        privateKeyOpenssh: ssh.toString("ssh-private"),
        publicKeyPem: publicPem,
        publicKeyOpenssh: `${sshPublic.toString("ssh").trim()}\n`,
        publicKeyFingerprintMd5: sshPublic.fingerprint("md5").toString("hex"),
        publicKeyFingerprintSha256: sshPublic.fingerprint("sha256").toString(),
      },
    };
  },
};

async function generatePair(algorithm: string, rsaBits: number, ecdsaCurve: string): Promise<KeyPair> {
  switch (algorithm) {
    case "ED25519":
      return generate("ed25519");
    case "RSA":
      return generate("rsa", { modulusLength: rsaBits });
    case "ECDSA": {
      const namedCurve = curves[ecdsaCurve];
      if (namedCurve === undefined)
        throw new Error(
          `ecdsaCurve: the lab's stand-in knows ${Object.keys(curves).join(", ")}, got ${ecdsaCurve}`,
        );
      return generate("ec", { namedCurve });
    }
    default:
      throw new Error(`algorithm must be RSA, ECDSA or ED25519, got ${algorithm}`);
  }
}

/** The provider. */
export const provider: Provider = {
  resources: {
    "tls:index/privateKey:PrivateKey": privateKey,
  },
};
