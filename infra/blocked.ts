/** People who are blocked at every site of an environment. */
import { isMap, isSeq, type YAMLSeq } from "yaml";

import { program } from "../components/host/program.ts";
import { ConfigError } from "../components/site/errors.ts";
import { blockedList, type BlockedPerson } from "../components/render/nginx/blocked.ts";
import { hasEnded } from "../components/site/ends.ts";
import type { Environment } from "./environment.ts";
import { announcement, operator } from "./operator.ts";
import { quoted } from "./rotation.ts";
import { type Ended, runOnHost, shellWord } from "./ssh.ts";
import { configPath, type StackFile } from "./stack-file.ts";

/** The people whom hosts block, without those whose last day has passed. */
export function blockedAt({ blocked }: Pick<Environment, "blocked">, now: Date): BlockedPerson[] {
  return blocked
    .filter((it) => !hasEnded(it, now))
    .map(({ user, until, why }) => ({ user, ...(until === undefined ? {} : { until }), why }));
}

/** An entry that `npm run block` writes. */
export interface NewBlock {
  readonly user: string;
  readonly why: string;
  /** The last day, as in `2027-01-31`. */
  readonly until?: string | undefined;
}

/**
 * Blocks somebody in the document of an environment's file, in place; replaces an existing entry for them.
 * @returns whether there was one
 * @throws ConfigError if it would have ended already
 */
export function addBlock(
  { document, source }: StackFile,
  { user, why, until }: NewBlock,
  now = new Date(),
): boolean {
  if (hasEnded({ until }, now))
    throw new ConfigError(source, [
      { where: "", what: `the last day of a block must not have passed, got "${until ?? ""}"` },
    ]);
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
 * Removes somebody from that list, in place.
 * @returns whether they were in it
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

/** The result on one host. */
export interface HostResult {
  readonly host: string;
  /** The host's own output, or why it could not be reached. */
  readonly message: string;
  readonly failed: boolean;
}

/** Who sends a list, and for what. */
export interface Sending {
  readonly stack: string;
  /** Who may leave the list. Whoever else a host blocks, and the list lacks, was blocked from another checkout, and stays. */
  readonly unblocks: readonly string[];
  /** File of the administrator's private key. */
  readonly identity?: string | undefined;
}

/** Puts the environment's list in force on all of its hosts in parallel, with one connection each. A failure delays no other. */
export async function sendBlocks(
  environment: Environment,
  { stack, unblocks, identity }: Sending,
): Promise<HostResult[]> {
  const people = blockedAt(environment, new Date());
  const announced = announcement({ ...(await operator()), stack });
  const asker = { user: environment.adminUser, identity };
  return Promise.all(
    environment.hosts.map(async (host): Promise<HostResult> => {
      try {
        const command = `${announced}sudo -n ${program} block --every-site`;
        const known = `${command} --unblocks ${unblocks.map(shellWord).join(" ")}`;
        const ended = await runOnHost(host, asker, known, blockedList(people));
        if (ended.exitCode !== 2) return resultOf(host.name, ended);
        // Its program is older: what every version understands. Nobody waits at the door for an update.
        const plain = blockedList(people.map(({ why: _, ...it }) => it));
        const { message, failed } = resultOf(host.name, await runOnHost(host, asker, command, plain));
        return { host: host.name, message: `${message}\n${olderProgram}`, failed };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { host: host.name, message: `could not be reached: ${reason}`, failed: true };
      }
    }),
  );
}

const olderProgram =
  "this host's program is older than this checkout's: it does not keep whom others have blocked, nor why; `pulumi up` updates it";

function resultOf(host: string, { exitCode, stdout, stderr }: Ended): HostResult {
  const output = [stdout, stderr].map((it) => it.trim()).filter((it) => it !== "");
  return { host, message: output.join("\n"), failed: exitCode !== 0 };
}
