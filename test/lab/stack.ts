/**
 * The stack of an instance: infra/deploy.ts with stacks/Pulumi.local.yaml, run by the real engine. To be used inside the
 * instance's namespaces, where the hosts and Entra are.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { LocalWorkspace, PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import { type Document, parseDocument } from "yaml";

import { deploy } from "../../infra/deploy.ts";
import { engineVariables } from "../../infra/engine-variables.ts";
import { ensureEngine } from "./engine.ts";
import { describe, type Lab } from "./lab.ts";

/** The environment that every instance runs: stacks/Pulumi.local.yaml. */
const environment = "local";
const project = "protected-sites";
const adminKeySetting = `${project}:adminPrivateKey`;

/**
 * The instance's stack, ready for `up` and `preview`. Its settings are taken anew from stacks/Pulumi.local.yaml; its
 * state lies in the instance's own.
 *
 * @throws where the instance is not up
 */
export async function openStack(name: string): Promise<Stack> {
  const lab = await describe(name);
  const engine = await ensureEngine();
  const workDir = join(lab.state, "stack");
  await mkdir(join(workDir, "backend"), { recursive: true, mode: 0o700 });
  await writeFile(join(workDir, "Pulumi.yaml"), await projectFile());
  const settings = join(workDir, `Pulumi.${environment}.yaml`);
  const { text, complete } = await settingsOf(lab, settings);
  await writeFile(settings, text, { mode: 0o600 });

  const stack = await LocalWorkspace.createOrSelectStack(
    { stackName: environment, projectName: project, program: async () => ({ ...(await deploy()) }) },
    {
      workDir,
      pulumiHome: engine.home,
      pulumiCommand: await PulumiCommand.get({ root: engine.root }),
      secretsProvider: "passphrase",
      envVars: {
        ...engine.environment,
        ...engineVariables({}),
        // Without metadata of its own beside each file, which a killed engine leaves empty, and then cannot read.
        PULUMI_BACKEND_URL: `file://${join(workDir, "backend")}?metadata=skip`,
        PULUMI_CONFIG_PASSPHRASE: await passphrase(workDir),
        ...(await deployer(lab)),
      },
    },
  );
  if (!complete)
    await stack.setConfig(adminKeySetting, { value: await readFile(lab.adminKey, "utf8"), secret: true });
  return stack;
}

/** Sets settings in the stack's file, by their paths, such as `sites.code.authCache`. @param below what all paths begin with */
export async function setAll(
  stack: Stack,
  settings: Readonly<Record<string, string>>,
  below = "",
): Promise<void> {
  for (const [path, value] of Object.entries(settings))
    await stack.setConfig(`${project}:${below}${path}`, { value }, true);
}

/** The project's own file, without what an inline program has no use for: where the program and the settings lie. */
async function projectFile(): Promise<string> {
  const file = await documentOf("Pulumi.yaml");
  for (const key of ["main", "stackConfigDir", "runtime"]) file.delete(key);
  file.set("runtime", "nodejs");
  return file.toString();
}

/**
 * The environment's settings with what only this instance knows.
 *
 * @param previous - The file of an earlier run, whose secrets can be used again: to encrypt anew would be a change.
 * @returns whether the secrets are in it
 */
async function settingsOf(
  lab: Lab,
  previous: string,
): Promise<{ readonly text: string; readonly complete: boolean }> {
  const file = await documentOf(join("stacks", `Pulumi.${environment}.yaml`));
  file.setIn(
    ["config", `${project}:hosts`],
    lab.hosts.map(({ name, address, hostKey }) => ({ name, address, hostKey })),
  );
  file.setIn(["config", `${project}:oauth2Proxy`], lab.oauth2Proxy);
  if (isVulnerable(lab.oauth2Proxy.version))
    file.setIn(["config", `${project}:allowVulnerableOauth2Proxy`], true);

  const old = existsSync(previous) ? parseDocument(await readFile(previous, "utf8")) : undefined;
  const salt: unknown = old?.get("encryptionsalt");
  const key: unknown = old?.getIn(["config", adminKeySetting, "secure"]);
  if (salt !== undefined) file.set("encryptionsalt", salt);
  if (salt === undefined || key === undefined) return { text: file.toString(), complete: false };
  file.setIn(["config", adminKeySetting], { secure: key });
  return { text: file.toString({ lineWidth: 0 }), complete: true };
}

/** Only closed machines, which have to build it, get one that is older than the lowest that hosts accept. */
function isVulnerable(version: string): boolean {
  return version.localeCompare("7.15.5", "en", { numeric: true }) < 0;
}

async function passphrase(workDir: string): Promise<string> {
  const file = join(workDir, "passphrase");
  if (!existsSync(file)) await writeFile(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
  return readFile(file, "utf8");
}

/** The application that creates the sites' registrations in Entra, as the azuread provider is told of it. */
async function deployer(lab: Lab): Promise<Record<string, string>> {
  const file = join(lab.state, "deployer.json");
  if (!existsSync(file)) return {};
  const { tenantId, clientId, clientSecret } = JSON.parse(await readFile(file, "utf8")) as {
    tenantId: string;
    clientId: string;
    clientSecret: string;
  };
  return { ARM_TENANT_ID: tenantId, ARM_CLIENT_ID: clientId, ARM_CLIENT_SECRET: clientSecret };
}

async function documentOf(path: string): Promise<Document> {
  const file = join(import.meta.dirname, "..", "..", path);
  return parseDocument(await readFile(file, "utf8"));
}
