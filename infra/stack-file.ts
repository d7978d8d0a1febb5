/** An environment's file, `stacks/Pulumi.<environment>.yaml`, read and written without the engine. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { type Document, isMap, parseDocument } from "yaml";

import { ConfigError, type Problem } from "../components/site/errors.ts";
import type { Site } from "../components/site/site.ts";
import { yamlMistakes } from "./yaml-mistakes.ts";
import { ambiguousYaml } from "./yaml-readings.ts";
import { type Environment, environmentFrom, isSecret, settingOf } from "./environment.ts";
import { projectFolder } from "./project.ts";

/** The prefix of every setting's key in the file. */
export const settingPrefix = "protected-sites:";

/** The folder of all environments' files. */
export const stacksFolder = join(projectFolder, "stacks");

/** An environment's file: its name, and its text as a document that keeps comments and order. */
export interface StackFile {
  readonly stack: string;
  /** For example `stacks/Pulumi.prod.yaml`. */
  readonly source: string;
  readonly text: string;
  readonly document: Document;
}

/** The names of all environments that have a file. */
export function stacks(folder = stacksFolder): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => /^Pulumi\.([\w-]+)\.yaml$/.exec(name)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

/** @throws ConfigError if the file does not exist or is not valid YAML */
export function readStackFile(stack: string, folder = stacksFolder): StackFile {
  const source = `stacks/Pulumi.${stack}.yaml`;
  let text: string;
  try {
    text = readFileSync(join(folder, `Pulumi.${stack}.yaml`), "utf8");
  } catch {
    const known = stacks(folder).join(", ");
    const expected = known === "" ? `${folder} has no environment's file` : `expected one of ${known}`;
    throw new ConfigError(source, [{ where: "", what: `no such file; ${expected}` }]);
  }
  return parseStackFile(stack, text);
}

/** @throws ConfigError if the text is not valid YAML, or the engine would read it differently */
export function parseStackFile(stack: string, text: string): StackFile {
  const source = `stacks/Pulumi.${stack}.yaml`;
  const document = parseDocument(text);
  const problems = [...yamlMistakes(document, text), ...ambiguousYaml(document, text, settingPrefix)];
  if (problems.length > 0) throw new ConfigError(source, problems);
  return { stack, source, text, document };
}

/** A file's settings by name, each as the program gets it from the engine; encrypted ones as in the file. */
export function settingsOf({ document }: StackFile): Readonly<Record<string, unknown>> {
  const config = document.get("config");
  const values = isMap(config) ? (config.toJS(document) as Record<string, unknown>) : {};
  return Object.fromEntries(
    Object.entries(values)
      .filter(([key]) => key.startsWith(settingPrefix))
      .map(([key, value]) => [key.slice(settingPrefix.length), asTheProgramGetsIt(value)]),
  );
}

/**
 * The environment that a file describes, without encrypted values: nothing here needs them.
 * @throws ConfigError with everything that is wrong
 */
export function environmentOf(file: StackFile): Environment {
  const settings = Object.entries(settingsOf(file));
  const problems = settings
    .filter(([key, value]) => isSecret(key) && !encrypted(value))
    .map(([key]) => readable(key));
  if (problems.length > 0) throw new ConfigError(file.source, problems);
  return environmentFrom(Object.fromEntries(settings.filter(([key]) => !isSecret(key))), file.source);
}

/** Whether only the engine can decrypt a value. */
function encrypted(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    ("secure" in value || Object.values(value).every((inner) => encrypted(inner)))
  );
}

function readable(name: string): Problem {
  return {
    where: "",
    what: `${name} is readable by everybody who has this file; replace it, and set the new one with \`pulumi config set --secret\``,
  };
}

function asTheProgramGetsIt(value: unknown): unknown {
  return typeof value === "string" ? settingOf(value) : value;
}

/** The path of a setting in the document. */
export function configPath(key: string, ...rest: readonly (string | number)[]): (string | number)[] {
  return ["config", `${settingPrefix}${key}`, ...rest];
}

/** The path of a site's setting in the document. */
export function sitePath(site: string, ...rest: readonly (string | number)[]): (string | number)[] {
  return configPath("sites", site, ...rest);
}

/** The path of a site's effective setting: its own, or that of all sites. */
export function settingPath({ document }: StackFile, site: string, key: string): (string | number)[] {
  const shared = configPath("siteDefaults", key);
  return document.hasIn(sitePath(site, key)) || !document.hasIn(shared) ? sitePath(site, key) : shared;
}

/**
 * A site by its name or its domain.
 * @throws ConfigError if there is none
 */
export function siteCalled(wanted: string, sites: readonly Site[], { source }: StackFile): Site {
  const site = sites.find(({ name, domain }) => name === wanted || domain === wanted);
  if (site !== undefined) return site;
  const known = sites.map(({ name, domain }) => `${name} (${domain})`).join(", ");
  throw new ConfigError(source, [
    { where: `site "${wanted}"`, what: `no such site; expected one of ${known}` },
  ]);
}
