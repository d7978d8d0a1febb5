/** What is judged: sites with the files that their hosts get. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { renderedEnvironment } from "../../infra/review/rendering.ts";
import type { Environment } from "../../infra/environment.ts";

/** A site by what its hosts get of it. */
export interface JudgedSite {
  readonly domain: string;
  /** Their texts by their names. */
  readonly files: ReadonlyMap<string, string>;
}

const golden = join(import.meta.dirname, "../golden");

/** The golden sites, each of which has settings of its own. */
export function goldenSites(): JudgedSite[] {
  return readdirSync(golden, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      domain: name,
      files: new Map(
        readdirSync(join(golden, name)).map((file) => [file, readFileSync(join(golden, name, file), "utf8")]),
      ),
    }));
}

/** An environment's sites. */
export function sitesOf(environment: Environment): JudgedSite[] {
  const { siteFiles = {} } = renderedEnvironment(environment);
  return environment.sites.map(({ name, domain }) => ({
    domain,
    files: new Map((siteFiles[name] ?? []).map((file) => [file.name, file.text])),
  }));
}
