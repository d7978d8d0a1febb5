/**
 * `npm run forget-host`: removes a host that no longer exists from a stack's state, so that its resources need not be
 * deleted on the host. Reads an export of the stack on standard input, and writes one for `pulumi stack import`:
 *
 *     pulumi stack export --stack prod | npm run --silent forget-host -- edge-2 | pulumi stack import --stack prod
 */
import { text } from "node:stream/consumers";

import type { Command } from "commander";

import { action, named, runCommand } from "./command.ts";

/** What is used of `pulumi stack export`; the rest passes through. */
export interface Deployment {
  readonly deployment: { readonly resources?: readonly StateResource[] };
}

interface StateResource {
  readonly urn: string;
  readonly parent?: string;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** Why the state was left alone. */
class Refused extends Error {}

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
            typeOf(urn).endsWith("$command:remote:Command") &&
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

const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";
const typeOf = (urn: string) => urn.split("::").at(-2) ?? "";

export function command(): Command {
  return named("forget-host").argument("<name>", "the host").action(action(forgetHost, Refused));
}

async function forgetHost(name: string): Promise<void> {
  const { state, gone } = withoutHost(await deployment(), name);
  console.log(JSON.stringify(state, null, 2));
  console.error(
    [...gone.map(nameOf), "Now remove the host from the environment's file, then: pulumi up"].join("\n"),
  );
}

/** @throws Refused if standard input is no export of a stack, such as that of an export which failed */
async function deployment(): Promise<Deployment> {
  const expected =
    "forget-host: expected an export of the stack on standard input, as from `pulumi stack export`";
  if (process.stdin.isTTY) throw new Refused(expected);
  const given = await text(process.stdin);
  let read: unknown;
  try {
    read = JSON.parse(given);
  } catch {
    throw new Refused(`${expected}; got ${given.trim() === "" ? "nothing" : "something that is not JSON"}`);
  }
  if (typeof read !== "object" || read === null || !("deployment" in read)) throw new Refused(expected);
  return read as Deployment;
}

if (import.meta.main) await runCommand(command());
