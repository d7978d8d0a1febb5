/** A stack's state as `pulumi stack export` prints it, for commands that edit it. */
import { text } from "node:stream/consumers";

import { formerHostCommandType } from "../components/host/host-command.ts";

/** What is used of an export; the rest passes through. */
export interface Deployment {
  readonly deployment: { readonly resources?: readonly StateResource[] };
}

/** One resource of an export. */
export interface StateResource {
  readonly urn: string;
  readonly type?: string;
  readonly parent?: string;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Why the state was left alone. */
export class Refused extends Error {}

/** A resource's name. */
export const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";

/** A resource's type, after those of its parents. */
export const typeOf = (urn: string) => urn.split("::").at(-2) ?? "";

/** Whether a resource is a command on a host as a version before 0.1.0 declared it. */
export function isFormer(urn: string): boolean {
  return new RegExp(`protected-sites:index:Pro\\w+\\$${formerHostCommandType}$`).test(typeOf(urn));
}

/**
 * The export on standard input.
 * @param command for whom it is, in messages
 * @throws Refused if standard input is no export of a stack, such as that of an export which failed
 */
export async function pipedDeployment(command: string): Promise<Deployment> {
  const expected = `${command}: expected an export of the stack on standard input, as from \`pulumi stack export\``;
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
