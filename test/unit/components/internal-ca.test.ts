import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";

import { InternalCa, ProtectedSite } from "../../../components/index.ts";
import { renewalPeriod } from "../../../components/internal-ca.ts";
import { tenantId } from "../../sites.ts";
import { clearTexts, deployed, isSecret } from "./pretend-cloud.ts";

const site = {
  domain: "wiki.example.com",
  port: 4180,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["example.com"],
  certificateFrom: "internalCa",
};
const hosts = [
  { name: "edge-1", address: "10.0.0.11", hostKey: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}` },
];
const common = { site, tenantId, hosts, deployerPrivateKey: "SECRET-deployer" };

const textOf = (output: pulumi.Output<string>) =>
  new Promise<string>((resolve) => {
    output.apply(resolve);
  });

test("every CA is part of what clients trust, and one signs", async () => {
  let bundle: Promise<string> | undefined;
  let signed: Promise<string> | undefined;
  await deployed(() => {
    const ca = new InternalCa("ca", { generations: [1, 2], signingGeneration: 2 });
    bundle = textOf(ca.bundle);
    signed = textOf(ca.caCertPem);
  });
  expect(await bundle).toBe("certificate of ca-1\ncertificate of ca-2\n");
  expect(await signed).toBe("certificate of ca-2\n");
});

test("a host gets the certificate and its key with the secrets, and nowhere else", async () => {
  const asked = await deployed(() => {
    const { caCertPem, caPrivateKeyPem } = new InternalCa("ca", { generations: [1] });
    new ProtectedSite("wiki", { ...common, certificateAuthority: { caCertPem, caPrivateKeyPem } });
  });
  const credentials = asked.find(({ name }) => name === "wiki-edge-1-credentials")?.inputs["stdin"];
  expect(isSecret(credentials)).toBe(true);
  expect(JSON.stringify(credentials)).toContain("SECRET-key of wiki-certificate-key");
  expect(JSON.stringify(credentials)).toContain("certificate of wiki-certificate");
  expect(JSON.stringify(credentials)).not.toContain("SECRET-key of ca-1-key");
  expect(asked.flatMap(({ inputs }) => clearTexts(inputs)).join("\n")).not.toContain("SECRET");
  const push = asked.find(({ name }) => name === "wiki-edge-1")?.inputs["stdin"];
  expect(push).toContain(
    "ssl_certificate /etc/protected-sites/credentials/wiki.example.com/current/fullchain.pem;",
  );
});

test("a CA signs certificates, a site's certificate signs nothing, and the keys of both are secret", async () => {
  let made: InternalCa | undefined;
  const asked = await deployed(() => {
    made = new InternalCa("ca", { generations: [1] });
    const { caCertPem, caPrivateKeyPem } = made;
    new ProtectedSite("wiki", { ...common, certificateAuthority: { caCertPem, caPrivateKeyPem } });
  });
  const inputs = (type: string) => asked.find((it) => it.type.endsWith(type))?.inputs;
  expect(inputs(":SelfSignedCert")).toMatchObject({
    isCaCertificate: true,
    allowedUses: ["cert_signing", "crl_signing"],
  });
  expect(inputs(":LocallySignedCert")).not.toHaveProperty("isCaCertificate");
  expect(inputs(":LocallySignedCert")).toMatchObject({ allowedUses: ["digital_signature", "server_auth"] });
  expect(inputs(":CertRequest")).toMatchObject({ dnsNames: ["wiki.example.com"] });
  if (made === undefined) throw new Error("no CA was made");
  expect(await pulumi.isSecret(made.caPrivateKeyPem)).toBe(true);
});

test("a site of the stack's CA without one, and a CA that does not exist, are refused", () => {
  expect(() => new ProtectedSite("wiki", common)).toThrow("needs certificateAuthority, got none");
  expect(() => new InternalCa("ca", { generations: [1, 2], signingGeneration: 3 })).toThrow(
    "signingGeneration must be one of generations (1, 2), got 3",
  );
});

test("a certificate is renewed once per period, and always before it expires", () => {
  const day = (iso: string) => new Date(`${iso}T12:00:00Z`);
  const periods = Array.from({ length: 365 }, (_, index) =>
    renewalPeriod(60, new Date(day("2026-01-01").getTime() + index * 86_400_000)),
  );
  const lengths = [...new Set(periods)].map((it) => periods.filter((other) => other === it).length);
  expect(lengths.slice(1, -1).every((length) => length === 60)).toBe(true);
  expect(renewalPeriod(60, day("2026-01-20"))).toMatch(/^since 20\d\d-\d\d-\d\d$/);
});
