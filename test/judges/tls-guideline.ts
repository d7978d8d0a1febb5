/** The Server Side TLS guidelines, once Mozilla's: what a server takes, by a handshake for each thing that it might. */
import { connect, type ConnectionOptions, getCiphers, type TLSSocket } from "node:tls";

import type { AskedSite } from "./asked-site.ts";

/**
 * The intermediate profile of version 6.0, https://data.tlsref.org/guidelines/6.0.json, the newest on 29 November 2026.
 * What it says of certificates is whoever's who makes them.
 */
const guideline = {
  versions: ["TLSv1.2", "TLSv1.3"],
  ciphers: [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
  ],
  ciphersuites: ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  curves: ["X25519MLKEM768", "X25519", "prime256v1", "secp384r1"],
};

const versions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

/** What OpenSSL knows and a server might take, beside the guideline's. */
const otherCurves = [
  ...["SecP256r1MLKEM768", "SecP384r1MLKEM1024", "X448", "secp521r1", "brainpoolP256r1tls13"],
  ...["ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"],
];

/** The handshake's outcome; `undefined` where there is none. @throws where this side cannot ask so */
function shakeHands(
  { address, domain, port = 443 }: AskedSite,
  options: ConnectionOptions,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host: address,
      port,
      servername: domain,
      rejectUnauthorized: false,
      ...options,
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error(`${address}: no handshake in 10 s`)));
    socket.on("secureConnect", () => {
      resolve(socket.getCipher().name);
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // The server's refusal is an alert, or the end of the connection.
      if (/ALERT|ECONNRESET|DISCONNECTED/i.test(error.code ?? "")) resolve(undefined);
      else reject(error);
    });
  });
}

/** Those of `all` with which the server shakes hands; what this side's OpenSSL does not know is none of them. */
async function taken<T extends string>(
  site: AskedSite,
  all: readonly T[],
  optionsFor: (it: T) => ConnectionOptions,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const it of all) {
    const outcome = await shakeHands(site, optionsFor(it)).catch((error: unknown) => {
      if (/^ERR_SSL_|^ERR_INVALID|ERR_TLS/.test((error as NodeJS.ErrnoException).code ?? ""))
        return undefined;
      throw error;
    });
    if (outcome !== undefined) found.add(it);
  }
  return found;
}

/** @returns findings such as `takes TLSv1`, `does not take X25519` */
export async function guidelineFindings(site: AskedSite): Promise<string[]> {
  // A security level of 0 lets this side offer what no server should take.
  const only = (version: (typeof versions)[number]) => ({ minVersion: version, maxVersion: version });
  const old = (ciphers: string) => ({ ...only("TLSv1.2"), ciphers: `${ciphers}:@SECLEVEL=0` });
  const compared = (all: Set<string>, right: readonly string[]) => [
    ...[...all].filter((it) => !right.includes(it)).map((it) => `takes ${it}`),
    ...right.filter((it) => !all.has(it)).map((it) => `does not take ${it}`),
  ];
  const known = getCiphers()
    .map((it) => it.toUpperCase())
    .filter((it) => !it.startsWith("TLS_"));
  const ciphers = await taken(site, known, old);
  // A server takes those of its certificate's kind.
  const kinds = ["ECDSA", "RSA"].filter((kind) => [...ciphers].some((it) => it.includes(`-${kind}-`)));
  const both = guideline.ciphers.filter((it) => kinds.some((kind) => it.includes(`-${kind}-`)));
  const two = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"];
  const orders = await Promise.all(
    [two, [...two].reverse()].map((it) => shakeHands(site, { ...only("TLSv1.3"), ciphers: it.join(":") })),
  );
  return [
    ...compared(
      await taken(site, versions, (it) => ({ ...only(it), ciphers: "ALL:@SECLEVEL=0" })),
      guideline.versions,
    ),
    ...compared(ciphers, both),
    ...compared(
      await taken(
        site,
        [...guideline.ciphersuites, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"],
        (it) => ({ ...only("TLSv1.3"), ciphers: it }),
      ),
      guideline.ciphersuites,
    ),
    ...compared(
      await taken(site, [...guideline.curves, ...otherCurves], (it) => ({
        ...only("TLSv1.3"),
        ecdhCurve: it,
      })),
      guideline.curves,
    ),
    ...(orders[0] === two[0] && orders[1] === two[1] ? [] : ["prefers its own order of ciphers"]),
  ];
}
