/**
 * `npm run revoke`: for a leaked client secret. Creates a new one, pushes it to every reachable host, and removes all
 * others from Entra at once, even if they are still in use.
 */
import { LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { Command } from "commander";

import { activeClientSecret } from "../../components/site/client-secrets.ts";
import type { Site } from "../../components/site/site.ts";
import { EngineFailure, fromEngine, reasonOf } from "../engine-failure.ts";
import { type RegisteredSite, registeredSites } from "../entra-secrets.ts";
import type { Environment } from "../environment.ts";
import { type GraphCall, GraphFailure, signInToGraph } from "../graph.ts";
import { projectFolder } from "../project.ts";
import { rotate } from "../rotation.ts";
import { type ChangedFile, changedText, writeChange } from "../stack-file-change.ts";
import { environmentOf, parseStackFile, readStackFile, siteCalled } from "../stack-file.ts";
import { action, exitCodes, named, printJson, wholeNumber } from "./command.ts";
import { jsonOption, stackOption } from "./options.ts";

/** Which sites' client secrets to revoke, and where. */
export interface Revocation {
  /** Its configuration lists the new generation alone. */
  readonly stack: Pick<Stack, "up" | "exportStack" | "refresh">;
  readonly graph: GraphCall;
  readonly environment: Environment;
  readonly sites: readonly Site[];
  /** Hosts that may be left with a revoked secret, such as one that has been turned off. */
  readonly without: readonly string[];
  readonly say: (line: string) => void;
}

/** What became of it. */
interface Outcome {
  /** Client secrets that are no longer in Entra; with `--dry-run` those that would go. */
  readonly revoked: readonly RevokedSecret[];
  /** Hosts without a new secret, which cannot sign anybody in until an update reaches them. */
  readonly notUpdated: readonly string[];
}

interface RevokedSecret {
  /** The site's name. */
  readonly site: string;
  readonly keyId: string;
  readonly displayName: string;
}

/** A revocation, or what it would do. */
export interface Revoked extends ChangedFile, Outcome {}

/** Hosts could not be updated with the new secret, and are not in `without`. */
export class HostsNotUpdated extends Error {
  override readonly name = "HostsNotUpdated";
}

/**
 * Deploys only the secrets, so that nothing else can get in the way. An unreachable host stops it before the old secrets
 * are removed: a host that keeps serving with one of them ends every session that is due for renewal, and with a Redis it
 * does so for all hosts.
 * @throws if Entra does not create a new secret, or a host that is not in `without` did not get it: then nothing has been
 * removed
 */
export async function revoke(revocation: Revocation): Promise<Outcome> {
  const { stack, environment, sites, without, say } = revocation;
  const names = sites.map(({ name }) => name);
  await stack.up({
    target: sites.map((site) => `**::${site.name}-client-secret-${activeClientSecret(site).generation}`),
  });
  say(`new client secrets: ${names.join(", ")}`);

  const interrupted: string[] = [];
  for (const { name: host } of environment.hosts) {
    try {
      await stack.up({ target: names.map((name) => `**::${name}-${host}-credentials`) });
      say(`host ${host}: uses them`);
    } catch (error) {
      interrupted.push(host);
      say(`host ${host}: could not be updated: ${reasonOf(error)}`);
    }
  }
  const left = interrupted.filter((host) => !without.includes(host));
  if (left.length > 0) throw new HostsNotUpdated(whatItMeans(left, sites));
  return { revoked: await takeAway(revocation), notUpdated: interrupted };
}

function whatItMeans(hosts: readonly string[], sites: readonly Site[]): string {
  const shared = sites.filter(({ sessionStore }) => sessionStore === "redis").map(({ domain }) => domain);
  const ends =
    shared.length === 0
      ? "nobody could sign in or renew a session"
      : `nobody could sign in, and each session of ${shared.join(", ")} that is due for renewal would end, on every host, since they share a Redis`;
  return [
    `Nothing has been removed from Entra yet: ${hosts.join(", ")} could not be given the new client secret.`,
    `If the old ones are removed while a host still uses one, then through that host ${ends}.`,
    `Make it reachable, or take it out of service (turn it off, or stop its Nginx) and run this again with ${hosts.map((host) => `--without ${host}`).join(" ")}.`,
  ].join("\n");
}

/** Removes all client secrets but the new ones from Entra. */
async function takeAway({ stack, graph, sites, say }: Revocation): Promise<RevokedSecret[]> {
  const revoked: RevokedSecret[] = [];
  const gone: string[] = [];
  for (const registered of await registeredSites(await stack.exportStack(), graph)) {
    const site = sites.find(({ name }) => name === registered.site);
    if (site === undefined) continue;
    const active = registered.inState.find(
      ({ generation }) => generation === activeClientSecret(site).generation,
    );
    if (active === undefined) throw new Error(`the stack has no new client secret of ${site.domain}`);
    for (const { keyId, displayName } of registered.secrets) {
      if (keyId === active.keyId) continue;
      await graph("POST", `/applications/${registered.objectId}/removePassword`, { keyId });
      say(`site "${site.name}": client secret ${keyId} ("${displayName}") is revoked`);
      revoked.push({ site: site.name, keyId, displayName });
    }
    gone.push(...registered.inState.filter((it) => it !== active).map(({ urn }) => urn));
  }
  // Otherwise the next update would try to delete what is gone.
  if (gone.length > 0) await stack.refresh({ target: gone });
  return revoked;
}

/** What a revocation would remove from Entra. */
export function whatWouldGo(registered: readonly RegisteredSite[], sites: readonly Site[]): RevokedSecret[] {
  return sites.flatMap(({ name }) =>
    (registered.find(({ site }) => site === name)?.secrets ?? []).map(({ keyId, displayName }) => ({
      site: name,
      keyId,
      displayName,
    })),
  );
}

interface Options {
  readonly stack: string;
  readonly site: string[];
  readonly days: number;
  readonly without: string[];
  readonly dryRun?: true;
  readonly json?: true;
}

export function command(): Command {
  return named("revoke")
    .addOption(stackOption())
    .requiredOption("--site <name or domain...>", "these sites")
    .option(
      "--without <host...>",
      "continue although these hosts cannot be updated; they must be out of service",
      [],
    )
    .option("--days <number>", "lifetime of a new client secret in days", wholeNumber, 180)
    .option("--dry-run", "only show what would be created and revoked")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExit code 1: done, but a host does not have the new secret; 2: nothing has been removed from Entra.",
    )
    .action(action(revokeSecrets, GraphFailure, EngineFailure, HostsNotUpdated));
}

async function revokeSecrets(options: Options): Promise<void> {
  const file = readStackFile(options.stack);
  const graph = await signInToGraph();
  const now = new Date();
  const changes = rotate(file, { sites: options.site, days: options.days, overlapDays: 0, now });
  // With --json, standard output is for the answer alone.
  const say = options.json ? console.error : console.log;
  for (const line of changes) say(line);
  const environment = environmentOf(parseStackFile(options.stack, changedText(file)));
  const selected = LocalWorkspace.selectStack({ stackName: options.stack, workDir: projectFolder });
  const stack = await fromEngine(selected);
  const sites = [...new Set(options.site.map((wanted) => siteCalled(wanted, environment.sites, file)))];
  if (options.dryRun) {
    const revoked = whatWouldGo(await registeredSites(await fromEngine(stack.exportStack()), graph), sites);
    for (const { site, keyId, displayName } of revoked)
      say(`site "${site}": client secret ${keyId} ("${displayName}") would be revoked`);
    say("(nothing was changed)");
    if (options.json)
      printJson("revoke", { ...writeChange(file, changes, { dryRun: true }), revoked, notUpdated: [] });
    return;
  }
  const change = writeChange(file, changes);
  const without = options.without;
  const outcome = await fromEngine(revoke({ stack, graph, environment, sites, without, say }));
  say("Access tokens obtained with a leaked secret expire after 90 minutes at most.");
  if (outcome.notUpdated.length > 0) {
    say(
      `Through ${outcome.notUpdated.join(", ")} nobody can sign in or renew a session until \`pulumi up --stack ${options.stack}\` reaches it.`,
    );
    process.exitCode = exitCodes.found;
  }
  say(`Commit ${file.source}.`);
  if (options.json) printJson("revoke", { ...change, ...outcome });
}
