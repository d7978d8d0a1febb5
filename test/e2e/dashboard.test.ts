/**
 * The dashboard's queries and the rules on a real Prometheus. A Prometheus in agent mode on each host collects what
 * docs/monitoring.md says, and sends it to one on the first host.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";

import { blockedList } from "../../components/render/nginx/blocked.ts";
import { type DashboardQuery, queriesOf } from "../lab/dashboard.ts";
import { navigation, request } from "../lab/http.ts";
import { onHost } from "../lab/lab.ts";
import { ensurePrometheus } from "../lab/prometheus.ts";
import { lab, people } from "./instance.ts";
import { everywhere, runOn, shellOn } from "./on-hosts.ts";
import { failSignIn, visitorOf } from "./people.ts";

const domains = ["code.lab.test", "wiki.lab.test"];
const [first = { name: "", address: "" }, second = { name: "", address: "" }] = lab.hosts;
const docs = join(import.meta.dirname, "../../docs");
const folder = "/root/monitoring";
const textfiles = "/var/lib/prometheus/node-exporter";
const units = ["lab-exporter", "lab-agent", "lab-prometheus"].map((it) => `${it}.service`).join(" ");
const central = `http://${first.address}:9090`;
let queries: DashboardQuery[];

beforeAll(async () => {
  queries = await queriesOf(join(docs, "monitoring/dashboard.json"));
  const programs = await ensurePrometheus();
  await everywhere(`mkdir -p ${folder} ${textfiles}`);
  for (const { name } of lab.hosts) {
    await copy(programs.nodeExporter, name, "node-exporter");
    await copy(programs.prometheus, name, "prometheus");
  }
  await startCentral();
  for (const { name } of lab.hosts) await startOn(name);
});

afterAll(() => everywhere(`systemctl stop ${units} 2>/dev/null || :; rm -rf ${folder} ${textfiles}`));

async function copy(file: string, host: string, name: string): Promise<void> {
  const into = `cat >${folder}/${name} && chmod 755 ${folder}/${name}`;
  const [program = "", ...args] = await onHost(lab.name, host, ["sh", "-euc", into]);
  await execa(program, args, { inputFile: file });
}

/** A program in the background until the end of the tests. */
function run(host: string, unit: string, program: string, ...args: readonly string[]): Promise<string> {
  return runOn(host, [
    "systemd-run",
    "--quiet",
    "--collect",
    `--unit=${unit}`,
    `${folder}/${program}`,
    ...args,
  ]);
}

async function startCentral(): Promise<void> {
  for (const rules of ["alerts.yml", "recording-rules.yml"])
    await copy(join(docs, "monitoring", rules), first.name, rules);
  const settings = {
    global: { evaluation_interval: "1s" },
    rule_files: [`${folder}/alerts.yml`, `${folder}/recording-rules.yml`],
  };
  await shellOn(first.name, `cat >${folder}/prometheus.yml`, stringify(settings));
  await run(
    ...([first.name, "lab-prometheus", "prometheus", "--web.enable-remote-write-receiver"] as const),
    ...[`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`],
    `--web.listen-address=${first.address}:9090`,
  );
}

async function startOn(host: string): Promise<void> {
  const [, documented = ""] =
    /```yaml\n(scrape_configs:[\s\S]*?)```/.exec(await readFile(join(docs, "monitoring.md"), "utf8")) ?? [];
  expect(documented).toContain("replacement: edge-1");
  const settings = {
    global: { scrape_interval: "1s" },
    ...(parse(documented.replaceAll("edge-1", host)) as object),
    remote_write: [{ url: `${central}/api/v1/write` }],
  };
  await shellOn(host, `cat >${folder}/agent.yml`, stringify(settings));
  await run(
    ...([host, "lab-exporter", "node-exporter", "--collector.disable-defaults"] as const),
    ...["--collector.textfile", `--collector.textfile.directory=${textfiles}`],
    "--web.listen-address=127.0.0.1:9100",
  );
  await run(
    ...([host, "lab-agent", "prometheus", "--enable-feature=agent"] as const),
    ...[`--config.file=${folder}/agent.yml`, `--storage.agent.path=${folder}/agent`],
    "--web.listen-address=127.0.0.1:9091",
  );
}

const writeMetrics = () => everywhere("systemctl start protected-sites-metrics.service");

/** Sign-ins on every host, and on one site one that fails and one that is refused. */
async function traffic(): Promise<void> {
  for (const { address } of lab.hosts)
    for (const domain of domains) {
      const visitor = visitorOf(lab, () => address);
      const url = `https://${domain}/`;
      const page = await visitor.open(url, { headers: navigation });
      expect(await visitor.signIn(page, people.ada)).toMatchObject({ status: 200 });
      for (let count = 0; count < 5; count++) await visitor.open(url);
    }
  const refused = {
    url: "https://code.lab.test/oauth2/callback?error=access_denied",
    address: first.address,
  };
  expect(await request({ ...refused, headers: navigation })).toMatchObject({ status: 403 });
  expect(await failSignIn("code.lab.test", first.address)).toMatchObject({ status: 500 });
}

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

async function ask(expr: string): Promise<Sample[]> {
  const response = await fetch(`${central}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`);
  const { status, data, error } = (await response.json()) as {
    readonly status: string;
    readonly data?: { readonly result: { readonly metric: Labels; readonly value: [number, string] }[] };
    readonly error?: string;
  };
  if (status !== "success" || data === undefined) throw new Error(`${expr}: ${error}`);
  return data.result.map(({ metric, value }) => {
    const { __name__: _name, job: _job, ...labels } = metric;
    return { labels, value: Number(value[1]) };
  });
}

/** The answer to a query of the dashboard, by its title. */
function answer(title: string): Promise<Sample[]> {
  const query = queries.find((it) => it.title === title);
  if (query === undefined) throw new Error(`the dashboard has no query "${title}"`);
  return ask(query.expr);
}

const values = async (title: string) => (await answer(title)).map(({ value }) => value);

const environment = "prod";
const none = [{}];
const byHost = lab.hosts.map(({ name }) => ({ environment, instance: name }));
const bySite = domains.map((site) => ({ environment, site }));
const byHostAndSite = byHost.flatMap((labels) => domains.map((site) => ({ ...labels, site })));

const is = (wanted: number) => (value: number) => value === wanted;
const between = (least: number, most: number) => (value: number) => value >= least && value <= most;
const onCode = (least: number) => (value: number, labels: Labels) =>
  labels["site"] === "code.lab.test" ? value > least : value >= 0;

/** What every query of the dashboard has to find here: the labels, and which values are right. */
const expected: Record<string, [labels: Labels[], right: (value: number, labels: Labels) => boolean]> = {
  Open: [none, is(0)],
  Down: [none, is(0)],
  "Session store down": [none, is(0)],
  Drift: [none, is(0)],
  "Failed pushes": [none, is(0)],
  "Backend without address": [none, is(0)],
  "Certificate not served": [none, is(0)],
  "Oldest metrics": [none, between(0, 600)],
  "Sites and hosts A": [byHostAndSite, is(1)],
  "Sites and hosts B": [byHostAndSite, is(1)],
  "Sites and hosts C": [byHostAndSite, is(1)],
  "Sites and hosts D": [byHostAndSite, is(1)],
  // No site here has a Redis.
  "Sites and hosts E": [[], is(1)],
  "Sites and hosts F": [byHostAndSite, is(1)],
  "Sites and hosts G": [byHostAndSite, is(1)],
  "Sites and hosts H": [byHostAndSite, between(Date.parse("2020-01-01"), Date.parse("2100-01-01"))],
  "Not allowed (403)": [bySite, onCode(0)],
  "Failed sign-ins (5xx)": [
    bySite,
    (value, labels) => (labels["site"] === "code.lab.test" ? value > 0 : value === 0),
  ],
  "Sign-ins and sign-outs (302)": [bySite, (value) => value > 0],
  "oauth2-proxy's answers": [
    ["202", "302", "401", "403", "500"].map((code) => ({ code })),
    (value) => value > 0,
  ],
  "Blocked people": [none, is(0)],
  "Half of the answers within": [bySite, between(0.0001, 10)],
  "95 % of the answers within": [bySite, between(0.0001, 10)],
  "Nginx's connections, of its limit": [byHost, between(0.00001, 0.5)],
  "Certificates and client secrets A": [bySite, (value) => value > 86_400],
  "Certificates and client secrets B": [bySite, between(0.5, 1)],
  "Certificates and client secrets C": [bySite, (value) => value > 86_400],
  Pushes: [byHostAndSite, between(Date.parse("2020-01-01"), Date.parse("2100-01-01"))],
  $environment: [byHost, (value) => value > 1e9],
  $host: [byHost, (value) => value > 1e9],
  $site: [byHostAndSite, is(1)],
};

const sorted = (labels: Labels[]) => labels.map((it) => JSON.stringify(Object.entries(it).sort())).sort();

test("every query of the dashboard finds what it should of the hosts and their sites", async () => {
  expect(queries.map(({ title }) => title).sort()).toEqual(Object.keys(expected).sort());
  await writeMetrics();
  // A status counts from the second time on that it is collected, and a rate needs two of them.
  const wrong = async () => {
    await traffic();
    const answers = await Promise.all(
      Object.entries(expected).map(async ([title, [labels, right]]) => {
        // Other tests may have been answered with other codes.
        const answers = title === "oauth2-proxy's answers" ? await answer(title) : undefined;
        const found = answers?.filter(({ value }) => value > 0) ?? (await answer(title));
        const same = sorted(found.map((it) => it.labels)).join() === sorted(labels).join();
        return same && found.every((it) => right(it.value, it.labels)) ? [] : [{ title, found }];
      }),
    );
    return answers.flat();
  };
  await expect.poll(wrong, { timeout: 60_000, interval: 2000 }).toEqual([]);
  expect(await ask('ALERTS{alertstate="firing"}')).toEqual([]);
});

test("it shows a site that lets people in, one that is down, a push that failed and who is blocked", async () => {
  const site = "/etc/protected-sites/sites/code.lab.test/current";
  const down = "oauth2-proxy_wiki.lab.test.socket oauth2-proxy_wiki.lab.test.service";
  const log = "/var/log/protected-sites/pushes.jsonl";
  const blocked = await shellOn(second.name, "cat /etc/protected-sites/blocked.conf");
  const failed = { when: "2026-01-01T00:00:00Z", action: "push", site: "wiki.lab.test", ok: false };
  const onList = [
    { user: "eve@lab.test" },
    { user: "mallory@lab.test", until: "2099-12-31" },
    { user: "trent@lab.test", until: "2020-01-01" },
  ];
  await shellOn(second.name, `cp ${site}/nginx.conf ${log} ${folder}`);
  try {
    await shellOn(second.name, `sed -i '/^    auth_request /d' ${site}/nginx.conf && nginx -s reload`);
    await shellOn(second.name, `systemctl stop ${down}`);
    await shellOn(second.name, `cat >>${log}`, `${JSON.stringify(failed)}\n{"when`);
    await runOn(second.name, ["protected-sites", "block"], blockedList(onList));
    await writeMetrics();

    await expect.poll(() => values("Open"), { timeout: 30_000 }).toEqual([1]);
    expect(await values("Down")).toEqual([1]);
    expect(await values("Drift")).toEqual([2]);
    expect(await values("Failed pushes")).toEqual([1]);
    expect(await values("Blocked people")).toEqual([2]);
    const open = (await answer("Sites and hosts A")).filter(({ value }) => value === 0);
    expect(open.map(({ labels }) => labels)).toEqual([
      { environment, instance: second.name, site: "code.lab.test" },
    ]);
    const firing = () => ask('ALERTS{alertname="ProtectedSiteOpen",alertstate="firing"}');
    await expect
      .poll(firing, { timeout: 30_000 })
      .toMatchObject([{ labels: { instance: second.name, site: "code.lab.test" } }]);
  } finally {
    await shellOn(
      second.name,
      `cat ${folder}/nginx.conf >${site}/nginx.conf; cat ${folder}/pushes.jsonl >${log}`,
    );
    await shellOn(second.name, `nginx -s reload; systemctl start ${down}`);
    await runOn(second.name, ["protected-sites", "block"], `${blocked}\n`);
  }
  await writeMetrics();
  await expect.poll(() => values("Open"), { timeout: 30_000 }).toEqual([0]);
  expect(await values("Drift")).toEqual([0]);
});
