/**
 * Mutated texts before the real Nginx: `npm run test:access -- --mutations N [--seed N]`. Each is a generated site's
 * files with one thing changed anywhere. Nginx serves those that it takes, everybody asks for everything, and who
 * reached the backend is compared with what the review says of the change, and with what `explain` would read.
 */
import { once } from "node:events";
import { type IncomingMessage, request as askPlain } from "node:http";
import { request as askTls } from "node:https";
import { Agent } from "node:https";
import { join } from "node:path";

import { execa } from "execa";
import fc from "fast-check";

import { CannotJudge } from "../../components/nginx/cannot-judge.ts";
import { paths } from "../../components/site/names.ts";
import type { Site } from "../../components/site/site.ts";
import { environmentFrom } from "../../infra/environment.ts";
import { accessChange, type JudgedSite } from "../../infra/review/access.ts";
import { SiteReading } from "../../infra/review/gate.ts";
import { passes } from "../../infra/review/needs.ts";
import { renderedEnvironment, type RenderedFile } from "../../infra/review/rendering.ts";
import { siteTexts } from "../../infra/review/site-texts.ts";
import { group, settings, siteArgs } from "../unit/review/environments.ts";
import { byGroup, type GeneratedPerson, targets } from "../unit/review/generated-sites.ts";
import { groupsOf, knownBy, startBackends, upnOf } from "./asking.ts";
import { chance, mutated, type Texts } from "./mutated-texts.ts";
import { certificates, type NginxRoot, nginxRoot, startNginxIn } from "./nginx.ts";
import { startOauth2Proxy } from "./oauth2-proxy.ts";

/** What a run found; in the lists, what differs, in words. */
export interface MutationFindings {
  /** Mutated texts that Nginx takes, and those that it refuses. */
  judged: number;
  refused: number;
  requests: number;
  /** Of which somebody reaches the backend who did not before. */
  widened: number;
  /** Of those of which the review says that access widens, or that it cannot judge them. */
  told: number;
  cannotJudge: number;
  /** Alarms without somebody who reaches more: said to widen, and not judged. */
  falseAlarms: number;
  notJudged: number;
  /** Of which the review says nothing although somebody reaches more. */
  readonly misses: string[];
  /** Requests that reach the backend where `explain` says that they do not. */
  readonly otherwise: string[];
}

const everybody: readonly (GeneratedPerson | undefined)[] = [
  undefined,
  ...[[], [group(1)], [group(2)], [group(3)], [group(1), group(2), group(3)]].map((groups) => ({
    domain: "example.com",
    groups,
  })),
  { domain: "partner.test", groups: [] },
  { domain: "partner.test", groups: [group(1), group(2), group(3)] },
  { domain: "elsewhere.test", groups: [group(1), group(2), group(3)] },
];

interface Asked {
  readonly scheme: "http" | "https";
  readonly person: GeneratedPerson | undefined;
  readonly method: string;
  readonly target: string;
}

const everything: readonly Asked[] = everybody.flatMap((person) => [
  ...[...targets, "/oauth2/x", "/nested/x"].map((target) => ({
    scheme: "https" as const,
    person,
    method: "GET",
    target,
  })),
  ...["/", "/admin", "/health", "/public/below"].map((target) => ({
    scheme: "https" as const,
    person,
    method: "POST",
    target,
  })),
  ...["/", "/admin/below"].map((target) => ({ scheme: "http" as const, person, method: "GET", target })),
]);

/** A client tries these, too. */
const tried = { "x-open": "1" };

/** A site as it is rendered, under a domain of its own. */
interface Base {
  readonly site: Site;
  readonly files: readonly RenderedFile[];
  readonly judged: JudgedSite;
}

function baseOf(given: object, index: number): Base {
  const own = { emailDomains: undefined, certificates, ...given };
  const environment = environmentFrom(
    settings({ sites: { wiki: siteArgs(`wiki-${index}`, 4000 + index, own) } }),
    "",
  );
  const [site] = environment.sites;
  const { siteFiles, hostFiles } = renderedEnvironment(environment);
  // What sites share lies below a site's own folder, too.
  const shared = hostFiles?.filter(({ name }) => name.startsWith("shared/")) ?? [];
  const files = [...(siteFiles?.["wiki"] ?? []), ...shared];
  const texts = site && siteTexts(site.domain, environment.tenantId, files, hostFiles);
  if (site === undefined || texts === undefined) throw new Error("a generated site must be one");
  return { site, files, judged: { ...texts, roles: site.roles } };
}

const isNginx = ({ name }: RenderedFile) => name.endsWith(".conf");

/** A base with other texts of its Nginx files. */
function withTexts({ site, files, judged }: Base, texts: Texts): Base {
  const changed = files.map((it) => ({ ...it, text: texts[it.name] ?? it.text }));
  const again = siteTexts(site.domain, judged.tenantId, changed);
  if (again === undefined) throw new Error("no files");
  return { site, files: changed, judged: { ...again, shared: judged.shared, roles: judged.roles } };
}

class Judge {
  readonly findings: MutationFindings = {
    judged: 0,
    refused: 0,
    requests: 0,
    widened: 0,
    told: 0,
    cannotJudge: 0,
    falseAlarms: 0,
    notJudged: 0,
    misses: [],
    otherwise: [],
  };
  readonly #root: NginxRoot;
  /** Of all sites; with another one, Nginx takes no answer of oauth2-proxy's that it has kept of a text before. */
  #generation = 0;
  constructor(root: NginxRoot) {
    this.#root = root;
  }

  async #put({ site, files }: Base): Promise<void> {
    for (const { name, text } of files) {
      if (isNginx({ name, text }) || name.endsWith(".html"))
        await this.#root.put(join(paths(site.domain).current, name), text);
    }
    const generation = `set $protected_sites_generation "${this.#generation}";\n`;
    await this.#root.put(paths(site.domain).generation, generation);
  }

  /** Whether Nginx takes the site's files, without any other's. */
  async takes(base: Base): Promise<boolean> {
    await this.#put(base);
    const at = join(paths(base.site.domain).current, "nginx.conf");
    const one = `events {}\nhttp { include /etc/nginx/conf.d/*.conf; include ${at}; }`;
    await this.#root.put("/etc/nginx/one.conf", one);
    const { exitCode } = await execa(
      "chroot",
      [this.#root.root, "nginx", "-t", "-c", "/etc/nginx/one.conf"],
      { reject: false },
    );
    return exitCode === 0;
  }

  /** Who reaches the backend of each site, for {@link everything}. */
  async reached(bases: readonly Base[]): Promise<boolean[][]> {
    this.#generation += 1;
    for (const base of bases) await this.#put(base);
    const included = bases.map(({ site }) => `include ${join(paths(site.domain).current, "nginx.conf")};`);
    await this.#root.put("/etc/nginx/sites-enabled/mutations.conf", included.join("\n"));
    const { stop } = await startNginxIn(this.#root.root);
    const all: boolean[][] = [];
    for (const base of bases) all.push(await this.#reachedOf(base));
    await stop();
    return all;
  }

  async #reachedOf({ site, judged }: Base): Promise<boolean[]> {
    const proxy = await startOauth2Proxy(site.port, judged.oauth2Proxy, "");
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const reached = new Array<boolean>(everything.length);
    const queue = everything.entries();
    const work = async () => {
      for (const [index, asked] of queue) reached[index] = await reaches(agent, site, asked);
    };
    await Promise.all(Array.from({ length: 8 }, work));
    this.findings.requests += everything.length;
    agent.destroy();
    proxy.closeAllConnections();
    proxy.close();
    return reached;
  }

  compare(what: string, before: Base, was: readonly boolean[], after: Base, is: readonly boolean[]): void {
    const { findings } = this;
    findings.judged += 1;
    const more = everything.filter((_, index) => is[index] === true && was[index] === false);
    const change = accessChange(before.judged, after.judged);
    const isTold = change.cannotJudge !== undefined || change.opened.length > 0;
    if (change.cannotJudge !== undefined) findings.cannotJudge += 1;
    if (more.length > 0) {
      findings.widened += 1;
      if (isTold) findings.told += 1;
      else findings.misses.push(`${what}: ${JSON.stringify(more[0])} and ${more.length - 1} more`);
    } else if (isTold) {
      if (change.cannotJudge === undefined) findings.falseAlarms += 1;
      else findings.notJudged += 1;
    }
    if (change.cannotJudge === undefined) this.#explained(what, after, is);
  }

  #explained(what: string, { judged }: Base, is: readonly boolean[]): void {
    const reading = new SiteReading(judged);
    for (const [index, asked] of everything.entries()) {
      if (is[index] !== true || said(reading, asked)) continue;
      this.findings.otherwise.push(`${what}: ${JSON.stringify(asked)}`);
      return;
    }
  }
}

/** Whether a request passes, as `explain` has it; also where that cannot be judged. */
function said(reading: SiteReading, { scheme, person, method, target }: Asked): boolean {
  try {
    const { to, needs } = reading.gate({ scheme, method, target, headers: tried });
    if (to.kind !== "content") return false;
    return (
      needs === undefined ||
      (person !== undefined && passes(needs, { upn: upnOf(person), groups: groupsOf(person) }))
    );
  } catch (error) {
    if (error instanceof CannotJudge) return true;
    throw error;
  }
}

async function reaches(
  agent: Agent,
  site: Site,
  { scheme, person, method, target }: Asked,
): Promise<boolean> {
  const headers = {
    host: site.domain,
    ...tried,
    ...(person === undefined ? {} : knownBy(site, person)),
    ...(method === "GET" ? {} : { "content-length": 0 }),
  };
  const common = { host: "127.0.0.1", path: target, method, headers };
  const outgoing =
    scheme === "http"
      ? askPlain({ ...common, agent: false })
      : askTls({ ...common, agent, servername: site.domain, rejectUnauthorized: false });
  try {
    outgoing.end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    response.resume();
    await once(response, "end");
    return response.headers["x-reached"] !== undefined;
  } catch {
    // Nginx may close the connection, by 444 for one.
    return false;
  }
}

/** How many texts one Nginx serves. */
const batch = 30;

/** @param count how many mutated texts, including those that Nginx refuses */
export async function judgeMutations(count: number, seed: number): Promise<MutationFindings> {
  const root = await nginxRoot(new Map());
  const stopBackends = startBackends();
  const judge = new Judge(root);
  const next = chance(seed);
  const given = fc.sample(byGroup, { numRuns: Math.ceil(count / 15), seed });
  const sites = given.map(baseOf);
  const was = await judge.reached(sites);
  for (let first = 0; first < count;) {
    const taken: { what: string; base: number; site: Base }[] = [];
    while (taken.length < batch && first < count) {
      const base = first % given.length;
      const rendered = baseOf(given[base] ?? {}, given.length + taken.length);
      const texts = Object.fromEntries(rendered.files.filter(isNginx).map(({ name, text }) => [name, text]));
      const change = mutated(texts, next);
      if (change === undefined) continue;
      first += 1;
      const site = withTexts(rendered, change.texts);
      if (await judge.takes(site)) taken.push({ what: change.what, base, site });
      else judge.findings.refused += 1;
    }
    const is = await judge.reached(taken.map(({ site }) => site));
    for (const [index, { what, base, site }] of taken.entries())
      judge.compare(
        what,
        baseOf(given[base] ?? {}, given.length + index),
        was[base] ?? [],
        site,
        is[index] ?? [],
      );
  }
  stopBackends();
  await root.close();
  return judge.findings;
}
