/** The one signed-in client of this provider process. */
import { Graph } from "./graph.ts";
import type { Properties } from "../provider.ts";

let current: Graph | undefined;

/** Signs in with the provider's configuration, else with the environment's ARM_* variables. */
export async function signIn(config: Properties): Promise<void> {
  const setting = (property: string, variable: string): string => {
    const value = (config[property] as string | undefined) ?? process.env[variable];
    if (value === undefined || value === "")
      throw new Error(`azuread: neither its configuration's ${property} nor ${variable} is given`);
    return value;
  };
  current = await Graph.signIn({
    tenantId: setting("tenantId", "ARM_TENANT_ID"),
    clientId: setting("clientId", "ARM_CLIENT_ID"),
    clientSecret: setting("clientSecret", "ARM_CLIENT_SECRET"),
  });
}

/** The client; the engine configures a provider before it asks it for anything. */
export function graph(): Graph {
  if (current === undefined) throw new Error("azuread: not configured");
  return current;
}

const tails = new Map<string, Promise<unknown>>();

/** Runs one piece of work after the other where they concern the same application. */
export async function oneAtATime<T>(application: string, work: () => Promise<T>): Promise<T> {
  const result = (tails.get(application) ?? Promise.resolve()).then(work, work);
  tails.set(application, result);
  return result;
}
