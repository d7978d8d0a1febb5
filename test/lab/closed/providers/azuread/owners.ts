/** Owners of applications and service principals. */
import { graph } from "./session.ts";
import type { GraphObject } from "./graph.ts";

const directoryObject = (id: string) => `https://graph.microsoft.com/v1.0/directoryObjects/${id}`;

/**
 * Owners as a new object takes them: at most 20, the caller among them, else it may not go on to change the object.
 *
 * @returns what to create the object with, and what is left to add and to remove afterwards.
 */
export function firstOwners(wanted: readonly string[]) {
  const caller = graph().objectId;
  const others = wanted.filter((owner) => owner.toLowerCase() !== caller.toLowerCase());
  return {
    bind: [caller, ...others.slice(0, 19)].map(directoryObject),
    later: others.slice(19),
    callerStays: others.length < wanted.length,
  };
}

/** Adds the owners for whom there was no room, and takes the caller out again unless it is wanted. */
export async function finishOwners(path: string, owners: ReturnType<typeof firstOwners>): Promise<void> {
  for (const owner of owners.later) await addOwner(path, owner);
  if (!owners.callerStays) await removeOwner(path, graph().objectId);
}

/** Object IDs of the owners. */
export async function listOwners(path: string): Promise<string[]> {
  return (await graph().list(`${path}/owners`)).map((owner: GraphObject) => owner.id ?? "");
}

/** Makes the owners those that are wanted; new ones first, so that there is always one. */
export async function changeOwners(path: string, wanted: readonly string[]): Promise<void> {
  const present = await listOwners(path);
  for (const owner of wanted) if (!present.includes(owner)) await addOwner(path, owner);
  for (const owner of present) if (!wanted.includes(owner)) await removeOwner(path, owner);
}

const addOwner = (path: string, owner: string) =>
  told("add owners to", graph().post(`${path}/owners/$ref`, { "@odata.id": directoryObject(owner) }));
const removeOwner = (path: string, owner: string) =>
  told("remove owners from", graph().delete(`${path}/owners/${owner}/$ref`));

/** In the real provider's words. */
function told<T>(what: string, call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    throw new Error(`Could not ${what} application: ${String(error)}`, { cause: error });
  });
}
