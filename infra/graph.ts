/** Microsoft Graph for the operator's commands, signed in as the azuread provider is. */
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

const graph = "https://graph.microsoft.com";

/** Not signed in, or Graph rejected a call. */
export class GraphFailure extends Error {}

/** A call to Graph: method, path below /v1.0, and body. */
export type GraphCall = (method: "GET" | "POST", path: string, body?: object) => Promise<unknown>;

/**
 * Signs in with ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET; without a client secret, as the user who is signed in
 * to the Azure CLI.
 * @throws GraphFailure if neither works
 */
export async function signInToGraph(environment: NodeJS.ProcessEnv = process.env): Promise<GraphCall> {
  const token = await tokenOf(environment);
  return async (method, path, body) => {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(`${graph}/v1.0${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.ok) return text === "" ? undefined : (JSON.parse(text) as unknown);
      if (response.status !== 429 || attempt === 5)
        throw new GraphFailure(
          `Microsoft Graph, ${method} ${path}: ${response.status} ${text.slice(0, 300)}`,
        );
      await sleep(1000 * Number(response.headers.get("retry-after") ?? 2 ** attempt));
    }
  };
}

async function tokenOf(environment: NodeJS.ProcessEnv): Promise<string> {
  const { ARM_TENANT_ID: tenant, ARM_CLIENT_ID: id, ARM_CLIENT_SECRET: secret } = environment;
  if (tenant === undefined || id === undefined || secret === undefined) return tokenOfAzureCli(tenant);
  const response = await fetch(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: id,
      client_secret: secret,
      scope: `${graph}/.default`,
    }),
  });
  const answer = (await response.json()) as { access_token?: string; error_description?: string };
  if (answer.access_token === undefined)
    throw new GraphFailure(`Entra rejected ${id}: ${(answer.error_description ?? "").split("\n")[0] ?? ""}`);
  return answer.access_token;
}

async function tokenOfAzureCli(tenant: string | undefined): Promise<string> {
  const options = ["--resource", graph, "--query", "accessToken", "--output", "tsv"];
  try {
    const ofTenant = tenant === undefined ? [] : ["--tenant", tenant];
    return (await execa("az", ["account", "get-access-token", ...options, ...ofTenant])).stdout;
  } catch {
    throw new GraphFailure(
      "not signed in to Entra: set ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET, or run `az login`",
    );
  }
}
