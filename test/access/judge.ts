/**
 * The review's "access widens", `explain` and the access matrix before the real Nginx: `npm run test:access [-- --pairs N --seed N]`.
 * Generates pairs of a site's settings, lets Nginx serve both sides of each, asks it as everybody for everything, and
 * compares who reached the backend with what the review said of the pair, and `explain` and the matrix of the request. Prints what it
 * found as JSON; exit code 1 where anything differs.
 */
import { Agent } from "node:https";
import { parseArgs } from "node:util";

import { execa } from "execa";
import fc from "fast-check";
import { stringify } from "yaml";

import { blockedList } from "../../components/render/nginx/blocked.ts";
import { blockedFile, paths } from "../../components/site/names.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import type { Site } from "../../components/site/site.ts";
import { environmentFrom } from "../../infra/environment.ts";
import { explainer } from "../../infra/commands/explain.ts";
import { renderedEnvironment } from "../../infra/review/rendering.ts";
import { parseStackFile } from "../../infra/stack-file.ts";
import { ensureImage } from "../lab/image.ts";
import { reviewed, settings, siteArgs } from "../unit/review/environments.ts";
import {
  anyChange,
  blockedPerson,
  ends,
  methods,
  people,
  programs,
  targets,
  upnAt,
} from "../unit/review/generated-sites.ts";
import { certificates, startNginx } from "./nginx.ts";
import {
  type Asked,
  askNginx,
  groupsOf,
  page,
  type Program,
  rolesOf,
  startBackends,
  upnOf,
} from "./asking.ts";
import { JudgedMatrix } from "./matrix.ts";
import { judgeMutations } from "./mutations.ts";
import { startOauth2Proxy } from "./oauth2-proxy.ts";

/** What a run found; in the lists, what differs, in words. */
export interface Findings {
  pairs: number;
  requests: number;
  /** Pairs whose access widens or narrows, by who reached the backend. */
  widened: number;
  narrowed: number;
  /** Pairs of which the review says that access widens (narrows) where it does not. */
  readonly falseAlarms: string[];
  /** Pairs of which the review does not say so where it does. */
  readonly misses: string[];
  /** Requests with which Nginx differs from `explain` or the access matrix. */
  readonly otherwise: string[];
}

const blocked = upnAt(blockedPerson.domain, blockedPerson.name);

/** How many pairs one Nginx serves. */
const batch = 25;

/** Spellings of paths that Nginx reads in its own way. */
const spellings = [
  "/admin?x=1",
  "/other/../admin",
  "//admin",
  "/%61dmin/below",
  "/admin%2faudit",
  "/admin;x",
  "/admin/x;v=1",
  "/x/a%2Fb",
  "/public/..;/x",
  "/public/a%252Fb",
  "/%2561dmin",
  "//other",
  "/admin.",
  "/ADMIN",
  "/public/..",
  "/oauth2/callback?code=x",
  "/.well-known/protected-sites/auth",
  "/_sign-in/x",
  "/.well-known/acme-challenge/x",
  "/%zz",
];

const everybody = [undefined, ...people, ...programs.map((program): Program => ({ program }))];
const everything: readonly Asked[] = everybody.flatMap((person) =>
  methods.flatMap((method) => targets.map((target) => ({ person, method, target }))),
);
const byBlocked: readonly Asked[] = methods.flatMap((method) =>
  targets.map((target) => ({ person: blockedPerson, method, target })),
);
const inOtherWords: readonly Asked[] = [undefined, people[0], people.at(-1)].flatMap((person) =>
  spellings.map((target) => ({ person, method: "GET", target })),
);

type GivenSite = Partial<Pick<SiteSettings, "open" | "roles" | "allowedGroups" | "temporaryGroups">>;

/** One side of a pair: the same site under a domain and a port that no other has. */
class Side {
  readonly given: GivenSite;
  readonly site: Site;
  readonly environment: Record<string, unknown>;
  /** For {@link everything}, in its order. */
  reached: boolean[] = [];
  /** Roles that the backend was told, each with whom it was told them of. */
  readonly told = new Set<string>();

  constructor(given: GivenSite, index: number) {
    this.given = given;
    const own = { emailDomains: undefined, certificates, ...given };
    this.environment = settings({
      blocked: [{ user: blocked, why: "They have left." }],
      sites: { wiki: siteArgs(`wiki-${index}`, 4000 + index, own) },
    });
    const [site] = environmentFrom(this.environment, "").sites;
    if (site === undefined) throw new Error("a generated site must be one");
    this.site = site;
  }

  text(name: string): string {
    const { siteFiles } = renderedEnvironment(environmentFrom(this.environment, ""));
    return siteFiles?.["wiki"]?.find((it) => it.name === name)?.text ?? "";
  }

  /** The environment with the domain that both sides of a pair have, and as it can be seen today: what is to end has not. */
  reviewable(): Record<string, unknown> {
    const own = { ...siteArgs("wiki", 4000), emailDomains: undefined, ...this.given };
    return settings({ sites: { wiki: asToday(own) } });
  }
}

/** Without the ends that are to come, and without those who have access for some time as others who have it for good. */
function asToday(own: GivenSite): GivenSite {
  const isOver = ({ until }: { readonly until?: string }) => until === ends.over;
  const without = <T extends { readonly until?: string }>({ until, ...it }: T) =>
    until === ends.over ? { ...it, until } : it;
  const { open = [], roles = [], allowedGroups = [], temporaryGroups = [], ...others } = own;
  return {
    ...others,
    open: open.map(without),
    allowedGroups: [
      ...allowedGroups,
      ...temporaryGroups.filter((it) => !isOver(it)).map(({ group }) => group),
    ],
    temporaryGroups: temporaryGroups.filter(isOver),
    roles: roles.map(({ users = [], temporaryUsers = [], ...it }) => ({
      ...without(it),
      users: [...users, ...temporaryUsers.filter((user) => !isOver(user)).map(({ user }) => user)],
      temporaryUsers: temporaryUsers.filter(isOver),
    })),
  };
}

async function judgeSide(side: Side, findings: Findings): Promise<void> {
  const { site } = side;
  const oauth2Proxy = await startOauth2Proxy(
    site.port,
    side.text("oauth2-proxy.cfg"),
    side.text("machine-clients"),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const config = Object.fromEntries(
    Object.entries(side.environment).map(([key, value]) => [`protected-sites:${key}`, value]),
  );
  // Days are in quotes.
  const file = parseStackFile("judge", stringify({ config }, { defaultStringType: "QUOTE_DOUBLE" }));
  const explain = explainer(file);
  const matrix = new JudgedMatrix(file, site);
  const answers = async (all: readonly Asked[]) => {
    const given = new Array<{ status: number; roles: string | undefined }>(all.length);
    const queue = all.entries();
    const ask = async () => {
      for (const [index, asked] of queue) given[index] = await askNginx(agent, site, asked);
    };
    await Promise.all(Array.from({ length: 8 }, ask));
    return given;
  };
  const asked = [...everything, ...byBlocked, ...matrix.questions(), ...inOtherWords];
  const given = await answers(asked);
  for (const [index, { person, method, target }] of asked.entries()) {
    const told = explain(
      `https://${site.domain}${target}`,
      method,
      person && {
        upn: upnOf(person),
        groups: [...groupsOf(person), ...rolesOf(site, person).map((it) => `role ${it}`)],
      },
    );
    const { status = 0, roles } = given[index] ?? {};
    const reached = roles !== undefined;
    for (const role of roles?.split(",") ?? []) side.told.add(`${role} of ${JSON.stringify(person)}`);
    const answer = /^Nginx answers (\d+)/.exec(told.verdict)?.[1];
    const isPlain = index < asked.length - inOtherWords.length;
    const differs = [
      ...(told.passes !== reached || (answer !== undefined && Number(answer) !== status)
        ? [`explain: ${told.verdict}`]
        : []),
      ...matrix.differences({ person, method, target }, status, reached, isPlain),
    ];
    findings.otherwise.push(
      ...differs.map(
        (it) =>
          `${method} ${target} as ${JSON.stringify(person)}: Nginx ${status}, ${reached ? "backend" : "not the backend"}; ${it}; ${JSON.stringify(side.given)}`,
      ),
    );
  }
  side.reached = given.slice(0, everything.length).map(({ roles }) => roles !== undefined);
  findings.requests += asked.length;
  agent.destroy();
  oauth2Proxy.closeAllConnections();
  oauth2Proxy.close();
}

/** Whether somebody reaches on one side what they do not on the other, or has a role where both sides have roles. */
function isMore(one: Side, other: Side): boolean {
  const roles = [one, other].every(({ site }) => site.roles.length > 0);
  return (
    one.reached.some((is, index) => is && !other.reached[index]) ||
    (roles && [...one.told].some((it) => !other.told.has(it)))
  );
}

function judgePair(before: Side, after: Side, findings: Findings): void {
  const review = reviewed(after.reviewable(), before.reviewable());
  const widens = isMore(after, before);
  const narrows = isMore(before, after);
  findings.pairs += 1;
  findings.widened += Number(widens);
  findings.narrowed += Number(narrows);
  for (const [what, does, said] of [
    ["widens", widens, review.widens],
    ["narrows", narrows, review.narrows],
  ] as const) {
    const words = `${what}: ${JSON.stringify(before.given)} -> ${JSON.stringify(after.given)}`;
    if (review.cannotJudge.length > 0) findings.falseAlarms.push(`cannot judge: ${words}`);
    else if (does && said.length === 0) findings.misses.push(words);
    else if (!does && said.length > 0) findings.falseAlarms.push(words);
  }
}

async function judge(pairs: number, seed: number): Promise<Findings> {
  const findings: Findings = {
    pairs: 0,
    requests: 0,
    widened: 0,
    narrowed: 0,
    falseAlarms: [],
    misses: [],
    otherwise: [],
  };
  const stopBackends = startBackends();
  const sites = fc.sample(anyChange, { numRuns: pairs, seed }).flat();
  for (let first = 0; first < sites.length; first += 2 * batch) {
    const sides = sites.slice(first, first + 2 * batch).map((given, index) => new Side(given, index));
    const stop = await startNginx(
      new Map(sides.map((it) => [it.site.domain, it.text("nginx.conf")])),
      new Map([
        ...sides.map((it) => [`${paths(it.site.domain).current}/${page}`, it.text(page)] as const),
        [blockedFile, blockedList([{ user: blocked }])],
      ]),
    );
    for (const side of sides) await judgeSide(side, findings);
    await stop();
    for (const [index, before] of sides.entries()) {
      const after = sides[index + 1];
      if (index % 2 === 0 && after !== undefined) judgePair(before, after, findings);
    }
  }
  stopBackends();
  return findings;
}

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "500" },
    mutations: { type: "string" },
    seed: { type: "string" },
    inside: { type: "boolean" },
  },
});
if (values.inside === true && values.mutations !== undefined) {
  const findings = await judgeMutations(Number(values.mutations), Number(values.seed));
  console.log(JSON.stringify(findings, null, 2));
  if (findings.misses.length + findings.otherwise.length > 0) process.exitCode = 1;
} else if (values.inside === true) {
  const findings = await judge(Number(values.pairs), Number(values.seed));
  console.log(JSON.stringify(findings, null, 2));
  if (findings.falseAlarms.length + findings.misses.length + findings.otherwise.length > 0)
    process.exitCode = 1;
} else {
  // Made here, since packages come over the network.
  await ensureImage(console.error);
  const seed = values.seed ?? String(Date.now() % 2 ** 31);
  console.error(`seed ${seed}`);
  const what = values.mutations === undefined ? `--pairs=${values.pairs}` : `--mutations=${values.mutations}`;
  const again = [import.meta.filename, "--inside", what, `--seed=${seed}`];
  const { exitCode } = await execa("unshare", ["--net", "--mount", process.execPath, ...again], {
    stdio: "inherit",
    reject: false,
  });
  process.exitCode = exitCode ?? 1;
}
