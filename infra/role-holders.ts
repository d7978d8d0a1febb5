/** Sites whose roles or owners name somebody who does not exist in the tenant: a leaver, a renamed group. */
import * as pulumi from "@pulumi/pulumi";

import { lookUpHolders } from "../components/entra/holders.ts";
import type { Site } from "../components/site/site.ts";

/** The object IDs of the sites' role holders and owners, and the sites that an update skips. */
export interface RoleHolders {
  /** By group or user name. */
  readonly ids: Readonly<Record<string, string>>;
  /** The reason, by the site's name. */
  readonly stopped: ReadonlyMap<string, string>;
}

/** Placeholder, in a preview, for what was not found. */
const nobody = "00000000-0000-0000-0000-000000000000";

/**
 * Looks up everybody before anything is declared. Without one of its groups a role would lock people out, or let in the
 * members of another group with that name, so its site is skipped, and the update fails at the end. A missing user does
 * not stop anything.
 * @throws RunError if lookups fail altogether
 */
export async function roleHolders(sites: readonly Site[]): Promise<RoleHolders> {
  const { ids, missing } = await lookUpHolders(sites).catch((error: unknown): never => {
    throw new pulumi.RunError(error instanceof Error ? error.message : String(error), { cause: error });
  });
  for (const { name: site, owners } of sites)
    for (const { kind, name, why } of missing)
      if (kind === "user" && owners.includes(name))
        void pulumi.log.warn(
          `site "${site}": owners name the user "${name}", which ${why}; the others become its owners`,
        );
  const stopped = new Map<string, string>();
  for (const { name: site, roles } of sites)
    for (const { value, groups, users } of roles)
      for (const { kind, name, why } of missing) {
        if (!(kind === "group" ? groups : users).includes(name)) continue;
        const found = `site "${site}": roles, "${value}" names the ${kind} "${name}", which ${why}`;
        if (kind === "user") void pulumi.log.warn(`${found}; the others have the role`);
        else {
          stopped.set(site, `${found}. This site is not updated until roles name another`);
        }
      }
  const unknown = missing
    .filter(({ kind }) => kind === "group")
    .map(({ name }): [string, string] => [name, nobody]);
  // An error would end `pulumi up` at its preview, for all sites.
  if (pulumi.runtime.isDryRun())
    for (const text of stopped.values())
      void pulumi.log.warn(`${text}; other sites are updated, and the update then fails`);
  return { ids: { ...ids, ...Object.fromEntries(unknown) }, stopped };
}

/** In a preview, keeps a skipped site's resources as they are in the state. */
export const unchangedInState: pulumi.ResourceTransformation = ({
  props,
  opts,
}: pulumi.ResourceTransformationArgs) => ({
  props,
  opts: { ...opts, ignoreChanges: ["*"] },
});

/**
 * Fails an update that has not declared the skipped sites: once all others are done, and before the engine deletes what
 * is not declared. An error that is only logged would not prevent that in every kind of run.
 * @throws RunError if a site was skipped, except in a preview
 */
export async function endIfStopped({ stopped }: RoleHolders): Promise<void> {
  if (stopped.size === 0 || pulumi.runtime.isDryRun()) return;
  // What the SDK's own `disconnect` waits for. It is not in its types.
  await (pulumi.runtime as typeof pulumi.runtime & { waitForRPCs(): Promise<void> }).waitForRPCs();
  throw new pulumi.RunError([...stopped.values()].join("\n"));
}
