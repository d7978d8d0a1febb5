/**
 * Whether `http {}` of a host's nginx.conf reaches into a site. Puts every directive there that the real Nginx inherits
 * (asked of its binary), each with the values of inheritable.ts, and asks a site the same questions every time:
 * what comes back, and what oauth2-proxy and the application got, must be what it is without. Prints what it found as
 * JSON. Several directives are tried together, and halved where something changes; `--each` tries each alone, and
 * `--image` takes the root folder of another image.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { execa } from "execa";

import { nginxSite } from "../../components/render/nginx/site.ts";
import { paths } from "../../components/site/names.ts";
import { siteFrom } from "../../components/site/site.ts";
import { ensureImage } from "../lab/image.ts";
import { startApplication, startSignIn } from "./asked-programs.ts";
import { valuesOf } from "./inheritable.ts";
import { certificates, listening, type NginxRoot, nginxRoot, startNginxIn } from "./nginx.ts";
import { inheritableDirectives } from "./nginx-directives.ts";
import { type Outcome, outcomeOf } from "./questions.ts";

/** What a run found. */
export interface Findings {
  /** Directives that this Nginx inherits, and values tried. */
  readonly directives: number;
  readonly values: number;
  /** Directives without a value, which nobody has thought of. */
  readonly untried: readonly string[];
  /** Values that Nginx refuses by itself, with no site. */
  readonly refusedByNginx: readonly string[];
  /** Values with which something of the site changes, and what first. */
  readonly changed: readonly string[];
}

/** A directive with a value, and what only together with others does something. */
interface Trial {
  readonly name: string;
  readonly statements: readonly string[];
}

const wiki = siteFrom("wiki", {
  domain: "wiki.test",
  port: 4180,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["example.com"],
  certificates,
  paths: [{ path: "/admin", allowedGroups: ["7e57ab1e-0000-4000-8000-000000000002"] }],
  open: [{ path: "/health", why: "The monitoring asks." }],
});
const app = siteFrom("app", {
  domain: "app.test",
  port: 4181,
  upstream: "https://127.0.0.1:3443/app/",
  upstreamServerName: "backend.example.com",
  upstreamCa: `${certificates}/upstream.pem`,
  emailDomains: ["example.com"],
  certificates,
});
/** What speaks gRPC has directives of its own. */
const rpc = siteFrom("rpc", {
  domain: "rpc.test",
  port: 4183,
  upstream: "grpcs://127.0.0.1:3444",
  upstreamServerName: "backend.example.com",
  upstreamCa: `${certificates}/upstream.pem`,
  emailDomains: ["example.com"],
  certificates,
  open: [{ path: "/health", why: "The monitoring asks." }],
});
/** Asked only about what Nginx keeps of oauth2-proxy's answers. */
const kept = siteFrom("kept", {
  domain: "kept.test",
  port: 4182,
  upstream: "http://127.0.0.1:3000",
  emailDomains: ["example.com"],
  certificates,
  authCache: "2s",
});
const sites = [wiki, app, rpc, kept];

/** What is not tried, since a site does not say it: a push refuses the first six, and the others are the host's own. */
const leftToTheHost: Readonly<Record<string, string>> = {
  add_header_inherit: "refused",
  add_trailer: "refused",
  max_headers: "refused",
  post_action: "refused",
  proxy_set_body: "refused",
  ssl: "refused",
  set_real_ip_from: "which load balancer in front is believed",
  proxy_ssl_crl: "a list of certificates that count no more",
  grpc_ssl_crl: "the same",
  ssl_crl: "the same of clients' certificates, of which none is asked for",
  ssl_dhparam: "for ciphers that sites do not have",
};

function trialsOf(directives: readonly string[]): Trial[] {
  return directives
    .filter((name) => !(name in leftToTheHost))
    .flatMap((name) =>
      valuesOf(name).map((value) => ({ name, statements: statementsOf(`${name} ${value}`) })),
    );
}

function statementsOf(text: string): string[] {
  return text.endsWith("}") ? [text] : text.split("; ").map((it) => `${it};`);
}

/** Those that Nginx takes together: none says what another says otherwise. */
function groupsOf(trials: readonly Trial[], size: number): Trial[][] {
  const groups: { trials: Trial[]; said: Map<string, string> }[] = [];
  for (const trial of trials) {
    const says = trial.statements.map((it) => [it.split(" ")[0] ?? "", it] as const);
    const fits = ({ trials: others, said }: (typeof groups)[number]) =>
      others.length < size &&
      says.every(([name, it]) => said.get(name) === undefined || said.get(name) === it);
    let group = groups.find(fits);
    if (group === undefined) groups.push((group = { trials: [], said: new Map() }));
    group.trials.push(trial);
    for (const [name, it] of says) group.said.set(name, it);
  }
  return groups.map((it) => it.trials);
}

const zones = ["proxy", "fastcgi", "uwsgi", "scgi"]
  .map((it) => `${it}_cache_path /var/lib/nginx/trial-cache-${it} keys_zone=trial_${it}:1m;`)
  .join("\n");

/** Debian's settings are left out: each is one of those that are tried. */
function nginxConf(inHttp: string): string {
  const types = inHttp.includes("types {") ? "" : "include /etc/nginx/mime.types;";
  return `user www-data; worker_processes 1; pid /run/nginx.pid; error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
${types}
limit_req_zone $server_name zone=trial_req:1m rate=1r/m;
limit_conn_zone $server_name zone=trial_conn:1m;
${zones}
${inHttp}
`;
}

const ownSites = `include /etc/nginx/conf.d/*.conf;
include /etc/nginx/sites-enabled/*;
}
`;

/** The real Nginx with its sites, and whatever stands in its `http {}`. */
class Host {
  readonly #files: NginxRoot;
  readonly #nginx: number;
  #number = 1;

  constructor(files: NginxRoot, nginx: number) {
    this.#files = files;
    this.#nginx = nginx;
  }

  /** @returns what Nginx says where it refuses it with the sites, and nothing where it takes it */
  async take(trials: readonly Trial[]): Promise<string | undefined> {
    const inHttp = [...new Set(trials.flatMap(({ statements }) => statements))].join("\n");
    this.#number += 1;
    await this.#files.put("/etc/nginx/nginx.conf", nginxConf(inHttp) + ownSites);
    for (const { domain } of sites) {
      const generation = `set $protected_sites_generation "${this.#number}";\n`;
      await this.#files.put(paths(domain).generation, generation);
    }
    const refused = await this.#test("/etc/nginx/nginx.conf");
    if (refused !== undefined) return refused;
    const old = await this.#accepting();
    process.kill(this.#nginx, "SIGHUP");
    for (let tries = 0; tries < 500; tries++) {
      const now = await this.#accepting();
      if (now.length > 0 && !now.some((it) => old.includes(it))) return undefined;
      await sleep(10);
    }
    return "Nginx kept its old configuration";
  }

  /** Whether Nginx takes a trial where there are no sites. */
  async takesAlone({ statements }: Trial): Promise<boolean> {
    const server = "server { listen 81; server_name trial.test; return 404; }\n}\n";
    await this.#files.put("/etc/nginx/alone.conf", nginxConf(statements.join("\n")) + server);
    return (await this.#test("/etc/nginx/alone.conf")) === undefined;
  }

  async outcome(stale: boolean): Promise<Outcome> {
    return outcomeOf(this.#files.root, [wiki, app, rpc], stale ? kept : undefined);
  }

  async #test(file: string): Promise<string | undefined> {
    const { failed, stderr } = await execa("chroot", [this.#files.root, "nginx", "-t", "-q", "-c", file], {
      reject: false,
    });
    return failed ? stderr : undefined;
  }

  async #accepting(): Promise<string[]> {
    const children = await readFile(`/proc/${this.#nginx}/task/${this.#nginx}/children`, "utf8");
    const found: string[] = [];
    for (const id of children.trim().split(" ")) {
      const title = await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
      if (title.includes("worker process") && !title.includes("shutting")) found.push(id);
    }
    return found;
  }
}

/** What serves answers that should be too old: these are asked for a second time when they are. */
const aboutCaches = /^proxy_(?:cache|ignore|no_cache|store)/;

async function judge(image: string | undefined, size: number): Promise<Findings> {
  const root = image ?? (await ensureImage()).directory;
  const directives = await inheritableDirectives(join(root, "usr/sbin/nginx"));
  const files = await nginxRoot(new Map(sites.map((it) => [it.domain, nginxSite(it)])), root);
  await trialFiles(files.root);
  const application = await startApplication(files.root, certificates);
  const signIn = await startSignIn(sites);
  await files.put("/etc/nginx/nginx.conf", nginxConf("") + ownSites);
  const { nginx, stop } = await startNginxIn(files.root);
  await listening(443, () => nginx.exitCode === null, "");
  try {
    const host = new Host(files, nginx.pid ?? 0);
    return {
      directives: directives.length,
      untried: directives.filter((it) => valuesOf(it).length === 0),
      ...(await tryEach(host, trialsOf(directives), size)),
    };
  } finally {
    await stop();
    await application();
    await signIn();
    await files.close();
  }
}

async function tryEach(
  host: Host,
  trials: readonly Trial[],
  size: number,
): Promise<Pick<Findings, "values" | "refusedByNginx" | "changed">> {
  const right = new Map<boolean, Outcome>();
  await host.take([]);
  for (const stale of [false, true]) {
    right.set(stale, await host.outcome(stale));
    const again = differenceOf(right.get(stale), await host.outcome(stale));
    if (again !== undefined) throw new Error(`the same question must have the same answer, got ${again}`);
  }
  const refusedByNginx: string[] = [];
  const changed: string[] = [];
  const tryTogether = async (trials: readonly Trial[]): Promise<void> => {
    const stale = trials.some(({ name }) => aboutCaches.test(name));
    const refused = await host.take(trials);
    const difference = refused ?? differenceOf(right.get(stale), await host.outcome(stale));
    if (difference === undefined) return;
    const [first] = trials;
    if (trials.length === 1 && first !== undefined) {
      const text = first.statements.join(" ");
      if (refused !== undefined && !(await host.takesAlone(first))) refusedByNginx.push(text);
      else {
        changed.push(`${text} ${difference}`);
        console.error(`${text} ${difference}`);
      }
      return;
    }
    const middle = Math.ceil(trials.length / 2);
    for (const half of [trials.slice(0, middle), trials.slice(middle)]) await tryTogether(half);
  };
  const [slow, quick] = [true, false].map((is) => trials.filter(({ name }) => aboutCaches.test(name) === is));
  for (const group of [...groupsOf(quick ?? [], size), ...groupsOf(slow ?? [], size)])
    await tryTogether(group);

  return { values: trials.length, refusedByNginx, changed };
}

/** What some of the values name. */
async function trialFiles(root: string): Promise<void> {
  const script = `mkdir -p /data/trial /var/www/certbot/.well-known/acme-challenge /var/lib/nginx/stored
cp ${certificates}/*.pem /data/trial
head -c 80 /dev/urandom > /data/trial/ticket.key
echo proof > /var/www/certbot/.well-known/acme-challenge/token
chmod -R a+rwX /var/www/certbot`;
  await execa("chroot", [root, "sh", "-euc", script]);
  for (const { domain } of sites) {
    for (const page of ["unavailable", "signed-out", "forbidden", "too-many"]) {
      const text = `<html><body>${page} <!--# echo var="request_id" --></body></html>\n`;
      await writeFile(join(root, paths(domain).current, `${page}.html`), text);
    }
  }
}

/** The first question with another answer than it should have. */
function differenceOf(right: Outcome | undefined, is: Outcome): string | undefined {
  for (const [question, answer] of Object.entries(right ?? {})) {
    if (is[question] !== answer) return `${question}\n  was ${answer}\n  is  ${is[question] ?? "nothing"}`;
  }
  return undefined;
}

const { values } = parseArgs({
  options: { each: { type: "boolean" }, image: { type: "string" }, inside: { type: "boolean" } },
});
if (values.inside === true) {
  const findings = await judge(values.image, values.each === true ? 1 : 40);
  console.log(JSON.stringify(findings, null, 2));
  if (findings.changed.length + findings.untried.length > 0) process.exitCode = 1;
} else {
  // Made here, since packages come over the network.
  await ensureImage(console.error);
  const again = [import.meta.filename, "--inside", ...process.argv.slice(2)];
  const { exitCode } = await execa("unshare", ["--net", "--mount", process.execPath, ...again], {
    stdio: "inherit",
    reject: false,
  });
  process.exitCode = exitCode ?? 1;
}
