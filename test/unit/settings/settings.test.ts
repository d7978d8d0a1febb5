/**
 * One file for each setting: its YAML, and below the line what it makes or changes against the plain site. For a new
 * setting write the YAML, and `npm run regenerate` the rest.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

import { siteSchema } from "../../../components/site/site.ts";
import { environmentSchema } from "../../../infra/environment.ts";
import { host, siteArgs } from "../review/environments.ts";
import { tenantId } from "../../sites.ts";
import { changedLines } from "./changed-lines.ts";
import { type Declared, declared } from "./declared.ts";

const line = `${"-".repeat(10)}\n`;

/** Of what is given, `null` takes away what the plain site has. */
const withoutNulls = (given: object) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));

const plainSite = siteArgs("wiki", 4181, { clientSecrets: [{ generation: 1, endDate: "2999-12-31" }] });
const plain = { tenantId, hosts: [host(1)], sites: { wiki: plainSite } };

type Given = Readonly<Record<string, unknown>> & { readonly sites?: { readonly wiki: object } };

const kinds = [
  {
    folder: "site-settings",
    schema: siteSchema,
    settings: (given: Given) => ({ ...plain, sites: { wiki: withoutNulls({ ...plainSite, ...given }) } }),
    /** Settings that declare nothing, and why. */
    without: {},
  },
  {
    folder: "environment-settings",
    schema: environmentSchema,
    settings: ({ sites, ...given }: Given) => ({
      ...plain,
      sites: { wiki: { ...plainSite, ...sites?.wiki } },
      ...given,
    }),
    without: {
      sites: "each site's settings have their own",
      repairDrift: "hosts are asked before anything is declared",
      onHostFailure: "it is a hook, which runs where a host fails",
      expiryWarningDays: "it is a warning",
    },
  },
];

/** Names of the settings that settings have of their own, however deep; a site's have files of their own. */
function membersOf(schema: z.ZodType): string[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input" });
  const { sites: _, siteDefaults: __, ...others } = properties;
  const found: string[] = [];
  JSON.stringify(others, (key, value: unknown) => {
    if (key === "properties") found.push(...Object.keys(value as object));
    return value;
  });
  return found;
}

function keysIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  return [...keys, ...Object.values(value).flatMap(keysIn)];
}

let before: Declared;
beforeAll(async () => {
  before = await declared(plain);
});

describe.each(kinds)("$folder", ({ folder, schema, settings, without }) => {
  const path = join(import.meta.dirname, "../../golden", folder);
  const names = readdirSync(path).map((name) => name.replace(/\.txt$/, ""));

  const inputs = new Map(
    names.map((name) => {
      const [given = ""] = readFileSync(join(path, `${name}.txt`), "utf8").split(line);
      return [name, { given, written: parse(given) as Given }];
    }),
  );

  test("every setting has a file, and every file is a setting's", () => {
    expect([...names, ...Object.keys(without)].sort()).toEqual(Object.keys(schema.shape).sort());
  });

  test("every member of a setting is in a file", () => {
    const all = new Set([...inputs.values()].flatMap(({ written }) => keysIn(written)));
    expect(membersOf(schema).filter((it) => !all.has(it))).toEqual([]);
  });

  test.each([...inputs])("%s", async (name, { given, written }) => {
    expect(Object.keys(written)).toContain(name);
    const after = await declared(settings(written));
    const titles = [...new Set([...before.keys(), ...after.keys()])];
    const changes = titles
      .map((title) => [title, ...changedLines(before.get(title) ?? "", after.get(title) ?? "")].join("\n"))
      .filter((text) => text.includes("\n"));
    expect(changes, `${name} changes nothing`).not.toEqual([]);
    await expect(`${given}${line}${changes.join("\n\n")}\n`).toMatchFileSnapshot(join(path, `${name}.txt`));
  });
});
