/** What becomes of sites whose roles or owners name somebody whom the tenant does not have: a leaver, a renamed group. */
import * as pulumi from "@pulumi/pulumi";

import { lookUpHolders } from "../components/entra/holders.ts";
import type { Site } from "../components/site/site.ts";

/** The object IDs of whom the sites' roles and owners name, and the sites that an update leaves as they are. */
export interface RoleHolders {
  /** By group or user name. */
  readonly ids: Readonly<Record<string, string>>;
  /** By the name of each such site, why. */
  readonly stopped: ReadonlyMap<string, string>;
}

/** Stands, in a preview, for what was not found. */
const nobody = "00000000-0000-0000-0000-000000000000";

/**
 * Looks up everybody before anything is declared. Without one of its groups a role would keep people out, or let in
 * whom somebody else's group of that name has, so that its site is left as it is, and the update fails at its end. A
 * user who is gone holds nothing up.
 * @throws RunError where nobody can be looked up
 */
export async function roleHolders(sites: readonly Site[]): Promise<RoleHolders> {
  const { ids, missing } = await lookUpHolders(sites).catch((error: unknown): never => {
    throw new pulumi.RunError(error instanceof Error ? error.message : String(error), { cause: error });
  });
  for (const { name: site, owners } of sites)
    for (const { kind, name, why } of missing)
      if (kind === "user" && owners.includes(name))
        void pulumi.log.warn(
          `site "${site}": owners name the user "${name}", which ${why}; the others own its registration`,
        );
  const stopped = new Map<string, string>();
  for (const { name: site, roles } of sites)
    for (const { value, groups, users } of roles)
      for (const { kind, name, why } of missing) {
        if (!(kind === "group" ? groups : users).includes(name)) continue;
        const found = `site "${site}": roles, "${value}" names the ${kind} "${name}", which ${why}`;
        if (kind === "user") void pulumi.log.warn(`${found}; the others have the role`);
        else {
          stopped.set(site, `${found}. Nothing of this site is changed until roles name another`);
        }
      }
  const unknown = missing
    .filter(({ kind }) => kind === "group")
    .map(({ name }): [string, string] => [name, nobody]);
  // An error would end `pulumi up` at its preview, for all sites.
  if (pulumi.runtime.isDryRun())
    for (const text of stopped.values())
      void pulumi.log.warn(`${text}; other sites are updated, and the update then ends with an error`);
  return { ids: { ...ids, ...Object.fromEntries(unknown) }, stopped };
}

/** In a preview, makes what the state has of a stopped site stay as it is. */
export const asInTheState: pulumi.ResourceTransformation = ({
  props,
  opts,
}: pulumi.ResourceTransformationArgs) => ({
  props,
  opts: { ...opts, ignoreChanges: ["*"] },
});

/**
 * Ends an update that has not declared the stopped sites: once all others are done, and before the engine takes what is
 * not declared for what is to go. An error that is only logged would not keep it from that in every kind of run.
 * @throws RunError where a site was stopped, except in a preview
 */
export async function endIfStopped({ stopped }: RoleHolders): Promise<void> {
  if (stopped.size === 0 || pulumi.runtime.isDryRun()) return;
  // What the SDK's own `disconnect` waits for. It is not among its types; both would end the connection, too.
  await (pulumi.runtime as typeof pulumi.runtime & { waitForRPCs(): Promise<void> }).waitForRPCs();
  throw new pulumi.RunError([...stopped.values()].join("\n"));
}
