/** One server as the settings of a site, and what they do not say. */
import { ConfigError } from "../../components/site/errors.ts";
import { isEncrypted, upstreamPath } from "../../components/site/backends.ts";
import type { PathUpstreamSettings } from "../../components/site/path-upstreams.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import { siteFrom } from "../../components/site/site.ts";
import { isExpression } from "../review/locations.ts";
import { type Backend, backendOf } from "./backends.ts";
import { behaviourOf } from "./behaviour.ts";
import { blocks, closes, differs, type Finding } from "./findings.ts";
import { type Given, identityOf } from "./identity.ts";
import type { Oauth2ProxyOptions } from "./oauth2-proxy-options.ts";
import { askedBy, lostRestrictions, openPaths, pathRules, type Source } from "./path-access.ts";
import type { Part, Server } from "./server.ts";
import { defined, sessionsOf } from "./sessions.ts";

/** What a server becomes. */
export interface Wanted extends Given {
  readonly name: string;
  readonly domain: string;
  readonly port: number;
  /** The backend, if the operator says it. */
  readonly upstream: string | undefined;
}

/** What is known of the oauth2-proxy before a server. */
export interface Known {
  readonly options: Oauth2ProxyOptions | undefined;
  readonly proxyPrefix: string;
  readonly findings: readonly Finding[];
}

/** A site, and what its settings do not say. */
export interface Imported {
  readonly name: string;
  readonly server: Server;
  /** What its open paths are made of. */
  readonly source: Source;
  readonly settings: SiteSettings;
  readonly findings: readonly Finding[];
}

/** What everybody gets for as long as something keeps the site closed. */
const closedMessage = "This site is being set up.";

/** @throws ConfigError if the site's backend is not in the files */
export function siteSettingsOf(
  server: Server,
  { options, proxyPrefix, findings: known }: Known,
  wanted: Wanted,
): Imported {
  const { domain, port } = wanted;
  const main = server.parts.find(({ modifier, match }) => match === "/" && modifier !== "=");
  const backend = mainBackend(server, main, wanted);
  const { upstream } = backend;
  const routes = routesOf(server, main, backend);
  const newBackend = (path: string) => longest(routes.upstreams, path)?.upstream ?? backend.was;
  const source: Source = { server, options, proxyPrefix, newBackend };
  const identity = identityOf(options, wanted);
  const sessions = sessionsOf(options);
  const rules = pathRules(source, main);
  const open = openPaths(source);
  const groups = groupsOf(
    identity.settings.allowedGroups,
    main && askedBy(source, main)?.groups,
    server.where,
  );
  const behaviour = behaviourOf(backend.part, {
    domain,
    upstream,
    hasUpstreams: routes.upstreams.length > 0,
  });
  const findings = [
    ...known,
    ...identity.findings,
    ...groups.findings,
    ...rules.findings,
    ...lostRestrictions(server),
    ...backend.findings,
    ...open.findings,
    ...routes.findings,
    ...answeredByNginx(server, domain),
    ...sessions.findings,
    ...behaviour.findings,
  ];
  const isClosed = findings.some(({ effect }) => effect === "blocks");
  const settings = defined<SiteSettings>({
    domain,
    port,
    ...(isClosed ? { maintenance: closedMessage } : {}),
    upstream,
    ...(backend.others.length > 0 ? { backupUpstreams: [...backend.others] } : {}),
    ...(routes.upstreams.length > 0 ? { upstreams: routes.upstreams } : {}),
    ...identity.settings,
    ...(groups.allowedGroups === undefined ? {} : { allowedGroups: groups.allowedGroups }),
    ...(rules.paths.length > 0 ? { paths: rules.paths } : {}),
    ...(open.open.length > 0 ? { open: open.open } : {}),
    ...behaviour.settings,
    ...sessions.settings,
  });
  const valid = validSettings(wanted.name, settings);
  return { name: wanted.name, server, source, ...valid, findings: ordered([...findings, ...valid.findings]) };
}

interface Main {
  readonly part: Part;
  readonly upstream: string;
  readonly others: readonly string[];
  /** The backend in the files, if it gets a request's path as it is. */
  readonly was: string | undefined;
  readonly findings: readonly Finding[];
}

/** The backend of everything that has none of its own. */
function mainBackend(server: Server, main: Part | undefined, { upstream, domain }: Wanted): Main {
  const passes = (it: Part | undefined) =>
    it !== undefined && /^(?:signed-in|open)$/.test(it.access) && it.pass !== undefined;
  const part = passes(main)
    ? main
    : (server.parts.find((it) => it.access === "signed-in" && passes(it)) ?? main);
  const [only] = server.parts.filter(({ access }) => access === "signed-in");
  const used = part ?? only;
  if (used === undefined)
    throw new ConfigError(server.where, [{ where: domain, what: "has no location that asks oauth2-proxy" }]);
  const backend = backendOf(server, used);
  const partly: Finding[] = passes(main)
    ? []
    : [
        blocks(
          server.where,
          `only ${used.where} has a backend, and the site would give people all paths of it`,
        ),
      ];
  if ("problem" in backend) {
    if (upstream !== undefined) return { part: used, upstream, others: [], was: undefined, findings: partly };
    throw new ConfigError(used.where, [
      { where: "", what: `${backend.problem}; give the backend of ${domain} with --upstream` },
    ]);
  }
  const path = pathOf(used, backend, used === main);
  const found = `${backend.upstream}${path.below}`;
  return {
    part: used,
    upstream: upstream ?? found,
    others: upstream === undefined ? backend.others : [],
    was: path.isSame ? backend.upstream : undefined,
    findings: [
      ...partly,
      ...path.findings,
      ...(upstream === undefined ? addressFindings(used, backend) : []),
    ],
  };
}

type Named = Exclude<Backend, { readonly problem: string }>;

/** What becomes of a request's path at a backend: `below` is what a site shows of it. */
function pathOf(part: Part, { replaces, others }: Named, isRoot: boolean) {
  const isSame = replaces === undefined || replaces === (isRoot ? "/" : part.match);
  const isBelow = isRoot && others.length === 0 && /^\/(?:[\w~-][\w.~-]*\/)+$/.test(replaces ?? "");
  const changed =
    isSame || isBelow
      ? []
      : [differs(part.where, `the path became ${replaces}; the backend gets it unchanged`)];
  const rewritten = part.isRewritten
    ? [differs(part.where, "the path was rewritten; the backend gets it unchanged")]
    : [];
  return {
    isSame: isSame && !part.isRewritten,
    below: isBelow ? (replaces ?? "") : "",
    findings: [...changed, ...rewritten],
  };
}

/** Names of hosts within a cluster or a network of containers. */
const inside = /^\w+:\/\/(?!localhost)(?:[^./]+|[^/]*\.svc\.cluster\.local)(?::\d+)?\/?$/;

function addressFindings({ where }: Part, { upstream, others }: Named): Finding[] {
  return [
    ...(others.length > 0
      ? [
          differs(
            where,
            "requests go to the first server of the upstream, and to the others only if it fails",
          ),
        ]
      : []),
    ...(inside.test(upstream)
      ? [
          differs(
            where,
            `${upstream} is a name of a cluster or a container network: give an address that the proxy hosts reach`,
          ),
        ]
      : []),
  ];
}

/** Parts with a backend of their own: as one of a site's upstreams, or with the site's own now. */
function routesOf(server: Server, main: Part | undefined, { upstream, was }: Main) {
  const upstreams: PathUpstreamSettings[] = [];
  const findings: Finding[] = [];
  for (const part of server.parts) {
    if (part === main || part.pass === undefined || !/^(?:signed-in|open)$/.test(part.access)) continue;
    const backend = backendOf(server, part);
    const isSame =
      !("problem" in backend) &&
      (backend.replaces === undefined || backend.replaces === part.match) &&
      !part.isRewritten;
    const goesTo = "problem" in backend ? undefined : backend.upstream;
    if (isSame && goesTo === (was ?? upstream)) continue;
    const path = part.match.replace(/\/$/, "");
    const isRoute =
      isSame &&
      goesTo !== undefined &&
      !isExpression(part) &&
      part.modifier !== "=" &&
      path !== "" &&
      isEncrypted(goesTo) === isEncrypted(upstream) &&
      upstreamPath(upstream) === "/" &&
      longest(upstreams, path)?.path !== path;
    if (isRoute) upstreams.push({ path, upstream: goesTo });
    else findings.push(differs(part.where, `goes to ${upstream} now, with its path unchanged`));
  }
  return { upstreams, findings };
}

function longest(upstreams: readonly PathUpstreamSettings[], path: string): PathUpstreamSettings | undefined {
  return upstreams
    .filter((it) => path === it.path || path.startsWith(`${it.path}/`))
    .sort((one, other) => other.path.length - one.path.length)[0];
}

/** Groups that oauth2-proxy requires of everybody, and those that the question at the location of everything names. */
function groupsOf(
  everywhere: readonly string[] | undefined,
  here: readonly string[] | undefined,
  where: string,
) {
  if (here === undefined) return { findings: [] };
  if (everywhere === undefined) return { allowedGroups: [...here], findings: [] };
  const both = here.filter((it) => everywhere.includes(it));
  return both.length > 0
    ? {
        allowedGroups: both,
        findings: [closes(where, "of two lists of groups, only groups in both are allowed")],
      }
    : {
        allowedGroups: [...here],
        findings: [blocks(where, "two lists of groups, of each of which one was required")],
      };
}

function answeredByNginx({ parts, names, where }: Server, domain: string): Finding[] {
  const own = parts.filter(({ access }) => access === "nginx");
  const others = names.filter((it) => it !== domain && /^[\w*-].*\./.test(it));
  return [
    ...own.map(({ where }) =>
      differs(where, "Nginx answered it itself; the backend gets it now, from people who are signed in"),
    ),
    ...(others.length > 0
      ? [closes(where, `a site has one domain; ${others.join(", ")} needs a site of its own`)]
      : []),
  ];
}

/** Settings that restrict who may enter; without one, a site would be more open than it was. */
const restricting = ["emailDomains", "allowedGroups", "paths", "maintenance"];

/** Without settings that the rules of a site refuse, each of which becomes a finding. */
function validSettings(
  name: string,
  given: SiteSettings,
): { readonly settings: SiteSettings; readonly findings: Finding[] } {
  const findings: Finding[] = [];
  let settings = given;
  for (;;) {
    try {
      siteFrom(name, settings);
      return { settings, findings };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const what = error.problems[0]?.what ?? "";
      const key = /^\w+/.exec(what)?.[0] ?? "";
      if (key === "upstream")
        throw new ConfigError(`site "${name}"`, [
          { where: "", what: `${what}; give the backend with --upstream` },
        ]);
      if (!Object.hasOwn(settings, key) || ["domain", "port", "emailDomains"].includes(key)) throw error;
      const effect = restricting.includes(key) ? blocks : closes;
      findings.push(effect("", `${key} is left out: ${what}`));
      settings = Object.fromEntries(
        Object.entries(settings).filter(([it]) => it !== key),
      ) as unknown as SiteSettings;
      if (restricting.includes(key)) settings = { ...settings, maintenance: closedMessage };
    }
  }
}

const order = ["blocks", "closes", "differs"];

/** What keeps the site closed comes first; nothing comes twice. */
function ordered(findings: readonly Finding[]): Finding[] {
  const all = new Map(findings.map((it) => [`${it.effect} ${it.where} ${it.what}`, it]));
  return [...all.values()].sort((one, other) => order.indexOf(one.effect) - order.indexOf(other.effect));
}
