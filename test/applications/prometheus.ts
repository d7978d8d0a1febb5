/** Prometheus' own pages and API, which programs ask with a token of the tenant. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import { request } from "../lab/http.ts";
import { type Application, program, readers } from "./application.ts";
import { debianPackages, inRoot } from "./packages.ts";

const configuration = (target: string) => ({
  global: { scrape_interval: "1s" },
  scrape_configs: [{ job_name: "itself", static_configs: [{ targets: [target] }] }],
});

export const prometheus: Application = {
  name: "prometheus",
  title: "Prometheus 2.42.0",
  packages: { prometheus: debianPackages(["prometheus", "prometheus-alertmanager"]) },
  site: { roles: [{ value: "member", groups: [readers], applications: [program] }] },

  start: async ({ address, port, origin, folder, installed }) => {
    const listens = `${address}:${port}`;
    await mkdir(join(folder, "files/etc/prometheus"), { recursive: true });
    await writeFile(join(folder, "files/etc/prometheus/lab.yml"), JSON.stringify(configuration(listens)));
    const command = [
      ...["prometheus", "--config.file=/etc/prometheus/lab.yml", "--storage.tsdb.path=/srv/prometheus"],
      ...[`--web.listen-address=${listens}`, `--web.external-url=${origin}`],
    ];
    return { command: inRoot(installed["prometheus"] ?? "", folder, command) };
  },

  facts: {
    "its page answers a query": async ({ open, ask, failures }) => {
      const known = async () => (await ask("/api/v1/query?query=up")).body;
      const page = await open("/");
      await page.waitForLoadState("networkidle");
      expect(page.url()).toBe("https://prometheus.lab.test/classic/graph");
      await expect.poll(known, { timeout: 60_000 }).toContain('"job":"itself"');
      await page.goto(
        "https://prometheus.lab.test/classic/graph?g0.expr=up%7Bjob%3D%22itself%22%7D&g0.tab=1",
      );
      await page.locator("tr", { hasText: 'job="itself"' }).first().waitFor();
      expect(failures).toEqual([]);
    },

    "its API answers a program with a token of the tenant, and nobody without": async ({ origin, token }) => {
      const ask = (headers: Readonly<Record<string, string>>) =>
        request({
          url: `${origin}/api/v1/query`,
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
          body: "query=up",
        });
      expect(await ask({})).toMatchObject({ status: 401 });
      const answer = await ask({ authorization: `Bearer ${await token()}` });
      expect(JSON.parse(answer.body)).toMatchObject({
        status: "success",
        data: { result: [{ metric: { job: "itself" } }] },
      });
    },

    "after a restart it knows what it knew": async ({ restart, ask }) => {
      await restart();
      const count = async () => (await ask("/api/v1/query?query=count_over_time(up%5B1h%5D)")).body;
      await expect.poll(count, { timeout: 60_000 }).toContain('"job":"itself"');
    },

    "where the session ends, a reload leads back to the same query": async ({ tab, endSession }) => {
      const page = tab();
      const address = "https://prometheus.lab.test/classic/graph?g0.expr=up&g0.tab=1";
      await page.goto(address);
      await endSession();
      expect(await page.evaluate("fetch('/api/v1/query?query=up').then(({ status }) => status)")).toBe(401);
      await page.reload();
      await page.locator("tr", { hasText: 'job="itself"' }).first().waitFor();
      expect(new URL(page.url()).searchParams.get("g0.expr")).toBe("up");
    },
  },
};
