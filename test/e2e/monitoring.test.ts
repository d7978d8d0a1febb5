/** What Prometheus learns of a host. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ensurePrometheus } from "../lab/prometheus.ts";
import { lab } from "./instance.ts";
import { shellOn } from "./on-hosts.ts";
import { failSignIn } from "./people.ts";

const domains = ["code.lab.test", "wiki.lab.test"];
const textfiles = "/var/lib/prometheus/node-exporter";
let promtool: string;

beforeAll(async () => {
  ({ promtool } = await ensurePrometheus());
});

afterAll(() => Promise.all(lab.hosts.map(({ name }) => shellOn(name, `rm -rf ${textfiles}`))));

describe.each(lab.hosts)("$name", ({ name, address }) => {
  test("lists each site's metrics for Prometheus, and they can be scraped", async () => {
    const targets = new Map<string, string>();
    for (const domain of domains) {
      const file = await shellOn(name, `cat /etc/protected-sites/prometheus/${domain}.json`);
      for (const group of JSON.parse(file) as { targets: string[]; labels: { site: string } }[])
        for (const target of group.targets) targets.set(target, group.labels.site);
    }
    expect([...targets.values()]).toEqual(domains);
    for (const [target, domain] of targets) {
      await shellOn(name, "sudo protected-sites metrics >/dev/null");
      // An instance that has only just been restarted has answered nobody, and counts nothing yet.
      await shellOn(name, `curl -sko /dev/null --resolve ${domain}:443:127.0.0.1 https://${domain}/`);
      expect(await shellOn(name, `curl --fail --silent http://${target}/metrics`)).toContain(
        "oauth2_proxy_requests_total",
      );
    }
  });

  test("reports for each site whether it is up and as pushed, and when its certificate and secrets expire", async () => {
    // The last push of another test may have been one that fails.
    for (const domain of domains)
      await shellOn(name, `protected-sites push </etc/protected-sites/sites/${domain}/current/bundle`);
    const told = await shellOn(name, "protected-sites metrics");
    await execa(promtool, ["check", "metrics"], { input: `${told}\n` });
    const value = (metric: string, domain: string) =>
      Number(new RegExp(`^${metric}\\{site="${domain}"\\} (\\d+)$`, "m").exec(told)?.[1]);
    for (const domain of domains) {
      for (const metric of ["closed", "up", "as_pushed", "last_push_ok"])
        expect(value(`protected_sites_${metric}`, domain), metric).toBe(1);
      expect(value("protected_sites_client_secret_end_seconds", domain)).toBe(
        Date.parse("2099-12-31T00:00:00Z") / 1000,
      );
      const served = await shellOn(
        name,
        `openssl x509 -noout -enddate -in /data/certs/${domain}/fullchain.pem | cut -d= -f2`,
      );
      expect(value("protected_sites_certificate_end_seconds", domain)).toBe(Date.parse(served) / 1000);
    }
  });

  test("reports the last pushes, and history has them, when logrotate has renamed their log", async () => {
    const log = "/var/log/protected-sites/pushes.jsonl";
    const pushes = async () => {
      const told = await shellOn(name, "protected-sites metrics");
      const history = await shellOn(name, "protected-sites history", '{"since": 0}');
      const { entries, unread } = JSON.parse(history) as Record<"entries" | "unread", unknown[]>;
      return { told: told.split("\n").filter((line) => line.includes("last_push_")), entries, unread };
    };
    const before = await pushes();
    expect(before.told).toHaveLength(4 + 2 * domains.length);
    const rotate = "logrotate --force /etc/logrotate.d/protected-sites";
    expect(await shellOn(name, `${rotate} 2>&1; ${rotate} 2>&1; ls ${log}*`)).toBe(`${log}.1`);
    expect(await pushes()).toEqual(before);
    await shellOn(name, `echo '{"when": "2026-01-01T00:00:00Z"}' >${log}; ${rotate} 2>&1`);
    expect(await shellOn(name, `ls ${log}*`)).toBe(`${log}.1\n${log}.2.gz`);
    expect((await pushes()).told).toEqual(before.told);
    await shellOn(name, `zcat ${log}.2.gz >${log}; rm ${log}.*`);
  });

  test("reports an instance that is down, and a changed file", async () => {
    const units = "oauth2-proxy_code.lab.test.socket oauth2-proxy_code.lab.test.service";
    await shellOn(name, `systemctl stop ${units}`);
    const down = await shellOn(name, "protected-sites metrics");
    await shellOn(name, `systemctl start ${units}`);
    expect(down).toContain('protected_sites_up{site="code.lab.test"} 0');
    expect(down).toContain('protected_sites_as_pushed{site="code.lab.test"} 0');
    expect(down).toContain('protected_sites_closed{site="code.lab.test"} 1');
    expect(down).toContain('protected_sites_up{site="wiki.lab.test"} 1');
  });

  test("counts a sign-in that Entra refuses among the answers of 5xx", async () => {
    expect((await failSignIn("code.lab.test", address)).status).toBe(500);
    const metrics = await shellOn(name, "curl --fail --silent http://127.0.0.1:14180/metrics");
    expect(metrics).toMatch(/^oauth2_proxy_requests_total\{code="500"\} [1-9]/m);
  });

  test("writes it for the node exporter, if there is one", async () => {
    expect(await shellOn(name, "systemctl is-active protected-sites-metrics.timer")).toBe("active");
    const start = "systemctl start protected-sites-metrics.service";
    await shellOn(name, `${start} && ! ls ${textfiles} 2>/dev/null`);
    const written = await shellOn(
      name,
      `mkdir -p ${textfiles} && ${start} && stat -c %a ${textfiles}/* && cat ${textfiles}/protected-sites.prom`,
    );
    expect(written).toMatch(/^644\n# HELP protected_sites_closed /);
    expect(written).toMatch(/^protected_sites_written_seconds \d+$/m);
  });
});
