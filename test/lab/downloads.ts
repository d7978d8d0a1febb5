/**
 * Serves one folder over HTTPS, for hosts that download a release:
 * `node test/lab/downloads.ts --listen 192.0.2.3 --certificate F --key F --directory D`.
 */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:https";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    listen: { type: "string" },
    certificate: { type: "string" },
    key: { type: "string" },
    directory: { type: "string" },
  },
});
const { listen, certificate, key, directory } = values;
if (listen === undefined || certificate === undefined || key === undefined || directory === undefined)
  throw new Error("usage: node test/lab/downloads.ts --listen ADDRESS --certificate F --key F --directory D");

const server = createServer(
  { cert: await readFile(certificate), key: await readFile(key) },
  (request, response) => {
    // Only files that lie in the folder itself have an address.
    const file = join(directory, basename(new URL(request.url ?? "/", "https://downloads").pathname));
    stat(file)
      .then((found) => {
        if (!found.isFile()) throw new Error(`${file} is no file`);
        console.log(`${request.socket.remoteAddress ?? ""} ${request.method ?? ""} ${request.url ?? ""}`);
        response.writeHead(200, { "Content-Length": found.size, "Content-Type": "application/octet-stream" });
        createReadStream(file).pipe(response);
      })
      .catch(() => {
        response.writeHead(404).end();
      });
  },
);
server.listen(443, listen);
await once(server, "listening");
console.log(`https://${listen} serves ${directory}`);
