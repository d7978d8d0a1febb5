/** The golden sites: the files that a host gets of them, each site with settings of its own. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A site by what its hosts get of it. */
export interface RenderedSite {
  readonly domain: string;
  /** Their texts by their names. */
  readonly files: ReadonlyMap<string, string>;
}

export const goldens = join(import.meta.dirname, "golden");

export function goldenSites(): RenderedSite[] {
  return readdirSync(goldens)
    .filter((name) => existsSync(join(goldens, name, "nginx.conf")))
    .map((domain) => ({
      domain,
      files: new Map(
        readdirSync(join(goldens, domain)).map((it) => [it, readFileSync(join(goldens, domain, it), "utf8")]),
      ),
    }));
}
