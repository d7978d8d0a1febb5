/**
 * An emulator of Microsoft Entra ID: the tenant's sign-in and as much of Microsoft Graph as the azuread provider uses.
 * `node test/lab/entra/main.ts --state DIR --listen ADDRESS --certificate F --key F [--port 443] [--control-port 8400]`
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer, type Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { controlListener } from "./control-server.ts";
import { type Deployer, openDirectory } from "./directory.ts";
import { Emulator } from "./emulator.ts";
import { entraListener } from "./server.ts";

/** Where the emulator listens, and what it works with. */
export interface EntraArgs {
  /** Folder of the tenant: `entra.json`, `users.json`, `deployer.json`. Made where it is missing. */
  readonly state: string;
  /** Address of both ports. */
  readonly listen: string;
  /** 0 takes a free one. @default 443 */
  readonly port?: number;
  /** 0 takes a free one. @default 8400 */
  readonly controlPort?: number;
  /** Certificate chain for login.microsoftonline.com and graph.microsoft.com, and its key, in PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** An emulator that runs. */
export interface Entra {
  readonly port: number;
  readonly controlUrl: string;
  /** Ends it with all its connections. */
  close(): Promise<void>;
}

/** Starts the emulator; returns once it listens. */
export async function startEntra(args: EntraArgs): Promise<Entra> {
  const emulator = new Emulator(await openDirectory(args.state));
  const { clientId } = JSON.parse(readFileSync(join(args.state, "deployer.json"), "utf8")) as Deployer;
  const tls = { cert: args.certificate, key: args.key };
  const server = createServer(tls, entraListener(emulator, clientId));
  const control = createPlainServer(controlListener(emulator));
  const port = await listening(server, args.port ?? 443, args.listen);
  const controlPort = await listening(control, args.controlPort ?? 8400, args.listen);
  return {
    port,
    controlUrl: `http://${args.listen}:${controlPort}`,
    close: async () => {
      await Promise.all([server, control].map(ended));
    },
  };
}

async function listening(server: Server, port: number, address: string): Promise<number> {
  server.listen(port, address);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function ended(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}

async function main(): Promise<void> {
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
  const needed = (name: "certificate" | "key" | "listen" | "state"): string => {
    const value = values[name];
    if (value === undefined) throw new Error(`--${name} is missing`);
    return value;
  };
  const entra = await startEntra({
    state: needed("state"),
    listen: needed("listen"),
    port: Number(values.port),
    controlPort: Number(values["control-port"]),
    certificate: readFileSync(needed("certificate"), "utf8"),
    key: readFileSync(needed("key"), "utf8"),
  });
  console.log(
    `Entra listens on https://${needed("listen")}:${entra.port}, its control API on ${entra.controlUrl}`,
  );
}

if (import.meta.main) await main();
