#!/bin/sh
# With the TLS guideline's list of groups, a server loses post-quantum key exchanges that it has by default.
#
# OpenSSL 3.5 (here the one of Node 24.21.0; Nginx 1.26.3 with OpenSSL 3.5.9 behaves the same).
# Expected: the Server Side TLS guidelines 6.0 recommend `X25519MLKEM768:X25519:prime256v1:secp384r1`, for Nginx as
# `ssl_ecdh_curve`. A server that lists the post-quantum group first should use it with every client that supports it.
#
# Observed: if a client supports X25519MLKEM768 but has sent a key share only for X25519, a server with the default list
# requests the post-quantum share (HelloRetryRequest) and gets it. With the guideline's list it uses X25519. With "/"
# instead of the first ":" the key exchange is post-quantum again.
# Cause: since 3.5, groups before a "/" are preferred to those after it, even at the cost of another round trip; within
# one part, a group whose share has been sent wins (SSL_CTX_set1_groups_list(3)). The default list has several parts, one
# with only ":" has one.
# Consequence: `auto`, or a list with "X25519MLKEM768/X25519:…", is the better setting; OpenSSL before 3.5 supports neither
# the group nor the "/".
#
# Needs npm. Fails if any of this is no longer true.
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
  // The star sends a key share for this group.
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
