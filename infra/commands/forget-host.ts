/**
 * `npm run forget-host`: removes a host that no longer exists from a stack's state, so that its resources need not be
 * deleted on the host. Reads an export of the stack on standard input, and writes one for `pulumi stack import`:
 *
 *     pulumi stack export --stack prod | npm run --silent forget-host -- edge-2 | pulumi stack import --stack prod
 */
import type { Command } from "commander";

import { hostCommandType } from "../../components/host/host-command.ts";
import { type Deployment, nameOf, pipedDeployment, Refused, typeOf } from "../exported-state.ts";
import { action, named } from "./command.ts";

/**
 * The state without the host's own resources and the sites' resources on it, and without dependencies on them.
 * @throws Refused if the state has no such host
 */
export function withoutHost<T extends Deployment>(state: T, host: string): { state: T; gone: string[] } {
  const { resources = [] } = state.deployment;
  const proxyHost = resources.find(
    ({ urn }) => nameOf(urn) === host && typeOf(urn).endsWith("protected-sites:index:ProxyHost"),
  );
  if (proxyHost === undefined) {
    const known = resources
      .filter(({ urn }) => typeOf(urn).endsWith(":ProxyHost"))
      .map(({ urn }) => nameOf(urn));
    throw new Refused(`the state has no host "${host}"; expected one of ${known.join(", ") || "none"}`);
  }
  const gone = new Set(
    resources
      .filter(
        ({ urn, parent }) =>
          urn === proxyHost.urn ||
          parent === proxyHost.urn ||
          (parent !== undefined &&
            typeOf(urn).endsWith(`$${hostCommandType}`) &&
            // A site's sessions may be this host's to delete; the next update hands that to the first host that is left.
            [host, `${host}-credentials`, "sessions"].some(
              (of) => nameOf(urn) === `${nameOf(parent)}-${of}`,
            )),
      )
      .map(({ urn }) => urn),
  );
  const stays = (urn: string) => !gone.has(urn);
  const kept = resources
    .filter(({ urn }) => stays(urn))
    .map((resource) => ({
      ...resource,
      ...(resource.dependencies && { dependencies: resource.dependencies.filter(stays) }),
      ...(resource.propertyDependencies && {
        propertyDependencies: Object.fromEntries(
          Object.entries(resource.propertyDependencies).map(([key, urns]) => [
            key,
            urns?.filter(stays) ?? null,
          ]),
        ),
      }),
    }));
  return { state: { ...state, deployment: { ...state.deployment, resources: kept } }, gone: [...gone] };
}

export function command(): Command {
  return named("forget-host").argument("<name>", "the host").action(action(forgetHost, Refused));
}

async function forgetHost(name: string): Promise<void> {
  const { state, gone } = withoutHost(await pipedDeployment("forget-host"), name);
  console.log(JSON.stringify(state, null, 2));
  console.error(
    [...gone.map(nameOf), "Now remove the host from the environment's file, then: pulumi up"].join("\n"),
  );
}
