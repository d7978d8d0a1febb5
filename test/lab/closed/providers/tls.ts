/** Stand-in for @pulumi/tls: PrivateKey; CertRequest, SelfSignedCert and LocallySignedCert for ECDSA keys on P-256. */
import "reflect-metadata";

import { createHash, createPrivateKey, createPublicKey, generateKeyPair, webcrypto } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { promisify } from "node:util";

import * as x509 from "@peculiar/x509";
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

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

async function keysOf(pem: string) {
  const privateDer = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  const publicDer = createPublicKey(pem).export({ type: "spki", format: "der" });
  const { subtle } = webcrypto;
  return {
    privateKey: await subtle.importKey("pkcs8", privateDer, ecdsa, true, ["sign"]),
    publicKey: await publicKeyOf(publicDer),
  };
}

function publicKeyOf(der: Buffer) {
  return webcrypto.subtle.importKey("spki", der, ecdsa, true, ["verify"]);
}

const pemOf = (made: x509.X509Certificate | x509.Pkcs10CertificateRequest) =>
  `${made.toString("pem").trim()}\n`;

const nameOf = ({ commonName }: { readonly commonName?: string } = {}) =>
  commonName === undefined ? [] : [{ CN: [commonName] }];

const dnsNamesOf = (names: readonly string[] = []) =>
  names.length === 0
    ? []
    : [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns" as const, value })))];

const certRequest: ResourceType = {
  inputs: {
    privateKeyPem: { required: true, replaces: true },
    subject: { replaces: true },
    dnsNames: { replaces: true },
  },
  computed: ["certRequestPem", "keyAlgorithm"],
  create: async (inputs) => {
    const { privateKeyPem, subject, dnsNames } = inputs as unknown as CertificateInputs;
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: nameOf(subject),
      keys: await keysOf(privateKeyPem),
      signingAlgorithm: ecdsa,
      extensions: dnsNamesOf(dnsNames),
    });
    const certRequestPem = pemOf(request);
    return { id: idOf(certRequestPem), outputs: { certRequestPem, keyAlgorithm: "ECDSA" } };
  },
};

interface CertificateInputs {
  readonly privateKeyPem: string;
  readonly subject?: { readonly commonName?: string };
  readonly dnsNames?: readonly string[];
  readonly isCaCertificate?: boolean;
  readonly allowedUses: readonly string[];
  readonly validityPeriodHours: number;
}

/** What both kinds of certificates have in common. */
const certificateInputs = {
  validityPeriodHours: { required: true, replaces: true },
  allowedUses: { required: true, replaces: true },
  isCaCertificate: { replaces: true, default: false },
  setSubjectKeyId: { replaces: true, default: false },
  earlyRenewalHours: { default: 0 },
} as const;
const certificateOutputs = [
  "certPem",
  "keyAlgorithm",
  "readyForRenewal",
  "validityEndTime",
  "validityStartTime",
];

const selfSignedCert: ResourceType = {
  inputs: {
    privateKeyPem: { required: true, replaces: true },
    subject: { replaces: true },
    ...certificateInputs,
  },
  computed: certificateOutputs,
  update: (_id, _inputs, state) => Promise.resolve(state),
  create: async (inputs) => {
    const { privateKeyPem, subject, ...rest } = inputs as unknown as CertificateInputs;
    const keys = await keysOf(privateKeyPem);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: nameOf(subject),
      keys,
      signingAlgorithm: ecdsa,
      ...validity(rest),
      extensions: await extensionsOf(rest, keys.publicKey),
    });
    return certificateResource(certificate);
  },
};

const locallySignedCert: ResourceType = {
  inputs: {
    certRequestPem: { required: true, replaces: true },
    caCertPem: { required: true, replaces: true },
    caPrivateKeyPem: { required: true, replaces: true },
    ...certificateInputs,
  },
  computed: certificateOutputs,
  update: (_id, _inputs, state) => Promise.resolve(state),
  create: async (inputs) => {
    const { certRequestPem, caCertPem, caPrivateKeyPem, ...rest } = inputs as unknown as CertificateInputs & {
      certRequestPem: string;
      caCertPem: string;
      caPrivateKeyPem: string;
    };
    const request = new x509.Pkcs10CertificateRequest(certRequestPem);
    const issuer = new x509.X509Certificate(caCertPem);
    const publicKey = await publicKeyOf(Buffer.from(request.publicKey.rawData));
    const certificate = await x509.X509CertificateGenerator.create({
      subject: request.subjectName,
      issuer: issuer.subjectName,
      publicKey,
      signingKey: (await keysOf(caPrivateKeyPem)).privateKey,
      signingAlgorithm: ecdsa,
      ...validity(rest),
      extensions: [
        ...(await extensionsOf(rest, publicKey)),
        await x509.AuthorityKeyIdentifierExtension.create(issuer),
        ...request.extensions.filter(({ type }) => type === "2.5.29.17"),
      ],
    });
    return certificateResource(certificate);
  },
};

function validity({ validityPeriodHours }: Pick<CertificateInputs, "validityPeriodHours">) {
  const notBefore = new Date();
  return { notBefore, notAfter: new Date(notBefore.getTime() + validityPeriodHours * 3_600_000) };
}

/** What the program asks for: CAs that sign, and servers. */
function usageOf(isCa: boolean): x509.Extension {
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  return isCa
    ? new x509.KeyUsagesExtension(keyCertSign | cRLSign, true)
    : new x509.KeyUsagesExtension(digitalSignature, true);
}
const known = ["cert_signing", "crl_signing", "digital_signature", "server_auth"];

async function extensionsOf(
  { allowedUses, isCaCertificate = false }: Pick<CertificateInputs, "allowedUses" | "isCaCertificate">,
  publicKey: webcrypto.CryptoKey,
): Promise<x509.Extension[]> {
  const unsupported = allowedUses.find((use) => !known.includes(use));
  if (unsupported !== undefined)
    throw new Error(`allowedUses: the lab's stand-in knows ${known.join(", ")}, got ${unsupported}`);
  return [
    new x509.BasicConstraintsExtension(isCaCertificate, undefined, true),
    usageOf(isCaCertificate),
    ...(allowedUses.includes("server_auth")
      ? [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])]
      : []),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

function certificateResource(certificate: x509.X509Certificate) {
  return {
    id: certificate.serialNumber,
    outputs: {
      certPem: pemOf(certificate),
      keyAlgorithm: "ECDSA",
      readyForRenewal: false,
      validityStartTime: certificate.notBefore.toISOString(),
      validityEndTime: certificate.notAfter.toISOString(),
    },
  };
}

function idOf(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** The provider. */
export const provider: Provider = {
  resources: {
    "tls:index/certRequest:CertRequest": certRequest,
    "tls:index/locallySignedCert:LocallySignedCert": locallySignedCert,
    "tls:index/selfSignedCert:SelfSignedCert": selfSignedCert,
    "tls:index/privateKey:PrivateKey": privateKey,
  },
};
