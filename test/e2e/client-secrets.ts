/** The client secrets of a site of the lab: what the configuration lists, what Entra has, and what each host uses. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { ConfigMap, Stack } from "@pulumi/pulumi/automation/index.js";

import { EntraControl } from "../lab/entra/control.ts";
import { lab } from "./instance.ts";
import { runOn } from "./on-hosts.ts";

export const entra = new EntraControl("http://192.0.2.2:8400");

/** Sets which generations of wiki's client secret there are, oldest first. */
export async function setGenerations(stack: Stack, ...generations: readonly number[]): Promise<void> {
  const path = "protected-sites:sites.wiki.clientSecrets";
  const { value } = await stack.getConfig("protected-sites:sites");
  const listed = (JSON.parse(value) as { wiki: { clientSecrets?: unknown[] } }).wiki.clientSecrets ?? [];
  if (generations.length < listed.length) await stack.removeConfig(path, true);
  // The same end for all: another one would make a secret anew whenever it moves in the list.
  const settings = generations.flatMap((generation, index) => [
    [`${path}[${index}].generation`, { value: String(generation) }],
    [`${path}[${index}].endDate`, { value: "2099-12-31" }],
  ]);
  await stack.setAllConfig(Object.fromEntries(settings) as ConfigMap, true);
}

/** Names of the client secrets that Entra has for wiki, in order. */
export async function secretsInEntra(): Promise<string[]> {
  const wiki = (await entra.applications()).find(
    ({ displayName, deleted }) => displayName.includes("wiki.lab.test") && !deleted,
  );
  return (wiki?.secrets ?? []).map(({ displayName }) => displayName ?? "").sort();
}

/** What tells the client secret in use on each host apart, without telling it. */
export async function secretsOnHosts(): Promise<string[]> {
  const file = "/etc/protected-sites/credentials/wiki.lab.test/current/client-secret";
  return Promise.all(
    lab.hosts.map(async ({ name }) => (await runOn(name, ["sha256sum", file])).split(" ")[0] ?? ""),
  );
}

const askForToken = `
import pathlib, urllib.error, urllib.parse, urllib.request
at = pathlib.Path("/etc/protected-sites/credentials/wiki.lab.test/current")
variables = dict(line.split("=", 1) for line in (at / "client.env").read_text().splitlines())
form = {"grant_type": "client_credentials", "client_id": variables["OAUTH2_PROXY_CLIENT_ID"],
  "client_secret": (at / "client-secret").read_text(), "scope": "https://graph.microsoft.com/.default"}
config = pathlib.Path("/etc/oauth2-proxy/oauth2-proxy_wiki.lab.test.cfg").read_text()
url = config.split('redeem_url = "')[1].split('"')[0]
try:
    print(urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()).status)
except urllib.error.HTTPError as error:
    print(error.status)
`;

/** What Entra's token endpoint answers each host that shows the client secret it uses: 200, or a refusal. */
export async function tokensOnHosts(): Promise<string[]> {
  return Promise.all(lab.hosts.map(({ name }) => runOn(name, ["python3", "-c", askForToken])));
}

/** The variables with which the azuread provider, and the operator's commands, sign in to Entra. */
export function deployerEnvironment(): Record<string, string> {
  const { tenantId, clientId, clientSecret } = JSON.parse(
    readFileSync(join(lab.state, "deployer.json"), "utf8"),
  ) as Record<"tenantId" | "clientId" | "clientSecret", string>;
  return { ARM_TENANT_ID: tenantId, ARM_CLIENT_ID: clientId, ARM_CLIENT_SECRET: clientSecret };
}
