/** The alert rules before Prometheus' own judge. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ensurePromtool } from "../lab/promtool.ts";

const alerts = join(import.meta.dirname, "../../docs/monitoring/alerts.yml");
const cases = join(import.meta.dirname, "alerts.test.yml");
let promtool: string;
let folder: string;

beforeAll(async () => {
  promtool = await ensurePromtool();
  folder = await mkdtemp(join(tmpdir(), "protected-sites-alerts-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function judge(...args: readonly string[]): Promise<{ readonly ok: boolean; readonly said: string }> {
  const { failed, all } = await execa(promtool, args, { all: true, reject: false });
  return { ok: !failed, said: all };
}

async function testRules(rules: string): Promise<{ readonly ok: boolean; readonly said: string }> {
  await writeFile(join(folder, "alerts.yml"), rules);
  const test = join(folder, "test.yml");
  await writeFile(test, (await readFile(cases, "utf8")).replace("- ALERTS", "- alerts.yml"));
  return judge("test", "rules", test);
}

test("promtool accepts the rules", async () => {
  const { ok, said } = await judge("check", "rules", alerts);
  expect(said).toMatch(/SUCCESS: 13 rules found/);
  expect(ok).toBe(true);
});

test("each alert fires where it should, and is silent where it should be", async () => {
  const { ok, said } = await testRules(await readFile(alerts, "utf8"));
  expect(ok, said).toBe(true);
});

test.each([
  ["an alert that never fires", "protected_sites_up == 0", "protected_sites_up == 2"],
  ["one that does not wait", "for: 10m", "for: 0m"],
  ["one that fires for a site that is well", 'code=~"5.."', 'code=~"[25].."'],
  ["another limit", "14 * 86400", "10 * 86400"],
])("a rule that is wrong is seen: %s", async (_, right, wrong) => {
  const rules = await readFile(alerts, "utf8");
  expect(rules).toContain(right);
  expect((await testRules(rules.replace(right, wrong))).ok).toBe(false);
});
