/** What every fault is tried on: a host of the lab with a live site, a push of it, and what is right afterwards. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import { openBrowser } from "../lab/browser.ts";
import { siteDomains } from "../lab/addresses.ts";
import { describe, type Lab, type LabHost } from "../lab/lab.ts";
import { readPeople } from "../lab/people.ts";
import { cookieHeader, openAs } from "../e2e/people.ts";
import { Askers, type Heard } from "./askers.ts";
import { type Ended, HostShell } from "../lab/host-shell.ts";
import { type Step, TracedWorker } from "./traced-worker.ts";

export const program = "/usr/local/sbin/protected-sites";
const [domain] = siteDomains;

/**
 * oauth2-proxy that ends may close a connection that it has just taken; Nginx then answers 500. It is counted, and more
 * than so many in one try are not explained by it. docs/faults.md has the figures.
 */
const lostByRestart = 2;

/** Which of the site's files a push changes: Nginx's alone asks for a reload, the others for a restart, too. */
export type Change = "nginx" | "all";

/** How a push went that something was done to. */
export interface Outcome {
  /** Where it was hurt. */
  readonly step: string;
  /** What is live when all has come to rest: the old state, the new one, a removal half-way, or something else. */
  readonly live: "old" | "new" | "part" | "neither";
  readonly ended: Ended;
  /** From the client's end to the host's rest, in milliseconds. */
  readonly rest: number;
  readonly heard: Heard;
  /** What is not as it should be; empty where all is well. */
  readonly problems: string[];
  /** How many tries it stands for. @default 1 */
  readonly tried?: number;
}

/** A change of one site of the host. */
export interface SiteChange {
  readonly domain: string;
  /** Makes it, each time anew. */
  readonly make: () => Promise<Ended>;
}

/** Sessions of somebody who does not take renewed cookies, as a browser would. */
interface Session {
  /** By the site's domain. */
  readonly cookies: Readonly<Record<string, string>>;
  /** When it began, in milliseconds since 1970. */
  readonly since: number;
}

/** In milliseconds: cookie_refresh is 50 minutes. */
const longestSession = 40 * 60_000;

/** A host's own account of the site. */
interface State {
  readonly bundle: string;
  readonly generation: string;
  readonly answering: string;
  readonly unfinished: string;
  readonly drift: string;
}

export class Bench {
  readonly lab: Lab;
  readonly host: LabHost;
  readonly shell: HostShell;
  readonly worker: TracedWorker;
  readonly askers: Askers;
  #session: Session;
  #steps: Promise<readonly Step[]> | undefined;
  /** The site that most faults are tried on. */
  readonly domain = domain;
  /** Those of the host. */
  readonly domains: readonly string[] = siteDomains;
  #pushes = Date.now() % 1_000_000;

  private constructor(lab: Lab, host: LabHost, worker: TracedWorker, session: Session) {
    this.lab = lab;
    this.host = host;
    this.shell = new HostShell(lab.name, host.name);
    this.worker = worker;
    this.#session = session;
    this.askers = new Askers(
      this.domains.map((site) => ({
        domain: site,
        application: site.split(".")[0] ?? "",
        host,
        cookie: () => this.#session.cookies[site] ?? "",
      })),
    );
  }

  /**
   * @param name - Of the lab that this process runs in.
   * @param index - Of the host among the lab's.
   */
  static async open(name: string, index = 0): Promise<Bench> {
    const lab = await describe(name);
    const host = lab.hosts[index];
    if (host === undefined) throw new Error(`lab "${name}" has no host ${index}`);
    const worker = await TracedWorker.on(new HostShell(name, host.name));
    return new Bench(lab, host, worker, await signIn(lab));
  }

  async close(): Promise<void> {
    await this.askers.stop();
    await this.worker.remove();
  }

  /** Of somebody who has signed in. */
  get cookie(): string {
    return this.#session.cookies[domain] ?? "";
  }

  /** Commands on another host. */
  on(host: LabHost): HostShell {
    return new HostShell(this.lab.name, host.name);
  }

  /** A live site's files, as they were pushed. */
  async live(site: string = domain, shell = this.shell): Promise<string> {
    return shell.shell(`cat /etc/protected-sites/sites/${site}/current/bundle; echo`).then(ending);
  }

  /** What the host got as a site's credentials; with a variable that the instance does not use where one is given. */
  async credentials(site: string = domain, variable?: string): Promise<string> {
    const folder = `/etc/protected-sites/credentials/${site}/current`;
    const [client = "", clientSecret = "", cookieSecret = ""] = (
      await this.shell.shell(
        `cd ${folder}; sed -n s/^OAUTH2_PROXY_CLIENT_ID=//p client.env; cat client-secret; echo; cat cookie-secret`,
      )
    ).split("\n");
    const [, tokenEndpoint = ""] = /^redeem_url = "(.*)"/m.exec(await this.live(site)) ?? [];
    const environment = variable === undefined ? {} : { OAUTH2_PROXY_REDIS_PASSWORD: variable };
    return JSON.stringify({
      domain: site,
      tokenEndpoint,
      clientId: client,
      clientSecret,
      cookieSecret,
      environment,
    });
  }

  /** A site's files with a mark in them that no push before had. */
  async changed(change: Change, site: string = domain): Promise<string> {
    const mark = `# push ${++this.#pushes}`;
    const marked =
      change === "nginx"
        ? ["nginx.conf"]
        : ["nginx.conf", "oauth2-proxy.cfg", `oauth2-proxy_${site}.service`];
    let text = (await this.live(site)).replaceAll(/\n# push \d+/g, "");
    for (const name of marked)
      text = text.replace(new RegExp(`^==> ${name.replaceAll(".", "\\.")}.*\\n.*`, "m"), `$&\n${mark}`);
    return text;
  }

  /** Pushes as root on the host itself. */
  push(text: string): Promise<Ended> {
    return this.shell.run([program, "push"], text);
  }

  /** The same push as a change that is made later. */
  pushOf(text: string, site: string = domain): SiteChange {
    return { domain: site, make: () => this.push(text) };
  }

  /** The client of a push over SSH, as a person's machine runs it. */
  client(
    text: string,
    { host = this.host, command = `sudo -n ${program} push`, options = [] as readonly string[] } = {},
  ) {
    const known = `KnownHostsCommand=/bin/echo ${host.address} ${host.hostKey.split(" ").slice(0, 2).join(" ")}`;
    const settings = [
      "BatchMode=yes",
      "StrictHostKeyChecking=yes",
      "UserKnownHostsFile=/dev/null",
      "ConnectTimeout=10",
      known,
    ];
    return execa(
      "ssh",
      [
        ...["-F", "none", "-T", "-i", this.lab.adminKey],
        ...[...options, ...settings].flatMap((setting) => ["-o", setting]),
        ...[`${this.lab.adminUser}@${host.address}`, command],
      ],
      { input: text, reject: false, all: true },
    );
  }

  /** What the push program does in a push of other files, which is the same each time. */
  steps(): Promise<readonly Step[]> {
    return (this.#steps ??= this.changed("all").then((text) => this.record([this.pushOf(text)])));
  }

  /** What the push program does in changes that wait for it together, and that nothing is done to. */
  async record(changes: readonly SiteChange[]): Promise<readonly Step[]> {
    await this.worker.arm();
    const making = Promise.all(changes.map(({ make }) => make()));
    const traced = await this.worker.attach([], { requests: changes.length });
    const endings = await making;
    await traced.ended;
    const steps = await traced.steps();
    await traced.forget();
    for (const ending of endings) await must(ending);
    return steps;
  }

  /** Signs in again where that was long ago; the sites must be there. */
  async renewSession(): Promise<void> {
    if (Date.now() - this.#session.since > longestSession) this.#session = await signIn(this.lab);
  }

  /** What is wrong with what was heard; requests of somebody signed in may fail where the site is away meanwhile. */
  wrongIn({ leaks, failures }: Heard, { mayFail = false } = {}): string[] {
    const failed = `${failures.length} requests of somebody who has signed in failed, first ${failures[0]}`;
    return [
      ...leaks.map((leak) => `somebody who has not signed in got content: ${leak}`),
      ...(mayFail || failures.length <= lostByRestart ? [] : [failed]),
    ];
  }

  /**
   * Has a push hurt, lets the host come to rest, and judges; then pushes again, which must put right whatever is left.
   * @param hurt - Starts the push of the text and does to it what it likes; returns where, and how the push ended.
   */
  async attempt(
    text: string,
    hurt: (text: string) => Promise<{ readonly step: string; readonly ended: Ended }>,
    { mayFail = false, patience = 60_000, repairs = true } = {},
  ): Promise<Outcome> {
    const old = await this.live();
    await this.renewSession();
    this.askers.take();
    const { step, ended } = await hurt(text);
    const end = Date.now();
    const problems: string[] = [];
    const { state, rests } = await this.#rest(end + patience);
    if (!rests) problems.push(`after ${patience / 1000} s: ${inWords(state)}`);
    const rest = Date.now() - end;
    const live = state.bundle === digest(text) ? "new" : state.bundle === digest(old) ? "old" : "neither";
    if (live === "neither") problems.push("neither the old nor the new files are live");
    if (ended.ok && live !== "new") problems.push("the push said that it is live, and it is not");
    if (!ended.ok && /nothing changed/.test(ended.text) && live === "new")
      problems.push("the push said that nothing changed, and the new files are live");
    if (repairs) {
      const again = await this.push(text);
      if (!again.ok) problems.push(`a second push does not put it right: ${again.text}`);
      const { state: repaired } = await this.#rest(Date.now() + 10_000);
      if (repaired.bundle !== digest(text) || !isAtRest(repaired))
        problems.push(`after a second push: ${inWords(repaired)}`);
    }
    const heard = this.askers.take();
    problems.push(...this.wrongIn(heard, { mayFail }));
    return { step, live, ended, rest, heard, problems };
  }

  /** Waits until the host has tidied up, which it may do after the client has heard the verdict. */
  async #rest(deadline: number): Promise<{ readonly state: State; readonly rests: boolean }> {
    for (;;) {
      const late = Date.now() > deadline;
      // A worker that runs is no rest, and to ask for more would keep it from getting there.
      if (late || !(await this.worker.runs())) {
        const state = await this.#state();
        const rests = isAtRest(state) && !(await this.worker.runs());
        if (late || rests) return { state, rests };
      }
      await sleep(20);
    }
  }

  async #state(): Promise<State> {
    const generation = `https://${domain}/.well-known/protected-sites/generation`;
    const asked = `curl --silent --insecure --max-time 5 --resolve ${domain}:443:127.0.0.1 ${generation}`;
    const script = `
      cd /etc/protected-sites/sites/${domain}
      sha256sum current/bundle | cut -d' ' -f1; readlink current; ${asked} | cut -d' ' -f2; echo; echo ==
      cd /var/lib/protected-sites; ls journal.json queue/*.taken 2>/dev/null; echo ==
      ${program} status | grep ${domain}`;
    const [first = "", unfinished = "", drift = ""] = (await this.shell.shell(script)).split("==\n");
    const [bundle = "", current = "", answering = ""] = first.split("\n");
    return { bundle, generation: current.replace("generations/", ""), answering, unfinished, drift };
  }
}

async function signIn(lab: Lab): Promise<Session> {
  const browser = await openBrowser({ ca: lab.ca });
  try {
    const cookies: Record<string, string> = {};
    for (const site of siteDomains) {
      const page = await openAs(browser, readPeople(lab.state).ada, `https://${site}/`);
      cookies[site] = await cookieHeader(page.context(), `https://${site}/`);
    }
    return { cookies, since: Date.now() };
  } finally {
    await browser.close();
  }
}

/** @throws where it did not succeed */
export async function must(ending: Ended | Promise<Ended>): Promise<void> {
  const { ok, text } = await ending;
  if (!ok) throw new Error(`it must succeed, got: ${text}`);
}

function isAtRest({ generation, answering, unfinished, drift }: State): boolean {
  return generation === answering && unfinished === "" && drift.trim().endsWith("as pushed");
}

function inWords({ generation, answering, unfinished, drift }: State): string {
  return `generation ${generation}, Nginx answers as ${answering}, unfinished: ${unfinished.trim() || "nothing"}; ${drift.trim()}`;
}

function ending(text: string): string {
  return `${text.trimEnd()}\n`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
