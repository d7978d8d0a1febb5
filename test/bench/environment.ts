/** The environment that benchmarks deploy: the lab's own, with as many more sites as are wanted. */
import { writeFile } from "node:fs/promises";

import { parseDocument } from "yaml";

/** The stack's file to write. */
export interface BenchEnvironment {
  /** Path of the file. */
  readonly settings: string;
  /** Its usual text. */
  readonly usual: string;
  /** How many of its hosts stay. */
  readonly hosts: number;
  /** How many sites it gets beside its own. */
  readonly sites: number;
  /** Whether the first of those has another setting. */
  readonly changed: boolean;
}

export function domainOf(index: number): string {
  return `site-${index}.lab.test`;
}

export async function configure({ settings, usual, hosts, sites, changed }: BenchEnvironment): Promise<void> {
  const file = parseDocument(usual);
  while (file.hasIn(["config", "protected-sites:hosts", hosts]))
    file.deleteIn(["config", "protected-sites:hosts", hosts]);
  for (let index = 0; index < sites; index++) {
    const site = {
      domain: domainOf(index),
      port: 4200 + index,
      upstream: "http://192.0.2.3:8001",
      emailDomains: ["lab.test"],
      // In Nginx's file and in oauth2-proxy's.
      ...(changed && index === 0 ? { cookieExpire: "100h" } : {}),
    };
    file.setIn(["config", "protected-sites:sites", `site-${index}`], site);
  }
  await writeFile(settings, file.toString({ lineWidth: 0 }));
}
