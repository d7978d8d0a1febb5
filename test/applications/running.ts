/** Applications that run: in a cgroup of their own, so that one that ends takes all of its processes along. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { addresses } from "../lab/addresses.ts";
import { readCredentials } from "../lab/entra/directory.ts";
import type { Lab } from "../lab/lab.ts";
import { waitForPort } from "../lab/ports.ts";
import { cgroupOf, end, isRunning, start, tail } from "../lab/processes.ts";
import type { Application, Place } from "./application.ts";

/** How long an application may take until it listens: some are written in Java, and the machine has more to do. */
const patience = 120_000;

/** An application's port; its site's oauth2-proxy has one of its own, {@link sitePort}. */
export function backendPort(index: number): number {
  return 8100 + index;
}

/** The port of a site's oauth2-proxy on a host. */
export function sitePort(index: number): number {
  return 4200 + index;
}

/** The domain of an application's site. */
export function domainOf({ name }: Pick<Application, "name">): string {
  return `${name}.lab.test`;
}

/** What it writes, and what its clients do. */
export function folderOf(lab: Lab, { name }: Pick<Application, "name">): string {
  return join(lab.state, "applications", name);
}

/** The client IDs of all sites by their names, as JSON. */
export function clientIdsFile(lab: Lab): string {
  return join(lab.state, "applications", "client-ids.json");
}

/** Where an application is to run, with what it is made of already installed. @param index its number among all */
export async function placeOf(lab: Lab, application: Application, index: number): Promise<Place> {
  const installed: Record<string, string> = {};
  for (const [key, install] of Object.entries(application.packages)) installed[key] = await install();
  const clientIds = JSON.parse(await readFile(clientIdsFile(lab), "utf8")) as Record<string, string>;
  return {
    clientId: clientIds[application.name] ?? "",
    robot: readCredentials(lab.state).deployer,
    address: addresses.applications,
    port: backendPort(index),
    origin: `https://${domainOf(application)}`,
    folder: folderOf(lab, application),
    installed,
    ca: lab.ca,
  };
}

/** Starts it; returns once it listens. @throws where it ends before that */
export async function startIn(lab: Lab, application: Application, place: Place): Promise<void> {
  const cgroup = cgroupOf(lab.name, `application-${application.name}`);
  await end(cgroup);
  const log = join(lab.state, "logs", `${application.name}.log`);
  const { command, environment = {} } = await application.start(place);
  // What it makes where it stands is in its own folder.
  const here = ["env", `--chdir=${place.folder}`, ...command];
  await start({ cgroup, log, command: here, environment: { HOME: place.folder, ...environment } });
  const alive = () => isRunning(cgroup);
  if (!(await waitForPort(lab.name, { ...place, patience, alive })))
    throw new Error(
      `${application.title} does not listen on ${place.address}:${place.port}; ${await tail(log)}`,
    );
}

/** Ends it, with all that it has started. */
export async function stopIn(lab: Lab, { name }: Application): Promise<void> {
  await end(cgroupOf(lab.name, `application-${name}`));
}
