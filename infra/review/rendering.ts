/**
 * Renders a commit's environments: `node infra/review/rendering.ts [--stacks FOLDER] [NAME…]` prints them as JSON. The
 * review runs this file of each commit with that commit's own code, so that a change of the code shows as well.
 */
import { readFileSync } from "node:fs";

import { programFiles, programVersions } from "../../components/host/program.ts";
import { blockedList } from "../../components/render/nginx/blocked.ts";
import { sharedFiles } from "../../components/render/nginx/shared-files.ts";
import { sharedNginx } from "../../components/render/nginx/shared-nginx.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import { ConfigError } from "../../components/site/errors.ts";
import { blockedFile } from "../../components/site/names.ts";
import { blockedAt } from "../blocked.ts";
import { acmeHosts, type Environment } from "../environment.ts";
import { environmentOf, readStackFile, type StackFile, stacks, stacksFolder } from "../stack-file.ts";
import { lineOf } from "./problem-lines.ts";
import { blockedName, sharedFolder } from "./site-texts.ts";

/** One file as hosts get it. */
export interface RenderedFile {
  readonly name: string;
  /** The path where another program reads it. */
  readonly link?: string;
  readonly text: string;
}

/** An error in an environment's file, and its line. */
export interface LocatedProblem {
  readonly line: number;
  readonly where: string;
  readonly what: string;
}

/** One environment of a commit. */
export interface RenderedStack {
  /** The text of its file. */
  readonly text: string;
  /** What is wrong with the file; if anything is, the rest is missing. */
  readonly problems: readonly LocatedProblem[];
  readonly environment?: Environment;
  /** What every host gets once. */
  readonly hostFiles?: readonly RenderedFile[];
  /** What every host gets of a site, by the site's name. */
  readonly siteFiles?: Readonly<Record<string, readonly RenderedFile[]>>;
}

/** All environments of a commit by their names. */
export type Rendering = Readonly<Record<string, RenderedStack>>;

/** Renders environments; by default all of the folder. Those without a file are omitted. */
export function rendering(folder: string, names: readonly string[]): Rendering {
  const present = stacks(folder);
  const wanted = names.length === 0 ? present : present.filter((name) => names.includes(name));
  return Object.fromEntries(wanted.map((name) => [name, renderedStack(name, folder)]));
}

function renderedStack(name: string, folder: string): RenderedStack {
  const text = readFileSync(`${folder}/Pulumi.${name}.yaml`, "utf8");
  let file: StackFile | undefined;
  try {
    file = readStackFile(name, folder);
    return { text, problems: [], ...renderedEnvironment(environmentOf(file)) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const document = file?.document;
    return {
      text,
      problems: error.problems.map((problem) => ({ ...problem, line: lineOf(problem, text, document) })),
    };
  }
}

/** Everything that hosts get except secrets. */
export function renderedEnvironment(environment: Environment): Omit<RenderedStack, "text" | "problems"> {
  return {
    environment,
    hostFiles: [
      {
        name: "protected-sites.conf",
        link: "/etc/nginx/conf.d/protected-sites.conf",
        text: sharedNginx(acmeHosts(environment)),
      },
      { name: blockedName, link: blockedFile, text: blockedList(blockedAt(environment, new Date())) },
      ...sharedFiles(environment.pages).map(({ name, text }) => ({ name: `${sharedFolder}/${name}`, text })),
      ...programFiles().map(({ name, text }) => ({
        name: `protected-sites ${name}`,
        link: `${programVersions}/…/${name}`,
        text,
      })),
    ],
    siteFiles: Object.fromEntries(environment.sites.map((site) => [site.name, siteFiles(site, environment)])),
  };
}

if (import.meta.main) {
  const [first, second, ...others] = process.argv.slice(2);
  const given = first === "--stacks";
  const names = [...(given ? [] : [first, second]), ...others].filter((name) => name !== undefined);
  process.stdout.write(
    JSON.stringify(rendering(given && second !== undefined ? second : stacksFolder, names)),
  );
}
