/**
 * The emulator's process:
 * `node test/lab/entra/main.ts --state DIR --listen ADDRESS [--port 443] [--control-port 8400] --certificate FILE --key FILE`
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { startEmulator } from "./server.ts";

const { values } = parseArgs({
  options: {
    state: { type: "string" },
    listen: { type: "string" },
    port: { type: "string", default: "443" },
    "control-port": { type: "string", default: "8400" },
    certificate: { type: "string" },
    key: { type: "string" },
  },
});
const { state, listen, certificate, key } = values;
if (state === undefined || listen === undefined || certificate === undefined || key === undefined)
  throw new Error("--state, --listen, --certificate and --key must be given");

const emulator = await startEmulator({
  state,
  listen,
  port: Number(values.port),
  controlPort: Number(values["control-port"]),
  certificate: await readFile(certificate, "utf8"),
  key: await readFile(key, "utf8"),
});
console.log(`Entra answers on ${listen}:${String(emulator.port)}, its control API on ${emulator.controlUrl}`);

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    void emulator.close().then(() => process.exit());
  });
