/** What is judged of an environment: its sites with the files that their hosts get. */
import { renderedEnvironment } from "../../infra/review/rendering.ts";
import type { Environment } from "../../infra/environment.ts";
import type { RenderedSite } from "../golden-sites.ts";

export function sitesOf(environment: Environment): RenderedSite[] {
  const { siteFiles = {} } = renderedEnvironment(environment);
  return environment.sites.map(({ name, domain }) => ({
    domain,
    files: new Map((siteFiles[name] ?? []).map((file) => [file.name, file.text])),
  }));
}
