/** Microsoft Graph for the operator's commands, signed in as the azuread provider is. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

const graph = "https://graph.microsoft.com";

/** Not signed in, or Graph could not be reached, or rejected a call. */
export class GraphFailure extends Error {
  /** HTTP status of a rejected call. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** A call to Graph: method, path below /v1.0, and body. */
export type GraphCall = (method: "GET" | "POST", path: string, body?: object) => Promise<unknown>;

/**
 * Signs in with ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET, or the token of a job in the file
 * AZURE_FEDERATED_TOKEN_FILE; with neither, as the user who is signed in to the Azure CLI.
 * @throws GraphFailure if none works
 */
export async function signInToGraph(environment: NodeJS.ProcessEnv = process.env): Promise<GraphCall> {
  const token = await tokenOf(environment);
  return async (method, path, body) => {
    for (let attempt = 0; ; attempt++) {
      const response = await reach(`${graph}/v1.0${path}`, {
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
          response.status,
        );
      await sleep(1000 * Number(response.headers.get("retry-after") ?? 2 ** attempt));
    }
  };
}

/**
 * The path of a link that Graph has given, for a {@link GraphCall}.
 * @throws GraphFailure if it leads elsewhere: a call carries the token
 */
export function pathOf(link: string): string {
  const base = `${graph}/v1.0/`;
  if (!link.startsWith(base)) throw new GraphFailure(`expected a link to ${base}, got ${link.slice(0, 100)}`);
  return link.slice(base.length - 1);
}

async function reach(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly message?: string } };
    const reason = cause?.message ?? (error instanceof Error ? error.message : String(error));
    throw new GraphFailure(`${new URL(url).host} could not be reached: ${reason}`);
  }
}

/** What proves who calls: a client secret, or a token of another issuer that the registration trusts. */
async function proof(environment: NodeJS.ProcessEnv): Promise<Readonly<Record<string, string>> | undefined> {
  const { ARM_CLIENT_SECRET: secret, AZURE_FEDERATED_TOKEN_FILE: file } = environment;
  if (secret !== undefined) return { client_secret: secret };
  if (file === undefined) return undefined;
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: (await readFile(file, "utf8")).trim(),
  };
}

async function tokenOf(environment: NodeJS.ProcessEnv): Promise<string> {
  const { ARM_TENANT_ID: tenant, ARM_CLIENT_ID: id } = environment;
  const proved = await proof(environment);
  if (tenant === undefined || id === undefined || proved === undefined) return tokenOfAzureCli(tenant);
  const response = await reach(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: id,
      ...proved,
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
