#!/bin/sh
# The TLS guideline's list of groups loses post-quantum key exchanges that a server without any list has.
#
# OpenSSL 3.5 (here as Node 24.21.0 brings it; Nginx 1.26.3 with OpenSSL 3.5.9 does the same).
# The Server Side TLS guidelines 6.0 recommend `X25519MLKEM768:X25519:prime256v1:secp384r1`, for Nginx as
# `ssl_ecdh_curve`. One guesses that a server that names the post-quantum group first uses it wherever a client can.
#
# Seen: of a client that knows X25519MLKEM768 and has sent a share for X25519 only, a server without any list asks for the
# post-quantum share (HelloRetryRequest) and gets it. With the guideline's list it takes X25519. With "/" in place of the
# first ":" it is post-quantum again.
# The reason: since 3.5, groups before a "/" are tried before those behind it, also at the cost of another round trip;
# within one part, a share that has been sent wins (SSL_CTX_set1_groups_list(3)). The default list has such parts, and a
# list of one's own with ":" alone has one.
# What follows: `auto`, or a list with "X25519MLKEM768/X25519:…", is the better setting; OpenSSL before 3.5 takes neither
# the group nor the "/".
#
# Needs npm. Fails where any of this is otherwise.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix "$tmp" node@24.21.0 >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
  -keyout key.pem -out certificate.pem 2>/dev/null
cat >groups.mjs <<'NODE'
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:tls";

const [key, cert] = ["key.pem", "certificate.pem"].map((it) => readFileSync(it));
console.log(`OpenSSL ${process.versions.openssl}`);
const expected = {
  auto: "X25519MLKEM768",
  "X25519MLKEM768:X25519:prime256v1:secp384r1": "X25519",
  "X25519MLKEM768/X25519:prime256v1:secp384r1": "X25519MLKEM768",
};
for (const [ecdhCurve, wanted] of Object.entries(expected)) {
  const server = createServer({ key, cert, ecdhCurve }).listen(0, "127.0.0.1");
  await once(server, "listening");
  // The star: a share of this one is sent.
  const client = connect({
    port: server.address().port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    ecdhCurve: "*X25519:X25519MLKEM768",
  });
  await once(client, "secureConnect");
  const { name } = client.getEphemeralKeyInfo();
  console.log(`${ecdhCurve.padEnd(44)} ${name}`);
  client.destroy();
  server.close();
  if (name !== wanted) process.exitCode = 1;
}
NODE
"$tmp/node_modules/.bin/node" groups.mjs
echo "As expected."
