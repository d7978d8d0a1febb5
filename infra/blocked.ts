/** People who are blocked at every site of an environment. */
import { isMap, isSeq, type YAMLSeq } from "yaml";

import { program } from "../components/host/program.ts";
import { blockedList } from "../components/render/nginx/blocked.ts";
import type { Environment } from "./environment.ts";
import { announcement, operator } from "./operator.ts";
import { quoted } from "./rotation.ts";
import { runOnHost } from "./ssh.ts";
import { configPath, type StackFile } from "./stack-file.ts";

/**
 * The UPNs of the people whom hosts have to block.
 * @param now an entry ends with its last day, in UTC
 */
export function blockedAt({ blocked }: Pick<Environment, "blocked">, now: Date): string[] {
  const today = now.toJSON().slice(0, 10);
  return blocked.filter(({ until }) => until === undefined || until >= today).map(({ user }) => user);
}

/** What `npm run block` writes. */
export interface NewBlock {
  readonly user: string;
  readonly why: string;
  /** The last day, as in `2027-01-31`. */
  readonly until?: string | undefined;
}

/**
 * Blocks somebody in the document of an environment's file, in place; an entry that there is of them is replaced.
 * @returns whether there was one
 */
export function addBlock({ document }: StackFile, { user, why, until }: NewBlock): boolean {
  const path = configPath("blocked");
  const entry = document.createNode({
    user,
    why,
    ...(until === undefined ? {} : { until: quoted(until) }),
  });
  const list = document.getIn(path);
  if (!isSeq(list)) {
    document.setIn(path, document.createNode([entry]));
    return false;
  }
  const index = indexOf(list, user);
  if (index >= 0) list.items[index] = entry;
  else list.add(entry);
  return index >= 0;
}

/**
 * Takes somebody off that list, in place.
 * @returns whether they were on it
 */
export function removeBlock({ document }: StackFile, user: string): boolean {
  const path = configPath("blocked");
  const list = document.getIn(path);
  const index = isSeq(list) ? indexOf(list, user) : -1;
  if (!isSeq(list) || index < 0) return false;
  list.items.splice(index, 1);
  if (list.items.length === 0) document.deleteIn(path);
  return true;
}

function indexOf(list: YAMLSeq, user: string): number {
  return list.items.findIndex(
    (it) => isMap(it) && String(it.get("user")).toLowerCase() === user.toLowerCase(),
  );
}

/** How it went at one host. */
export interface Told {
  readonly host: string;
  /** What the host says, or why it could not be told. */
  readonly said: string;
  readonly failed: boolean;
}

/** Puts the environment's list in force at all of its hosts at once: one connection each. One that fails holds up none. */
export async function tellHosts(environment: Environment, stack: string, identity?: string): Promise<Told[]> {
  const list = blockedList(blockedAt(environment, new Date()));
  const announced = announcement({ ...(await operator()), stack });
  const asker = { user: environment.adminUser, identity };
  return Promise.all(
    environment.hosts.map(async (host): Promise<Told> => {
      try {
        const command = `${announced}sudo -n ${program} block --every-site`;
        const { exitCode, stdout, stderr } = await runOnHost(host, asker, command, list);
        const said = [stdout, stderr].map((it) => it.trim()).filter((it) => it !== "");
        return { host: host.name, said: said.join("\n"), failed: exitCode !== 0 };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { host: host.name, said: `could not be reached: ${reason}`, failed: true };
      }
    }),
  );
}
