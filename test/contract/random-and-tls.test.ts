/** What the program relies on in @pulumi/random and @pulumi/tls. */
import { createPrivateKey, X509Certificate } from "node:crypto";

import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";
import ssh2 from "ssh2";
import { test } from "vitest";

import { openStack } from "./stack.ts";

test.concurrent(
  "a random password is made once, is secret, and is replaced when its rules or keepers change",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const program = (keepers: Record<string, string>, length: number) => () => {
      const password = new random.RandomPassword("cookie", { length, special: false, keepers });
      return Promise.resolve({ result: password.result, bcryptHash: password.bcryptHash, id: password.id });
    };
    expect((await stack.preview(program({ of: "a" }, 32))).changes).toEqual({ create: 1 });

    const first = await stack.up(program({ of: "a" }, 32));
    expect(first.changes).toEqual({ create: 1 });
    expect(first.outputs["result"]?.secret).toBe(true);
    expect(first.outputs["result"]?.value).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(first.outputs["bcryptHash"]?.secret).toBe(true);
    expect(first.outputs["bcryptHash"]?.value).toMatch(/^\$2[aby]\$10\$/);
    // The ID is never encrypted, so it must say nothing.
    expect(first.outputs["id"]).toMatchObject({ value: "none", secret: false });
    expect(await stack.state()).not.toContain(first.outputs["result"]?.value);

    const second = await stack.up(program({ of: "a" }, 32));
    expect(second.changes).toEqual({ same: 1 });
    expect(second.outputs["result"]?.value).toBe(first.outputs["result"]?.value);

    const kept = await stack.up(program({ of: "b" }, 32));
    expect(kept.changes).toEqual({ replace: 1 });
    expect(kept.outputs["result"]?.value).not.toBe(first.outputs["result"]?.value);

    const longer = await stack.up(program({ of: "b" }, 40));
    expect(longer.changes).toEqual({ replace: 1 });
    expect(longer.outputs["result"]?.value).toHaveLength(40);
  },
);

test.concurrent(
  "a password holds as many characters of each kind as its minima ask for",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const run = await stack.up(() => {
      const password = new random.RandomPassword("mixed", {
        length: 20,
        overrideSpecial: "-_",
        minLower: 5,
        minUpper: 5,
        minNumeric: 5,
        minSpecial: 5,
      });
      return Promise.resolve({ result: password.result });
    });
    const value = String(run.outputs["result"]?.value);
    expect(value.replaceAll(/[^a-z]/g, "")).toHaveLength(5);
    expect(value.replaceAll(/[^A-Z]/g, "")).toHaveLength(5);
    expect(value.replaceAll(/[^0-9]/g, "")).toHaveLength(5);
    expect(value.replaceAll(/[^-_]/g, "")).toHaveLength(5);
  },
);

test.concurrent(
  "a CA signs a server's certificate, which stays until another CA signs or a trigger changes",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const program = (ca: string, period: string) => () => {
      const key = (name: string) => new tls.PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" });
      const authorityKey = key(`${ca}-key`);
      const authority = new tls.SelfSignedCert(ca, {
        privateKeyPem: authorityKey.privateKeyPem,
        subject: { commonName: ca },
        isCaCertificate: true,
        setSubjectKeyId: true,
        allowedUses: ["cert_signing", "crl_signing"],
        validityPeriodHours: 48,
      });
      const server = key("server");
      const certificate = new tls.LocallySignedCert(
        "server",
        {
          certRequestPem: new tls.CertRequest("server", {
            privateKeyPem: server.privateKeyPem,
            dnsNames: ["a.example.com"],
          }).certRequestPem,
          caCertPem: authority.certPem,
          caPrivateKeyPem: authorityKey.privateKeyPem,
          setSubjectKeyId: true,
          allowedUses: ["digital_signature", "server_auth"],
          validityPeriodHours: 24,
        },
        { replacementTrigger: period },
      );
      const { certPem, validityEndTime } = certificate;
      return Promise.resolve({ ca: authority.certPem, certPem, validityEndTime, key: server.privateKeyPem });
    };
    const first = await stack.up(program("one", "1"));
    const issued = new X509Certificate(String(first.outputs["certPem"]?.value));
    const issuer = new X509Certificate(String(first.outputs["ca"]?.value));
    expect(issuer.ca).toBe(true);
    expect(issued.checkIssued(issuer) && issued.verify(issuer.publicKey)).toBe(true);
    expect(issued.checkHost("a.example.com")).toBe("a.example.com");
    expect(issued.checkPrivateKey(createPrivateKey(String(first.outputs["key"]?.value)))).toBe(true);
    expect(issued.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    // It has nanoseconds; the certificate ends at the second.
    const ends = Date.parse(String(first.outputs["validityEndTime"]?.value));
    expect(Math.floor(ends / 1000)).toBe(Date.parse(issued.validTo) / 1000);

    expect((await stack.up(program("one", "1"))).changes).toMatchObject({ same: 5 });
    expect((await stack.up(program("one", "2"))).changes).toMatchObject({ replace: 1 });
    const other = await stack.up(program("two", "2"));
    expect(other.changes).toMatchObject({ replace: 1, create: 2 });
    expect(new X509Certificate(String(other.outputs["certPem"]?.value)).issuer).toContain("two");
  },
);

test.concurrent(
  "private keys of each kind come in the formats of OpenSSH and OpenSSL, their private halves secret",
  async ({ expect, onTestFinished }) => {
    const stack = await openStack(onTestFinished);
    const program = () => {
      const keys = {
        ed25519: new tls.PrivateKey("ed25519", { algorithm: "ED25519" }),
        ecdsa: new tls.PrivateKey("ecdsa", { algorithm: "ECDSA", ecdsaCurve: "P256" }),
        rsa: new tls.PrivateKey("rsa", { algorithm: "RSA", rsaBits: 2048 }),
      };
      const outputs = Object.entries(keys).flatMap(([name, key]) => [
        [`${name} private`, key.privateKeyOpenssh],
        [`${name} pem`, key.privateKeyPem],
        [`${name} pkcs8`, key.privateKeyPemPkcs8],
        [`${name} public`, key.publicKeyOpenssh],
        [`${name} publicPem`, key.publicKeyPem],
        [`${name} sha256`, key.publicKeyFingerprintSha256],
        [`${name} md5`, key.publicKeyFingerprintMd5],
      ]);
      return Promise.resolve(Object.fromEntries(outputs) as Record<string, unknown>);
    };
    const run = await stack.up(program);
    const state = await stack.state();
    const kinds = [
      ["ed25519", "ssh-ed25519", "PRIVATE KEY"],
      ["ecdsa", "ecdsa-sha2-nistp256", "EC PRIVATE KEY"],
      ["rsa", "ssh-rsa", "RSA PRIVATE KEY"],
    ] as const;
    for (const [name, type, pem] of kinds) {
      const output = (of: string) => run.outputs[`${name} ${of}`] ?? { value: undefined, secret: false };
      for (const half of ["private", "pem", "pkcs8"]) {
        expect(output(half).secret).toBe(true);
        expect(state).not.toContain(String(output(half).value).split("\n")[1]);
      }
      for (const half of ["public", "publicPem", "sha256", "md5"]) expect(output(half).secret).toBe(false);
      const key = ssh2.utils.parseKey(String(output("private").value));
      expect(key).not.toBeInstanceOf(Error);
      const parsed = key as ssh2.ParsedKey;
      expect(output("public").value).toBe(`${type} ${parsed.getPublicSSH().toString("base64")}\n`);
      expect(String(output("pem").value)).toMatch(new RegExp(`^-----BEGIN ${pem}-----\n`));
      expect(String(output("pkcs8").value)).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
      expect(String(output("publicPem").value)).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
      expect(output("sha256").value).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
      expect(output("md5").value).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    }
    expect((await stack.up(program)).changes).toEqual({ same: 3 });
  },
);
