/** The example environments of stacks/, with what only the lab knows in place of what only a company knows. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { parse } from "yaml";

import type { LabRedis } from "../lab/redis.ts";

type Settings = Record<string, unknown>;

/** Ports are each site's own on every host; these are added to those of an example. */
const examples = { "small-office": 1000, company: 2000, "high-security": 3000 } as const;

/** Of these, company has many alike; one of them is enough to see that they work. */
const sample = ["wiki", "build", "partners", "news"];

/** Where the sessions of those live as well, in sites of their own, where all are wanted: all rules in every store. */
export const otherStores = ["cookie", "minimal"] as const;

/**
 * The sites of all examples, by the first part of their domain and the example's, as in `wiki-company`.
 * @param robot object ID of the program that the company lets in
 * @param all also those of the company that are like others
 */
export async function exampleSites(
  redis: LabRedis,
  robot: string,
  all: boolean,
): Promise<Record<string, Settings>> {
  const sites: Record<string, Settings> = {};
  const add = (name: string, port: number, site: Settings) => {
    // The examples' day comes one day.
    const clientSecrets = [{ generation: 1, endDate: "2099-12-31" }];
    const upstream = "http://192.0.2.3:8001";
    sites[name] = { ...site, port: Number(site["port"]) + port, upstream, clientSecrets };
  };
  for (const [example, ports] of Object.entries(examples)) {
    const file = join(import.meta.dirname, `../../stacks/Pulumi.${example}.yaml`);
    const text = inTheLab(await readFile(file, "utf8")).replaceAll(/[0-]+a1\b/g, robot);
    const { config } = parse(text) as { config: Settings };
    const shared = (config["protected-sites:siteDefaults"] ?? {}) as Settings;
    for (const [name, own] of Object.entries(config["protected-sites:sites"] as Record<string, Settings>)) {
      if (example === "company" && !all && !sample.includes(name)) continue;
      const site: Settings = { ...shared, ...own };
      const secure = site["redis"] === undefined ? {} : { redis: { host: redis.host, port: redis.port } };
      add(`${name}-${example}`, ports, { ...site, ...secure });
      if (example !== "company" || !all || !sample.includes(name)) continue;
      for (const [index, sessionStore] of otherStores.entries()) {
        const copy: Settings = { ...site, sessionStore, domain: `${name}.${sessionStore}.lab.test` };
        delete copy["redis"];
        add(`${name}-${sessionStore}`, 4000 + 1000 * index, copy);
      }
    }
  }
  return sites;
}

/** People and domains are the lab's; the group of emergency accounts is one without members. */
function inTheLab(text: string): string {
  return text
    .replaceAll(/emailDomains: \[.*?\]/g, "emailDomains: [lab.test]")
    .replaceAll(/@\w+\.example\.com/g, "@lab.test")
    .replaceAll(/\b(\w+\.\w+)\.example\.com/g, "$1.lab.test")
    .replaceAll("00000000-0000-0000-0000-000000000009", "7e57ab1e-0000-4000-8000-000000000005");
}
