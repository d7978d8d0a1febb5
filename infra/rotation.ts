/** New generations of secrets, in the document of an environment's file. */
import { isMap, isSeq, Scalar } from "yaml";

import { activeClientSecret } from "../components/site/client-secrets.ts";
import type { Site } from "../components/site/site.ts";
import { expiryStatus } from "./client-secret-expiry.ts";
import { configPath, environmentOf, siteCalled, sitePath, type StackFile } from "./stack-file.ts";

/** What to do with one environment. */
export interface Rotation {
  /** Names or domains of sites. Default: all. */
  readonly sites?: readonly string[];
  /** Only sites whose client secret expires within this many days, or has no end date. */
  readonly dueWithin?: number;
  /** A new cookie secret, which makes everybody sign in again, instead of a new client secret. */
  readonly cookie?: boolean;
  /** Lifetime of a new client secret in days. */
  readonly days: number;
  /** Days for which a replaced client secret stays in Entra; 0 removes it with the same update. */
  readonly overlapDays: number;
  readonly now: Date;
}

/**
 * Changes the document of an environment's file in place, keeping its comments and its order.
 * @returns a sentence for each change
 * @throws ConfigError if a site does not exist, or the file was already invalid
 */
export function rotate(file: StackFile, rotation: Rotation): string[] {
  const { sites } = environmentOf(file);
  const chosen = rotation.sites?.map((wanted) => siteCalled(wanted, sites, file)) ?? sites;
  return chosen.flatMap((site) =>
    rotation.cookie === true ? rotateCookie(file, site) : rotateClientSecret(file, site, rotation),
  );
}

function rotateCookie({ document }: StackFile, site: Site): string[] {
  const next = site.cookieSecretGeneration + 1;
  document.setIn(sitePath(site.name, "cookieSecretGeneration"), next);
  return [
    `site "${site.name}": cookie secret ${next}; with the next update everybody on ${site.domain} has to sign in again`,
  ];
}

function rotateClientSecret({ document }: StackFile, site: Site, rotation: Rotation): string[] {
  const { now, days, overlapDays, dueWithin } = rotation;
  const today = day(now);
  const active = activeClientSecret(site);
  const retired = site.clientSecrets.filter(
    (it) => it !== active && it.retireAfter !== undefined && it.retireAfter <= today,
  );
  const due = dueWithin === undefined || expiryStatus(site, now, dueWithin) !== "valid";
  if (!due && retired.length === 0) return [];

  const path = sitePath(site.name, "clientSecrets");
  if (!isSeq(document.getIn(path))) {
    document.setIn(path, document.createNode(site.clientSecrets.map(({ generation }) => ({ generation }))));
  }
  const list = document.getIn(path);
  if (!isSeq(list)) throw new Error(`${path.join(".")} is not a list`);

  const changes = retired.map(
    ({ generation }) => `site "${site.name}": client secret ${generation} is removed from Entra`,
  );
  if (due) {
    const generation = active.generation + 1;
    const last = list.items.at(-1);
    if (overlapDays > 0 && isMap(last)) last.set("retireAfter", quoted(day(now, overlapDays)));
    const next = { generation, endDate: quoted(day(now, days)) };
    list.add(document.createNode(next, { flow: isMap(last) && last.flow === true }));
    changes.push(`site "${site.name}": client secret ${generation}, valid until ${day(now, days)}`);
  }
  const gone = new Set(
    (due && overlapDays === 0 ? site.clientSecrets : retired).map(({ generation }) => generation),
  );
  list.items = list.items.filter((item) => !(isMap(item) && gone.has(Number(item.get("generation")))));
  return changes;
}

/**
 * Adds a new deployer key to the current one; if there are already two, removes the old one. The two steps need two
 * updates, since what an update deletes still signs in with the old key.
 */
export function rotateDeployerKey(file: StackFile): string[] {
  const { document } = file;
  const generations = environmentOf(file).deployerKeyGenerations;
  const [last = 1] = generations.slice(-1);
  const next = generations.length > 1 ? [last] : [last, last + 1];
  const list = document.createNode(next, { flow: true });
  document.setIn(configPath("deployerKeyGenerations"), list);
  return generations.length > 1
    ? [`the deployer's keys before ${last} are removed from every host`]
    : [
        `deployer key ${last + 1}, in addition to ${last}; once every host has it, run this again to remove ${last}`,
      ];
}

/**
 * Sets the end date of every site's first client secret if it has none, or one in the past, such as one from a copied
 * example. Entra's default is in two years, which tenants with a policy reject, and without a warning before. Skips sites
 * that have been rotated.
 */
export function firstEndDates({ document, ...file }: StackFile, now: Date, days: number): string[] {
  const endDate = day(now, days);
  return environmentOf({ document, ...file })
    .sites.filter((site) => site.clientSecrets.length === 1 && activeClientSecret(site).generation === 1)
    .filter((site) => ["no end date", "expired"].includes(expiryStatus(site, now, 0)))
    .map(({ name }) => {
      const path = sitePath(name, "clientSecrets");
      if (document.hasIn([...path, 0])) document.setIn([...path, 0, "endDate"], quoted(endDate));
      else document.setIn(path, document.createNode([{ generation: 1, endDate: quoted(endDate) }]));
      return `site "${name}": client secret 1, valid until ${endDate}`;
    });
}

/** A quoted date: the engine's YAML reader would parse a bare one as a timestamp. */
export function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** A date in UTC, such as `2027-01-31`. */
export function day(now: Date, plusDays = 0): string {
  return new Date(now.getTime() + plusDays * 86_400_000).toJSON().slice(0, 10);
}
