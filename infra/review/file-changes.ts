/** Which files of an environment change, and how: as diffs, each as short as possible without omitting anything. */
import { createTwoFilesPatch, diffLines } from "diff";

import { programVersions } from "../../components/host/program.ts";
import { identifier } from "../../components/site/names.ts";
import type { Site } from "../../components/site/site.ts";
import type { RenderedFile, RenderedStack } from "./rendering.ts";
import { sharedFolder } from "./site-texts.ts";

/** A changed file, once for all hosts that get it, and once for all sites with the same change. */
export interface FileChange {
  /** For example `wiki: nginx.conf`. */
  readonly title: string;
  /** Its path on a host. */
  readonly path: string;
  readonly hosts: readonly string[];
  /** Further sites with the same change, apart from their own name, domain and ports. */
  readonly alsoFor: readonly string[];
  readonly added: number;
  readonly removed: number;
  /** In unified format. */
  readonly patch: string;
  /** Another site that is added or removed: the patch is against its file, with this one's name, domain and ports. */
  readonly comparedWith?: string;
}

/** A file that differs between the two sides. */
export interface OneFile {
  readonly site?: string;
  readonly file: string;
  readonly path: string;
  readonly hosts: readonly string[];
  readonly before: string;
  readonly after: string;
}

/** The files that differ, all of them, and those of each site. */
export function fileChanges(before: RenderedStack | undefined, after: RenderedStack | undefined) {
  const hostsOf = (stack: RenderedStack | undefined) =>
    stack?.environment?.hosts.map(({ name }) => name) ?? [];
  const hosts = hostsOf(after).length > 0 ? hostsOf(after) : hostsOf(before);
  const all: OneFile[] = pairs(before?.hostFiles, after?.hostFiles).map((it) => ({ ...it, hosts }));
  const bySite = new Map<string, OneFile[]>();
  for (const name of namesOf(before, after)) {
    const domains = [before, after].map((it) => siteOf(it, name)?.domain ?? "");
    const changed = pairs(before?.siteFiles?.[name], after?.siteFiles?.[name], domains).map((it) => ({
      ...it,
      hosts,
      site: name,
    }));
    if (changed.length === 0) continue;
    bySite.set(name, changed);
    all.push(...changed);
  }
  return { all, bySite };
}

/** The files that differ; if a site's domain changes, its files are matched across the names. */
function pairs(
  before: readonly RenderedFile[] = [],
  after: readonly RenderedFile[] = [],
  domains: readonly string[] = [],
): { file: string; path: string; before: string; after: string }[] {
  const keyed = (files: readonly RenderedFile[], domain = "") =>
    new Map(files.map((it) => [domain === "" ? it.name : it.name.replace(domain, "<domain>"), it]));
  const [was, is] = [keyed(before, domains[0]), keyed(after, domains[1])];
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((key) => ({ was: was.get(key), is: is.get(key) }))
    .filter(({ was: old, is: now }) => old?.text !== now?.text || old?.link !== now?.link)
    .map(({ was: old, is: now }) => ({
      file: (now ?? old)?.name ?? "",
      path: (now ?? old)?.link ?? (now ?? old)?.name ?? "",
      before: old?.text ?? "",
      after: now?.text ?? "",
    }));
}

/**
 * File changes as diffs. Sites whose diffs differ only in their own facts share one; of sites that are added or removed,
 * the first is shown, and the others as differences from it.
 */
export function asDiffs(
  files: readonly OneFile[],
  before: RenderedStack | undefined,
  after: RenderedStack | undefined,
): FileChange[] {
  const shown = new Map<string, FileChange & { alsoFor: string[] }>();
  const wholes = new Map<string, { readonly file: OneFile; readonly site: Site }>();
  for (const file of withoutOurOwn(files, before, after)) {
    const site =
      file.site === undefined ? undefined : (siteOf(after, file.site) ?? siteOf(before, file.site));
    const key = site === undefined ? patchOf(file) : withoutOwnFacts(patchOf(file), site);
    const same = shown.get(key);
    if (same !== undefined && file.site !== undefined) {
      same.alsoFor.push(file.site);
      continue;
    }
    const whole =
      site === undefined || (file.before !== "" && file.after !== "") ? undefined : wholeKey(file, site);
    const first = whole === undefined ? undefined : wholes.get(whole);
    if (whole !== undefined && first === undefined && site !== undefined) wholes.set(whole, { file, site });
    const lines = diffLines(file.before, file.after);
    const count = (which: "added" | "removed") =>
      lines.filter((it) => it[which]).reduce((sum, it) => sum + it.count, 0);
    shown.set(key, {
      title: file.site === undefined ? `every host: ${file.file}` : `${file.site}: ${file.file}`,
      path: file.path,
      hosts: file.hosts,
      alsoFor: [],
      added: count("added"),
      removed: count("removed"),
      ...(first === undefined || site === undefined
        ? { patch: patchOf(file) }
        : {
            patch: patchOf({
              ...file,
              before: inFactsOf(site, textOf(first.file), first.site),
              after: textOf(file),
            }),
            comparedWith: first.site.name,
          }),
    });
  }
  return [...shown.values()];
}

/** Files that are the same in every environment, by how their names begin: this repository's, and reviewed there. */
const ofThisRepository = [
  {
    begins: "protected-sites ",
    file: "the push program",
    path: programVersions,
    source: "components/host/protected_sites",
  },
  {
    begins: `${sharedFolder}/`,
    file: "what sites share",
    path: sharedFolder,
    source: "components/render/nginx/shared-files.ts",
  },
];

/** Of an environment that is added or removed, this repository's own files in one line for each part. */
function withoutOurOwn(
  files: readonly OneFile[],
  before: RenderedStack | undefined,
  after: RenderedStack | undefined,
): OneFile[] {
  if (before?.hostFiles !== undefined && after?.hostFiles !== undefined) return [...files];
  return ofThisRepository.reduce<OneFile[]>(
    (rest, part) => {
      const whole = rest.filter(({ site, file }) => site === undefined && file.startsWith(part.begins));
      const [first] = whole;
      if (first === undefined) return rest;
      const lines = whole.reduce((sum, file) => sum + textOf(file).split("\n").length - 1, 0);
      const text = `# ${part.source} of this commit: ${whole.length} files, ${lines} lines\n`;
      const summary: OneFile = {
        file: part.file,
        path: part.path,
        hosts: first.hosts,
        before: first.before === "" ? "" : text,
        after: first.after === "" ? "" : text,
      };
      return [summary, ...rest.filter((file) => !whole.includes(file))];
    },
    [...files],
  );
}

function patchOf({ path, before, after }: OneFile): string {
  return createTwoFilesPatch(path, path, before, after, "", "", { context: 3 })
    .split("\n")
    .slice(2)
    .join("\n");
}

function textOf({ before, after }: OneFile): string {
  return after === "" ? before : after;
}

function wholeKey({ file, after }: OneFile, { domain }: Site): string {
  return `${after === "" ? "removed" : "added"}: ${file.replace(domain, "<domain>")}`;
}

/** The forms of a domain in files: plain, in regular expressions (in which Nginx doubles the `\`), in names. */
function formsOf(domain: string): string[] {
  const dots = ["\\\\.", "\\.", "."].map((dot) => domain.replaceAll(".", dot));
  return [...dots, identifier(domain)];
}

function withoutOwnFacts(patch: string, { name, domain, port, metricsPort }: Site): string {
  return formsOf(domain)
    .reduce((text, form) => text.replaceAll(form, "<domain>"), patch)
    .replaceAll(`"${name}"`, "<name>")
    .replace(new RegExp(`\\b(?:${port}|${metricsPort})\\b`, "g"), "<port>")
    .replace(/^@@.*$/gm, "@@");
}

/** A text of another site with the facts of this one. */
function inFactsOf(site: Site, text: string, other: Site): string {
  const own = formsOf(site.domain);
  return formsOf(other.domain)
    .reduce((changed, form, index) => changed.replaceAll(form, own[index] ?? ""), text)
    .replaceAll(`"${other.name}"`, `"${site.name}"`)
    .replace(new RegExp(`\\b(?:${other.port}|${other.metricsPort})\\b`, "g"), (port) =>
      String(port === String(other.port) ? site.port : site.metricsPort),
    );
}

/** The names of all sites of some sides. */
export function namesOf(...stacks: (RenderedStack | undefined)[]): string[] {
  return [...new Set(stacks.flatMap((it) => it?.environment?.sites.map(({ name }) => name) ?? []))];
}

/** A site by its name. */
export function siteOf(stack: RenderedStack | undefined, name: string): Site | undefined {
  return stack?.environment?.sites.find((it) => it.name === name);
}
