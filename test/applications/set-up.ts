/** Before the suite: every application that is asked for gets its name, its certificate and its site, in one update. */
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";

import { readCredentials } from "../lab/entra/directory.ts";
import { forgetKilledUpdates } from "../lab/killed-updates.ts";
import { thisLab } from "../lab/lab.ts";
import { openStack } from "../lab/stack.ts";
import { chosen } from "./all.ts";
import { program } from "./application.ts";
import { backendPort, clientIdsFile, domainOf, folderOf, sitePort } from "./running.ts";
import { addresses } from "../lab/addresses.ts";

/** Called by vitest inside the lab. */
export async function setup(): Promise<void> {
  const lab = await thisLab();
  const { certify } = await import("../e2e/on-hosts.ts");
  const { deployer: robot } = readCredentials(lab.state);
  const names = await readFile("/etc/hosts", "utf8");
  for (const { application } of chosen()) {
    await rm(folderOf(lab, application), { recursive: true, force: true });
    await mkdir(folderOf(lab, application), { recursive: true });
    const domain = domainOf(application);
    await certify(domain);
    if (!names.includes(` ${domain}\n`))
      await appendFile("/etc/hosts", lab.hosts.map(({ address }) => `${address} ${domain}\n`).join(""));
  }
  const stack = await openStack(lab.name);
  const settings = await stack.workspace.stackSettings(stack.name);
  const sites = settings.config?.["protected-sites:sites"] as Record<string, unknown> | undefined;
  if (sites === undefined) throw new Error(`stack ${stack.name}: expected sites in its settings, got none`);
  for (const { application, index } of chosen())
    sites[application.name] = {
      domain: domainOf(application),
      port: sitePort(index),
      upstream: `${application.scheme ?? "http"}://${addresses.applications}:${backendPort(index)}`,
      emailDomains: ["lab.test"],
      clientSecrets: [{ generation: 1, endDate: "2099-12-31" }],
      ...(JSON.parse(JSON.stringify(application.site).replaceAll(program, robot.objectId)) as object),
    };
  await stack.workspace.saveStackSettings(stack.name, settings);
  const { outputs } = await stack.up({ refresh: await forgetKilledUpdates(lab, stack) });
  await writeFile(clientIdsFile(lab), JSON.stringify(outputs["clientIds"]?.value));
}
