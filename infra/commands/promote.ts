/**
 * `npm run promote`: copies sites' behaviour from one environment to another, as one small change of its file. Changes
 * that file only; the review, the preview and `pulumi up` do the rest.
 */
import { isDeepStrictEqual } from "node:util";

import type { Command } from "commander";
import { isMap } from "yaml";

import type { SiteSettings } from "../../components/site/settings.ts";
import {
  configPath,
  environmentOf,
  readStackFile,
  siteCalled,
  sitePath,
  type StackFile,
} from "../stack-file.ts";
import { writeChange } from "../stack-file-change.ts";
import { action, named, printJson } from "./command.ts";
import { jsonOption } from "./options.ts";

/**
 * What happens to each setting of a site. `own`: specific to each environment: where a site is, who it is for, its
 * secrets. `promoted`: how it behaves. A new setting has to be added here, or nothing compiles.
 */
export const promotionOf: Readonly<Record<keyof SiteSettings, "own" | "promoted">> = {
  domain: "own",
  port: "own",
  upstream: "own",
  backupUpstreams: "own",
  upstreams: "own",
  hostHeader: "promoted",
  refuseHtFiles: "promoted",
  upstreamCa: "own",
  upstreamServerName: "own",
  buffering: "promoted",
  emailDomains: "own",
  guests: "own",
  roles: "own",
  allowedGroups: "own",
  temporaryGroups: "own",
  paths: "promoted",
  open: "promoted",
  conditionalAccess: "own",
  metricsPort: "own",
  identityHeaders: "promoted",
  passAuthorization: "promoted",
  accessTokenScope: "own",
  proxyPrefix: "promoted",
  formerProxyPrefixes: "own",
  sessionStore: "own",
  redis: "own",
  cookieExpire: "promoted",
  cookieRefresh: "promoted",
  authCache: "promoted",
  signInRate: "promoted",
  maintenance: "own",
  contact: "own",
  securityHeaders: "promoted",
  clientMaxBodySize: "promoted",
  proxyBufferSize: "promoted",
  keepaliveTimeout: "promoted",
  proxyReadTimeout: "promoted",
  proxyConnectTimeout: "promoted",
  proxySendTimeout: "promoted",
  goMemLimit: "promoted",
  clientSecrets: "own",
  cookieSecretGeneration: "own",
  cookieName: "own",
  owners: "own",
  serviceManagementReference: "own",
  adoptedRegistration: "own",
  certificateFrom: "own",
  certificates: "own",
};

const own = Object.keys(promotionOf).filter((key) => promotionOf[key as keyof SiteSettings] === "own");

/** The changes of the target environment's document. */
export interface Promotion {
  /** A sentence for each setting that changed. */
  readonly changed: readonly string[];
  /** What a person has to do by hand. */
  readonly left: readonly string[];
}

/**
 * Changes the document of `to` in place, keeping its comments and its order.
 * @param wanted the sites, by name or domain. Default: all that both environments have
 * @throws ConfigError if a site is in neither of the two, or a file was already invalid
 */
export function promote(from: StackFile, to: StackFile, wanted?: readonly string[]): Promotion {
  const source = environmentOf(from).sites;
  const target = environmentOf(to).sites;
  const isIn = (sites: readonly { readonly name: string }[], name: string) =>
    sites.some((it) => it.name === name);
  const all = [...source, ...target.filter(({ name }) => !isIn(source, name))];
  const chosen = wanted?.map((it) => siteCalled(it, all, from)) ?? all;
  const changed: string[] = [];
  const left: string[] = [];
  for (const { name } of chosen) {
    if (!isIn(target, name))
      left.push(
        `site "${name}" is not in ${to.source}: copy its lines, and change what is specific to that environment`,
      );
    else if (!isIn(source, name)) left.push(`site "${name}" is only in ${to.source}`);
    else promoteSite(from, to, name, { changed, left });
  }
  return { changed, left };
}

function promoteSite(
  from: StackFile,
  to: StackFile,
  name: string,
  { changed, left }: { readonly changed: string[]; readonly left: string[] },
): void {
  const [wanted, present] = [settingsOf(from, name), settingsOf(to, name)];
  const keys = new Set([...Object.keys(wanted), ...Object.keys(present)]);
  for (const key of keys) {
    if (own.includes(key) || isDeepStrictEqual(wanted[key], present[key])) continue;
    const where = `site "${name}": ${key}`;
    if (namesGroups(wanted[key]) || namesGroups(present[key])) {
      left.push(`${where} names groups, which are specific to each environment; change it by hand`);
    } else if (wanted[key] !== undefined) {
      to.document.setIn(sitePath(name, key), to.document.createNode(wanted[key]));
      changed.push(`${where} as in ${from.stack}`);
    } else if (to.document.hasIn(sitePath(name, key))) {
      to.document.deleteIn(sitePath(name, key));
      changed.push(`${where} is unset, as in ${from.stack}`);
    } else {
      left.push(`${where} comes from siteDefaults, which all sites of ${to.stack} share; change it by hand`);
    }
  }
}

/** A site's effective settings: its own over those that all sites of the environment share, as written. */
function settingsOf({ document }: StackFile, name: string): Record<string, unknown> {
  const written = (path: (string | number)[]) => {
    const node = document.getIn(path);
    return isMap(node) ? (node.toJS(document) as Record<string, unknown>) : {};
  };
  return { ...written(configPath("siteDefaults")), ...written(sitePath(name)) };
}

function namesGroups(value: unknown): boolean {
  return JSON.stringify(value ?? null).includes('"allowedGroups"');
}

interface Options {
  readonly from: string;
  readonly to: string;
  readonly site?: string[];
  readonly dryRun?: true;
  readonly json?: true;
}

export function command(): Command {
  return named("promote")
    .requiredOption("--from <name>", "the environment to copy from")
    .requiredOption("--to <name>", "the environment whose file to change")
    .option("--site <name...>", "only these sites (default: all that both have)")
    .option("--dry-run", "only show the change")
    .addOption(jsonOption())
    .addHelpText("after", `\nEvery environment keeps its own ${own.join(", ")}.`)
    .action(action(promoteSites));
}

function promoteSites({ from, to, site, dryRun, json }: Options): void {
  const target = readStackFile(to);
  const { changed, left } = promote(readStackFile(from), target, site);
  const change = writeChange(target, changed, { dryRun });
  if (json) {
    printJson("promote", { ...change, left });
    return;
  }
  console.log(changed.length === 0 ? `${target.source}: nothing to promote` : change.patch);
  const then = change.written ? `then: npm run review -- --base HEAD --stack ${to}` : "(not written)";
  const last = changed.length === 0 ? [] : [then];
  console.log([...changed, ...left.map((it) => `left: ${it}`), ...last].join("\n"));
}
