/** An environment's sites as a host gets them, for the commands that ask what its files decide. */
import { ConfigError } from "../../components/site/errors.ts";
import type { Site } from "../../components/site/site.ts";
import type { Environment } from "../environment.ts";
import { SiteReading } from "./gate.ts";
import type { AskedRequest } from "./needs.ts";
import { renderedEnvironment } from "./rendering.ts";
import { siteTexts } from "./site-texts.ts";

/**
 * Renders an environment once.
 * @returns reads a site's files, once; throws CannotJudge if one contains something unknown
 */
export function siteReadings(environment: Environment): (site: Site) => SiteReading {
  const { hostFiles = [], siteFiles = {} } = renderedEnvironment(environment);
  const readings = new Map<string, SiteReading>();
  return ({ name, domain }) => {
    const before = readings.get(name);
    if (before !== undefined) return before;
    const texts = siteTexts(domain, environment.tenantId, siteFiles[name], hostFiles);
    if (texts === undefined) throw new Error(`${name} has no files`);
    const reading = new SiteReading(texts);
    readings.set(name, reading);
    return reading;
  };
}

/**
 * The site that a URL is of, and the request for it.
 * @param source the environment's file, for errors
 * @throws ConfigError if it is not a URL, or no site has its host
 */
export function requestTo(
  url: string,
  method: string,
  { sites }: Environment,
  source: string,
): { readonly site: Site; readonly request: AskedRequest } {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new ConfigError("<url>", [
      { where: "", what: `expected a URL like "https://wiki.example.com/admin", got "${url}"` },
    ]);
  const site = sites.find(({ domain }) => domain === parsed.hostname);
  if (site === undefined) {
    throw new ConfigError(source, [
      { where: "", what: `no site has the domain ${parsed.hostname}; Nginx does not answer` },
    ]);
  }
  return {
    site,
    request: {
      scheme: parsed.protocol === "http:" ? "http" : "https",
      method,
      // As written: URL would normalise dots and slashes, which is up to Nginx.
      target: url.replace(/^https?:\/\/[^/?#]*/, "").replace(/#.*$/s, "") || "/",
    },
  };
}
