/** Rules over all sites of an environment, and over all its hosts: what must be unique. */
import { z } from "zod";

import { addressOf, backendsOf } from "../components/site/backends.ts";
import { metricsPortOf } from "../components/site/rules/places.ts";
import type { ShapedSettings } from "../components/site/shape.ts";
import { nameProblem } from "../components/site/site.ts";

/** A site, and its valid settings. */
interface KnownSite {
  readonly name: string;
  readonly settings: Partial<ShapedSettings>;
}

/** What is wrong with a site, in words. */
interface SiteProblem {
  readonly name: string;
  readonly message: string;
}

/** A value that one site only may use. */
interface Claim {
  readonly setting: string;
  readonly value: string | number;
  /** Who uses it, in words. */
  readonly user: string;
}

/** Checks sites against each other, even if other settings are invalid. */
export const sitesTogether = z.superRefine<Record<string, ShapedSettings>>(
  (all, context) => {
    if (Object.keys(all).length === 0) context.addIssue("must have at least one site");
    const sites = Object.entries(all).map(([name, settings]) => ({
      name,
      settings: rightSettings(settings, name, context.issues),
    }));
    const users = new Map<string, string>();
    for (const { name, message } of [
      ...sites.flatMap(({ name }) => problemsOf(name, nameProblem(name))),
      ...sites.flatMap((site) => claimProblems(site, users)),
      ...sites.flatMap((site) => backendProblems(site, users)),
    ])
      context.addIssue({ code: "custom", path: [name], message });
  },
  { when: ({ value }) => typeof value === "object" && value !== null },
);

/** Checks hosts against each other, likewise. */
export const hostsTogether = z.superRefine<{ name: string; address: string }[]>(
  (all, context) => {
    const hosts = all.map((host, index) => rightSettings(host, index, context.issues));
    for (const [index, host] of hosts.entries()) {
      for (const field of ["name", "address"] as const) {
        const value = host[field];
        const first = hosts.findIndex((other) => other[field] === value);
        if (value !== undefined && first < index)
          context.addIssue({
            code: "custom",
            path: [index],
            message: `${field} ${value} is already used by host ${first + 1}; each host needs its own`,
          });
      }
    }
  },
  { when: ({ value }) => Array.isArray(value) },
);

/** The valid settings of one entry of a list or a map. */
function rightSettings<T extends object>(
  settings: T,
  entry: PropertyKey,
  issues: readonly z.core.$ZodRawIssue[],
): Partial<T> {
  const inside = issues.flatMap(({ path: [first, ...rest] = [], code }) =>
    first === entry ? [{ rest, code }] : [],
  );
  if (inside.some(({ rest, code }) => rest.length === 0 && code === "invalid_type")) return {};
  const wrong = new Set(inside.map(({ rest }) => rest[0]));
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !wrong.has(key))) as Partial<T>;
}

function problemsOf(name: string, message: string | undefined): SiteProblem[] {
  return message === undefined ? [] : [{ name, message }];
}

/** Values that must be unique and are already used. @param users by value; the site is added */
function claimProblems({ name, settings }: KnownSite, users: Map<string, string>): SiteProblem[] {
  const { domain, port, metricsPort, cookieName, sessionStore } = settings;
  const user = `site "${name}"`;
  const taken = (claim: Claim) => takenBefore(claim, users);
  const own: Claim[] = [
    ...(domain === undefined ? [] : [{ setting: "domain", value: domain, user }]),
    // It is the prefix of their sessions' keys, by which those of a removed site are found.
    ...(cookieName === undefined || sessionStore !== "redis"
      ? []
      : [{ setting: "cookieName", value: cookieName, user: `${user}, which also uses a Redis` }]),
  ];
  const problems = own.map(taken);
  if (port !== undefined) {
    const wrongPort = taken({ setting: "port", value: port, user });
    problems.push(wrongPort);
    // The default follows the port: one error is enough.
    if (wrongPort === undefined && metricsPort !== port)
      problems.push(
        taken({
          setting: "metricsPort",
          value: metricsPortOf({ port, metricsPort }),
          user: metricsOf(name),
        }),
      );
  }
  return problems.flatMap((message) => problemsOf(name, message));
}

function metricsOf(name: string): string {
  return `the metrics of site "${name}"`;
}

/** A port by its number, whoever it is for; anything else by its setting. */
function keyOf(setting: string, value: string | number): string {
  return typeof value === "number" ? `port ${value}` : `${setting} ${value}`;
}

/** A later user of the same value is an error. */
function takenBefore({ setting, value, user }: Claim, users: Map<string, string>): string | undefined {
  const key = keyOf(setting, value);
  const other = users.get(key);
  if (other === undefined) users.set(key, user);
  return other && `${setting} ${value} is already used by ${other}; each site needs its own`;
}

/** Backends on another site's port on the host; the site's own ports are checked by the site's rules. */
function backendProblems({ name, settings }: KnownSite, users: ReadonlyMap<string, string>): SiteProblem[] {
  return backendsOf(settings).flatMap(({ setting, backend }) => {
    const address = addressOf(backend);
    const user = address?.isLoopback === true ? users.get(keyOf("port", address.number)) : undefined;
    if (user === undefined || user === `site "${name}"` || user === metricsOf(name)) return [];
    return [
      { name, message: `${setting} "${backend}" is on the port of ${user}; expected the backend's own port` },
    ];
  });
}
