/** Compares two sides of an environment: what changes in meaning, who gets in, and which files change how. */
import { errorPageFile } from "../../components/render/pages.ts";
import { cookieProblems } from "../../components/site/browser-cookies.ts";
import type { Site } from "../../components/site/site.ts";
import { ConfigError } from "../../components/site/errors.ts";
import type { Environment } from "../environment.ts";
import { environmentOf, parseStackFile } from "../stack-file.ts";
import { accessChange, backendsOf, type JudgedSite, newcomerAt, type Way } from "./access.ts";
import { engineSettings } from "./engine-settings.ts";
import { environmentMeaning } from "./environment-meaning.ts";
import { gateInWords, siteMeaning } from "./meaning.ts";
import { changes, type Statement } from "./statements.ts";
import { asDiffs, type FileChange, fileChanges, namesOf, type OneFile, siteOf } from "./file-changes.ts";
import { type Rename, renamesOf, renaming, withNewNames } from "./renames.ts";
import type { LocatedProblem, RenderedStack } from "./rendering.ts";
import { sharedFolder, siteTexts } from "./site-texts.ts";

/** What changes for one site. */
export interface SiteReview {
  readonly name: string;
  readonly domain: string;
  readonly kind: "new" | "removed" | "changed";
  readonly statements: readonly Statement[];
  /** Whether somebody gets in who did not before: by the files, or by their roles in Entra. */
  readonly widens: boolean;
  readonly narrows: boolean;
  readonly opened: readonly Way[];
  readonly closed: readonly Way[];
  /** Why it cannot be judged whether access widens; a reviewer has to read the file. */
  readonly cannotJudge?: string;
}

/** What changes in one environment. */
export interface StackReview {
  readonly stack: string;
  /** For example `stacks/Pulumi.prod.yaml`. */
  readonly source: string;
  readonly kind: "invalid" | "new" | "removed" | "same" | "changed";
  readonly problems: readonly LocatedProblem[];
  readonly notes: readonly string[];
  readonly sites: readonly SiteReview[];
  readonly environment: readonly Statement[];
  readonly files: readonly FileChange[];
  readonly counts: {
    /** Sites that change, and hosts that get a change. */
    readonly sites: number;
    readonly hosts: number;
    /** Files on hosts. */
    readonly files: number;
    /** Sites whose Nginx configuration is reloaded, on each host. */
    readonly reloads: number;
    /** Sites whose oauth2-proxy restarts, on each host; no request is lost. */
    readonly restarts: number;
    /** Sites on which everybody has to sign in again. */
    readonly signOuts: number;
  };
  /** Names of the sites to which somebody gets in who did not before; `environment` for all of them. */
  readonly widens: readonly string[];
  readonly narrows: readonly string[];
  readonly cannotJudge: readonly string[];
}

/** Files of a site that its instance does not read; as in components/host/protected_sites/undo.py. */
export const notForInstance: readonly string[] = [
  "site.json",
  "nginx.conf",
  "inherited.conf",
  "prometheus.json",
  "begin.html",
  "return.html",
  "not-saved.html",
  "signed-out.html",
  "forbidden.html",
  "expired.html",
  "bad-request.html",
  "unavailable.html",
  "too-many.html",
  "maintenance.html",
];

/** Compares the two sides of an environment. A side without the environment is undefined. */
export function reviewStack(
  stack: string,
  base: RenderedStack | undefined,
  after: RenderedStack | undefined,
): StackReview {
  const renames = renamesOf(base?.environment, after?.environment);
  const before = withNewNames(base, renames);
  const nothing = nothingOf(stack);
  if (after !== undefined && after.problems.length > 0)
    return { ...nothing, kind: "invalid", problems: after.problems };
  const notes =
    before !== undefined && before.problems.length > 0
      ? [`The base's ${nothing.source} was invalid, so everything counts as new.`]
      : [];

  const [was, is] = [before?.environment, after?.environment];
  if (was === undefined && is === undefined) return { ...nothing, notes, kind: "same" };
  const environment = [
    ...(is === undefined ? [] : engineSettings(before?.text ?? "", after?.text ?? "")),
    ...(was === undefined || is === undefined
      ? []
      : changes(environmentMeaning, withoutSites(was), withoutSites(is))),
  ];
  const files = fileChanges(before, after);
  const sites = siteReviews(before, after, files.bySite, renames);
  const widened = sites.filter(({ widens }) => widens).map(({ name }) => name);
  const changed = files.all.length > 0 || sites.length > 0 || environment.length > 0;
  return {
    ...nothing,
    kind: was === undefined ? "new" : is === undefined ? "removed" : changed ? "changed" : "same",
    notes: [
      ...notes,
      ...notFromSites(sites, files.bySite, environment.length > 0),
      ...moreThanBrowsersKeep(was, is),
    ],
    sites,
    environment,
    files: asDiffs(files.all, before, after),
    counts: { ...countsOf({ was, is, sites, files }), hosts: changed ? ((is ?? was)?.hosts.length ?? 0) : 0 },
    widens: movesTenant(was, is) ? ["environment", ...widened] : widened,
    narrows: sites.filter(({ narrows }) => narrows).map(({ name }) => name),
    cannotJudge: sites.filter(({ cannotJudge }) => cannotJudge !== undefined).map(({ name }) => name),
  };
}

const nothingOf = (stack: string) =>
  ({
    stack,
    source: `stacks/Pulumi.${stack}.yaml`,
    problems: [],
    notes: [],
    sites: [],
    environment: [],
    files: [],
    counts: { sites: 0, hosts: 0, files: 0, reloads: 0, restarts: 0, signOuts: 0 },
    widens: [],
    narrows: [],
    cannotJudge: [],
  }) satisfies Omit<StackReview, "kind">;

function movesTenant(was: Environment | undefined, is: Environment | undefined): boolean {
  return was !== undefined && is !== undefined && was.tenantId !== is.tenantId;
}

interface Counted {
  readonly was: Environment | undefined;
  readonly is: Environment | undefined;
  readonly sites: readonly SiteReview[];
  readonly files: ReturnType<typeof fileChanges>;
}

function countsOf({ was, is, sites, files }: Counted): Omit<StackReview["counts"], "hosts"> {
  const signedOut = new Set([
    ...sites
      .filter((site) => site.statements.some(({ effect }) => effect === "signs out"))
      .map(({ name }) => name),
    ...(movesTenant(was, is) ? (is?.sites ?? []).map(({ name }) => name) : []),
  ]);
  const restartsAll = was !== undefined && is !== undefined && restartsInstances(was, is, files.all);
  const pushed = [...files.bySite.keys()];
  const restarted = pushed.filter((name) =>
    files.bySite.get(name)?.some(({ file }) => !notForInstance.includes(file)),
  );
  return {
    sites: new Set([...sites.map(({ name }) => name), ...pushed]).size,
    files: files.all.reduce((sum, { hosts }) => sum + hosts.length, 0),
    reloads: pushed.length,
    restarts: restartsAll ? is.sites.length : restarted.length,
    signOuts: signedOut.size,
  };
}

/** Whether the instances of all sites restart: for another oauth2-proxy, or another page of it that they share. */
function restartsInstances(was: Environment, is: Environment, files: readonly OneFile[]): boolean {
  return (
    was.oauth2Proxy.sha256 !== is.oauth2Proxy.sha256 ||
    files.some(({ file }) => file === `${sharedFolder}/${errorPageFile}`)
  );
}

/** Reported if the change introduces it, or adds to it. */
function moreThanBrowsersKeep(was: Environment | undefined, is: Environment | undefined): string[] {
  const before = cookieProblems(was?.sites ?? []);
  return cookieProblems(is?.sites ?? [])
    .filter((problem) => !before.includes(problem))
    .map((problem) => `${problem.slice(0, 1).toUpperCase()}${problem.slice(1)}.`);
}

/** Completes a base of an older model with this model's defaults for new settings. */
export function completed(stack: string, before: RenderedStack): RenderedStack {
  if (before.environment === undefined) return before;
  let today: Environment;
  try {
    today = environmentOf(parseStackFile(stack, before.text));
  } catch (error) {
    if (error instanceof ConfigError) return before;
    throw error;
  }
  const sites = before.environment.sites.map((site) => ({
    ...today.sites.find(({ name }) => name === site.name),
    ...site,
  }));
  return { ...before, environment: { ...today, ...before.environment, sites } };
}

function withoutSites(environment: Environment): Omit<Environment, "sites"> {
  return Object.fromEntries(Object.entries(environment).filter(([key]) => key !== "sites")) as Omit<
    Environment,
    "sites"
  >;
}

function siteReviews(
  before: RenderedStack | undefined,
  after: RenderedStack | undefined,
  changed: ReadonlyMap<string, readonly OneFile[]>,
  renames: ReadonlyMap<string, Rename>,
): SiteReview[] {
  const sharedChanged = shared(before) !== shared(after);
  const old = backendsOf(
    (before?.environment?.sites ?? [])
      .map(({ name }) => textsOf(before, name))
      .filter((it) => it !== undefined),
  );
  return namesOf(before, after).flatMap((name): SiteReview[] => {
    const [was, is] = [siteOf(before, name), siteOf(after, name)];
    const statements = [
      ...renaming(name, renames.get(name)),
      ...(was !== undefined && is !== undefined ? changes(siteMeaning, was, is) : []),
    ];
    if (statements.length === 0 && !changed.has(name) && !sharedChanged) return [];
    const [textsWere, texts] = [textsOf(before, name), textsOf(after, name)];
    const access = accessChange(textsWere, texts);
    const newcomer = texts === undefined ? undefined : newcomerAt(texts, old);
    const opened = newcomer === undefined || access.opened.length > 0 ? access.opened : [newcomer.way];
    if (statements.length === 0 && !changed.has(name) && opened.length + access.closed.length === 0)
      return [];
    const site = is ?? was;
    if (site === undefined) return [];
    return [
      {
        name,
        domain: site.domain,
        kind: was === undefined ? "new" : is === undefined ? "removed" : "changed",
        statements: [
          ...statements,
          ...arrival(was, is),
          ...(access.opened.length > 0 ? [] : newBackend(newcomer)),
        ],
        widens: opened.length > 0,
        narrows: access.closed.length > 0,
        opened,
        closed: access.closed,
        ...(access.cannotJudge === undefined ? {} : { cannotJudge: access.cannotJudge }),
      },
    ];
  });
}

function arrival(was: Site | undefined, is: Site | undefined): Statement[] {
  if (was === undefined && is !== undefined) {
    return [
      {
        effect: "opens",
        text: `a new site: https://${is.domain} is open to ${gateInWords(is)}, from ${is.upstream}`,
      },
    ];
  }
  if (was !== undefined && is === undefined) {
    return [
      {
        effect: "closes",
        text: `https://${was.domain} is removed from every host, and its registration from Entra`,
      },
    ];
  }
  return [];
}

function newBackend(newcomer: ReturnType<typeof newcomerAt>): Statement[] {
  if (newcomer === undefined) return [];
  const { person } = newcomer.way;
  const who = person === undefined ? "anybody" : personInWords(person);
  return [
    {
      effect: "opens",
      text: `${who} now reaches ${newcomer.backend}, which was closed to them`,
    },
  ];
}

/** A representative person, in words. */
export function personInWords({ upn, groups }: NonNullable<Way["person"]>): string {
  const program = groups.find((it) => it.startsWith("application "));
  if (program !== undefined) return `${program}, with a bearer token,`;
  return groups.length === 0 ? `${upn}, in no group,` : `${upn}, in ${groups.join(" and ")},`;
}

function notFromSites(
  sites: readonly SiteReview[],
  changed: ReadonlyMap<string, readonly OneFile[]>,
  environmentChanges: boolean,
): string[] {
  const only = sites.filter(({ name, statements }) => statements.length === 0 && changed.has(name));
  if (only.length === 0) return [];
  return [
    `The files of ${only.length === 1 ? (only[0]?.name ?? "") : `${only.length} sites`} change because ${environmentChanges ? "the environment's own settings, or the code that renders them," : "the code that renders them"} changed, not ${environmentChanges ? "the sites'" : "the configuration"}.`,
  ];
}

function shared(stack: RenderedStack | undefined): string {
  return stack?.hostFiles?.find(({ name }) => name === "protected-sites.conf")?.text ?? "";
}

function textsOf(stack: RenderedStack | undefined, name: string): JudgedSite | undefined {
  const site = siteOf(stack, name);
  if (site === undefined) return undefined;
  const tenantId = stack?.environment?.tenantId ?? "";
  const texts = siteTexts(site.domain, tenantId, stack?.siteFiles?.[name], stack?.hostFiles);
  return texts && { ...texts, roles: site.roles };
}
