/** What a host speaks, asked by clients that can also speak what it must refuse. */
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

import { describe, expect, test } from "vitest";

import { lab } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";

/** Shakes hands and says what came of it: the protocol and what is spoken over it, or why not. */
function shakeHands(address: string, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: address, port: 443, servername: "code.lab.test", ...options });
    socket.on("secureConnect", () => {
      const { name } = socket.getCipher();
      resolve(`${socket.getProtocol() ?? ""} ${name} ${socket.alpnProtocol || "no protocol named"}`);
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}

const only = (version: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3", ciphers?: string) => ({
  minVersion: version,
  maxVersion: version,
  ...(ciphers === undefined ? {} : { ciphers }),
});

describe.each(lab.hosts)("$name", ({ name, address }) => {
  test("every version of Nginx accepts all files without a warning", async () => {
    expect(await shellOn(name, "nginx -t -q 2>&1")).toBe("");
  });

  test.each(["TLSv1", "TLSv1.1"] as const)("refuses %s", async (version) => {
    // The server's own alert: the client would have gone on.
    const refusal = await shakeHands(address, only(version, "ALL:@SECLEVEL=0"));
    expect(refusal).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  });

  test.each([
    ["without forward secrecy", "AES128-GCM-SHA256:AES256-GCM-SHA384"],
    ["with block chaining", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"],
    ["without authentication", "AECDH-AES128-SHA"],
    ["without encryption", "ECDHE-ECDSA-NULL-SHA"],
  ])("refuses ciphers %s", async (_, ciphers) => {
    const refusal = await shakeHands(address, only("TLSv1.2", `${ciphers}:@SECLEVEL=0`));
    expect(refusal).toMatch(/ALERT_HANDSHAKE_FAILURE$/);
  });

  test("speaks TLS 1.2 and 1.3, and HTTP/2 where the client does", async () => {
    const both = { ALPNProtocols: ["h2", "http/1.1"] };
    expect(await shakeHands(address, { ...only("TLSv1.3"), ...both })).toMatch(/^TLSv1.3 TLS_AES_.* h2$/);
    expect(await shakeHands(address, { ...only("TLSv1.2"), ...both })).toMatch(
      /^TLSv1.2 ECDHE-ECDSA-(?:AES...-GCM-SHA...|CHACHA20-POLY1305) h2$/,
    );
    expect(await shakeHands(address, { ALPNProtocols: ["http/1.1"] })).toMatch(/ http\/1.1$/);
  });

  test("uses few key exchange groups, none of which costs it more than a client, and X25519MLKEM768 if OpenSSL supports it", async () => {
    const said = await shellOn(name, "nginx -V 2>&1");
    const [major = 0, minor = 0] = (/.*with OpenSSL ([\d.]+)/.exec(said)?.[1] ?? "").split(".").map(Number);
    const postQuantum = major > 3 || (major === 3 && minor >= 5) ? ["X25519MLKEM768"] : [];
    const groups = ["X25519MLKEM768", "X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe8192"];
    const spoken: string[] = [];
    for (const ecdhCurve of groups)
      if ((await shakeHands(address, { ...only("TLSv1.3"), ecdhCurve })).startsWith("TLSv1.3"))
        spoken.push(ecdhCurve);
    expect(spoken).toEqual([...postQuantum, "X25519", "P-256", "P-384"]);
  });

  test.each([
    ["no name", { servername: "" }],
    ["another name", { servername: "other.test" }],
    ["a site's name and one more label", { servername: "a.code.lab.test" }],
    ["another name in an old protocol's way", { servername: "other.test", ...only("TLSv1.2") }],
  ])("shows nobody a certificate who asks for %s", async (_, options) => {
    expect(await shakeHands(address, options)).toMatch(/UNRECOGNIZED_NAME$/);
  });
});
