/** Sites with another name on the other side: with `renamedSites` they stay, without it they are recreated in Entra. */
import type { Environment } from "../environment.ts";
import type { Statement } from "./statements.ts";
import type { RenderedStack } from "./rendering.ts";

/** A site's previous name. */
export interface Rename {
  readonly before: string;
  /** Whether `renamedSites` says so. */
  readonly declared: boolean;
}

/** Renamed sites by their new names: by `renamedSites`, or by their domain, which is unique. */
export function renamesOf(
  before: Environment | undefined,
  after: Environment | undefined,
): ReadonlyMap<string, Rename> {
  const [old, now] = [before?.sites ?? [], after?.sites ?? []];
  const found = new Map<string, Rename>();
  for (const { name, domain } of now) {
    const given = after?.renamedSites[name];
    const gone = old.filter((it) => now.every((other) => other.name !== it.name));
    const was = gone.find((it) => it.name === given) ?? gone.find((it) => it.domain === domain);
    if (was !== undefined && old.every((it) => it.name !== name))
      found.set(name, { before: was.name, declared: was.name === given });
  }
  return found;
}

/** The side before the change, with the sites' new names. */
export function withNewNames(
  stack: RenderedStack | undefined,
  renames: ReadonlyMap<string, Rename>,
): RenderedStack | undefined {
  if (stack?.environment === undefined || renames.size === 0) return stack;
  const names = new Map([...renames].map(([name, { before }]) => [before, name]));
  const siteFiles = Object.entries(stack.siteFiles ?? {}).map(([name, files]) => [
    names.get(name) ?? name,
    files,
  ]);
  const sites = stack.environment.sites.map((site) => ({ ...site, name: names.get(site.name) ?? site.name }));
  return {
    ...stack,
    environment: { ...stack.environment, sites },
    siteFiles: Object.fromEntries(siteFiles) as NonNullable<RenderedStack["siteFiles"]>,
  };
}

/** Describes a site's rename. */
export function renaming(name: string, rename: Rename | undefined): Statement[] {
  if (rename === undefined) return [];
  const called = `is called ${name} in this file; was ${rename.before}`;
  if (rename.declared) return [{ effect: "plain", text: called }];
  return [
    {
      effect: "signs out",
      text: `${called}: everybody has to sign in again, since its registration in Entra and its secrets are recreated; with renamedSites: { ${name}: ${rename.before} } they stay`,
    },
  ];
}
