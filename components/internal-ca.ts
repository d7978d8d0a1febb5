import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

/** What an {@link InternalCa} needs. */
export interface InternalCaArgs {
  /** The CAs that there are, by number; clients trust all of them. A new number makes a new CA, one that goes ends one. */
  generations: number[];
  /** The one that signs. @default the first of `generations` */
  signingGeneration?: number;
  /** Preview and update warn when a CA ends in fewer days. @default 365 */
  expiryWarningDays?: number;
}

/** What signs certificates. */
export interface CertificateAuthoritySettings {
  /** The CA's certificate, in PEM. */
  caCertPem: pulumi.Input<string>;
  /** The CA's private key, in PEM. */
  caPrivateKeyPem: pulumi.Input<string>;
  /** For how many days a certificate is valid. @default 90 */
  certificateDays?: number;
  /** How many days before its end a certificate is renewed, by the next update. @default 30 */
  renewalDays?: number;
}

/** Ten years: a CA is replaced by a new generation, with an overlap, and never by itself. */
const caHours = 10 * 365 * 24;

/** CAs of a stack's own, of which one signs its sites' certificates. Clients have to trust {@link InternalCa.bundle}. */
export class InternalCa extends pulumi.ComponentResource {
  /** The certificates of all CAs, in PEM: what clients trust. */
  readonly bundle: pulumi.Output<string>;
  /** The certificate of the CA that signs, in PEM. */
  readonly caCertPem: pulumi.Output<string>;
  /** The private key of the CA that signs, in PEM; secret. */
  readonly caPrivateKeyPem: pulumi.Output<string>;

  constructor(name: string, args: InternalCaArgs, opts?: pulumi.ComponentResourceOptions) {
    super("protected-sites:index:InternalCa", name, { generations: args.generations }, opts);
    const child = { parent: this };
    const authorities = args.generations.map((generation) => {
      const key = new tls.PrivateKey(
        `${name}-${generation}-key`,
        { algorithm: "ECDSA", ecdsaCurve: "P256" },
        child,
      );
      const certificate = new tls.SelfSignedCert(
        `${name}-${generation}`,
        {
          privateKeyPem: key.privateKeyPem,
          subject: { commonName: `Protected Sites ${pulumi.getStack()} CA ${generation}` },
          isCaCertificate: true,
          setSubjectKeyId: true,
          allowedUses: ["cert_signing", "crl_signing"],
          validityPeriodHours: caHours,
        },
        child,
      );
      warnBefore(certificate, generation, args.expiryWarningDays ?? 365);
      return { generation, key, certificate };
    });
    const { signingGeneration = args.generations[0] } = args;
    const signing = authorities.find(({ generation }) => generation === signingGeneration);
    if (signing === undefined)
      throw new Error(
        `${name}: signingGeneration must be one of generations (${args.generations.join(", ")}), got ${signingGeneration ?? "none"}`,
      );
    this.bundle = pulumi
      .all(authorities.map(({ certificate }) => certificate.certPem))
      .apply((texts) => texts.map((text) => `${text.trim()}\n`).join(""));
    this.caCertPem = signing.certificate.certPem;
    this.caPrivateKeyPem = pulumi.secret(signing.key.privateKeyPem);
    this.registerOutputs({ bundle: this.bundle });
  }
}

function warnBefore(certificate: tls.SelfSignedCert, generation: number, days: number): void {
  certificate.validityEndTime.apply((end) => {
    const left = Math.floor((Date.parse(end) - Date.now()) / 86_400_000);
    if (left < days)
      void pulumi.log.warn(
        `CA ${generation} expires on ${end.slice(0, 10)}, in ${left} days; add a generation to internalCa, docs/certificates.md`,
      );
  });
}

/** A site's certificate and its private key, both in PEM. The key is secret. */
export function siteCertificate(
  name: string,
  domain: string,
  { caCertPem, caPrivateKeyPem, certificateDays = 90, renewalDays = 30 }: CertificateAuthoritySettings,
  now: Date,
  opts: pulumi.CustomResourceOptions,
): { readonly certificate: pulumi.Output<string>; readonly certificateKey: pulumi.Output<string> } {
  const key = new tls.PrivateKey(`${name}-certificate-key`, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);
  const request = new tls.CertRequest(
    `${name}-certificate-request`,
    { privateKeyPem: key.privateKeyPem, dnsNames: [domain] },
    opts,
  );
  const certificate = new tls.LocallySignedCert(
    `${name}-certificate`,
    {
      certRequestPem: request.certRequestPem,
      caCertPem,
      caPrivateKeyPem,
      setSubjectKeyId: true,
      allowedUses: ["digital_signature", "server_auth"],
      validityPeriodHours: certificateDays * 24,
    },
    // Not the provider's earlyRenewalHours: its renewals do not come, https://github.com/pulumi/pulumi-tls/issues/39.
    { ...opts, replacementTrigger: renewalPeriod(certificateDays - renewalDays, now) },
  );
  return { certificate: certificate.certPem, certificateKey: pulumi.secret(key.privateKeyPem) };
}

/** The period of so many days that `now` is in, as the day on which it began; each has certificates of its own. */
export function renewalPeriod(days: number, now: Date): string {
  const length = days * 86_400_000;
  return `since ${new Date(Math.floor(now.getTime() / length) * length).toJSON().slice(0, 10)}`;
}
