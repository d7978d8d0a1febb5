/**
 * `npm run upgrade-state`: makes a stack's state from before 0.1.0 one of this version. Reads an export of the stack on
 * standard input, and writes one for `pulumi stack import`:
 *
 *     pulumi stack export --stack prod > before.json
 *     npm run --silent upgrade-state < before.json | pulumi stack import --stack prod
 */
import type { Command } from "commander";

import { formerHostCommandType, hostCommandType } from "../../components/host/host-command.ts";
import {
  type Deployment,
  isFormer,
  pipedDeployment,
  Refused,
  type StateResource,
} from "../exported-state.ts";
import { action, named } from "./command.ts";

/** Until an update has told them where their host is, commands run nowhere: least of all on the operator's machine. */
const nowhere = ["/bin/sh", "-c", "echo 'the state was upgraded: run `pulumi up` first' >&2; exit 1"];

/**
 * The state with every command on a host as this version declares it. No host is contacted; the next update runs each
 * command once.
 * @throws Refused if the state has none from before 0.1.0
 */
export function upgraded<T extends Deployment>(state: T): { state: T; changed: number } {
  const { resources = [] } = state.deployment;
  const former = resources.map(({ urn }) => urn).filter(isFormer);
  if (former.length === 0)
    throw new Refused("upgrade-state: nothing to do: this is no state from before 0.1.0");
  const names = new Map(
    former.map((urn) => [urn, urn.replace(`$${formerHostCommandType}::`, `$${hostCommandType}::`)]),
  );
  // Wherever one names another: its parent, what it depends on.
  const renamed = JSON.parse(JSON.stringify(state), (_, value: unknown) =>
    typeof value === "string" ? (names.get(value) ?? value) : value,
  ) as T;
  const own = new Set(names.values());
  const next = (renamed.deployment.resources ?? []).map((it) =>
    own.has(it.urn) ? withoutConnection(it) : it,
  );
  return {
    state: { ...renamed, deployment: { ...renamed.deployment, resources: next } },
    changed: former.length,
  };
}

function withoutConnection(resource: StateResource): StateResource {
  const changed = (properties: StateResource["inputs"] = {}) => {
    const { connection: _, ...others } = properties;
    return { ...others, interpreter: nowhere };
  };
  const { connection: _, ...dependencies } = resource.propertyDependencies ?? {};
  return {
    ...resource,
    type: hostCommandType,
    propertyDependencies: dependencies,
    inputs: changed(resource.inputs),
    outputs: changed(resource.outputs),
  };
}

export function command(): Command {
  return named("upgrade-state").action(action(upgradeState, Refused));
}

async function upgradeState(): Promise<void> {
  const { state, changed } = upgraded(await pipedDeployment("upgrade-state"));
  console.log(JSON.stringify(state, null, 2));
  console.error(`${changed} commands on hosts upgraded. Keep the export: it is the way back.`);
}
