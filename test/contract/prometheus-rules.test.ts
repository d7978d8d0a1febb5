/** The alert rules, the recording rules and the dashboard's queries before Prometheus' own judge. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ensurePrometheus } from "../lab/prometheus.ts";
import { queriesOf } from "../lab/dashboard.ts";

const monitoring = join(import.meta.dirname, "../../docs/monitoring");
const [alerts, recordingRules] = ["alerts.yml", "recording-rules.yml"] as const;
let promtool: string;
let folder: string;

beforeAll(async () => {
  ({ promtool } = await ensurePrometheus());
  folder = await mkdtemp(join(tmpdir(), "protected-sites-rules-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const read = (file: string) => readFile(join(monitoring, file), "utf8");

async function judge(...args: readonly string[]): Promise<{ readonly ok: boolean; readonly said: string }> {
  const { failed, all } = await execa(promtool, args, { all: true, reject: false });
  return { ok: !failed, said: all };
}

/** Runs the cases beside this file over rules. */
async function testRules(
  rules: string,
  cases: string,
): Promise<{ readonly ok: boolean; readonly said: string }> {
  await writeFile(join(folder, "rules.yml"), rules);
  const test = join(folder, "test.yml");
  const text = await readFile(join(import.meta.dirname, cases), "utf8");
  await writeFile(test, text.replace("- RULES", "- rules.yml"));
  return judge("test", "rules", test);
}

test.each([
  [alerts, 15],
  [recordingRules, 6],
])("promtool accepts the rules of %s", async (file, count) => {
  const { ok, said } = await judge("check", "rules", "--lint-fatal", join(monitoring, file));
  expect(said).toMatch(`SUCCESS: ${count} rules found`);
  expect(ok).toBe(true);
});

test("each alert fires where it should, and is silent where it should be", async () => {
  const { ok, said } = await testRules(await read(alerts), "alerts.test.yml");
  expect(ok, said).toBe(true);
});

test("each recording rule records what it should", async () => {
  const { ok, said } = await testRules(await read(recordingRules), "recording-rules.test.yml");
  expect(ok, said).toBe(true);
});

test.each([
  [alerts, "an alert that never fires", "protected_sites_up == 0", "protected_sites_up == 2"],
  [
    alerts,
    "one for an open site that never fires",
    "protected_sites_closed == 0",
    "protected_sites_closed == 2",
  ],
  [alerts, "one that does not wait", "for: 10m", "for: 0m"],
  [alerts, "one that fires for a site that is well", 'code=~"5.."', 'code=~"[25].."'],
  [alerts, "another limit", "14 * 86400", "10 * 86400"],
  [recordingRules, "another status", 'code=~"5.."', 'code="500"'],
  [recordingRules, "a sum that leaves nothing of a label", "without (code)", "by (code)"],
])("a rule that is wrong is seen: %s, %s", async (file, _, right, wrong) => {
  const rules = await read(file);
  const cases = file === alerts ? "alerts.test.yml" : "recording-rules.test.yml";
  expect(rules).toContain(right);
  expect((await testRules(rules.replaceAll(right, wrong), cases)).ok).toBe(false);
});

test("Prometheus understands every query of the dashboard, and all records that it asks for exist", async () => {
  const queries = await queriesOf(join(monitoring, "dashboard.json"));
  const asRules = queries.map(({ expr }, index) => ({ record: `query:${index}`, expr }));
  const file = join(folder, "queries.yml");
  await writeFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules: asRules }] }));
  const { ok, said } = await judge("check", "rules", file);
  expect(ok, said).toBe(true);

  const records = new Set(
    [...(await read(recordingRules)).matchAll(/record: (.+)/g)].map(([, name = ""]) => name),
  );
  const asked = queries.flatMap(({ expr }) =>
    [...expr.matchAll(/[a-z_]+:[a-z0-9_]+:[a-z0-9]+/g)].map(([it]) => it),
  );
  expect(asked.length).toBeGreaterThan(4);
  expect(asked.filter((it) => !records.has(it))).toEqual([]);
});
