/** The pages of the docs site: the repository's Markdown, with links that stay within the site. */
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join, posix } from "node:path";

import { sequenceDiagram } from "./sequence-diagram.ts";

const root = join(import.meta.dirname, "..");
/** What VitePress reads. */
const pagesFolder = join(import.meta.dirname, "pages");

/** A picture's Markdown by the name in its mark, `<!-- picture: NAME -->`; or what it says on a page of its own. */
export interface Pictures {
  readonly inPages: ReadonlyMap<string, string>;
  /** Whole pages by their path in the site, each below the page of the sidebar that it belongs to. */
  readonly ofTheirOwn: readonly { readonly path: string; readonly below: string; readonly text: string }[];
  /** The images that they name, by their paths in the site. */
  readonly images: ReadonlyMap<string, Uint8Array>;
}

interface Item {
  readonly text: string;
  readonly link: string;
  readonly collapsed?: boolean;
  readonly items?: readonly Item[];
}

/** The repository's pages, by their paths there: their paths in the site. */
function pathsInSite(): Map<string, string> {
  const documents = globSync("docs/**/*.md", { cwd: root }).sort();
  return new Map([
    ...documents.map((path) => [path, path.slice("docs/".length)] as const),
    ...["README", "CHANGELOG", "CONTRIBUTING", "SECURITY"].map(
      (name) => [`${name}.md`, `${name.toLowerCase()}.md`] as const,
    ),
    ["docs/decisions", "decisions/index.md"],
  ]);
}

/**
 * Writes all pages and the sidebar into {@link pagesFolder}.
 * @throws Error for a link to a file that does not exist; for a mark without a picture
 */
export function writePages(pictures: Pictures): void {
  rmSync(pagesFolder, { recursive: true, force: true });
  const inSite = pathsInSite();
  const sources = new Set<string>();
  for (const [path, target] of inSite) {
    const text = path === "docs/decisions" ? listOfDecisions() : readFileSync(join(root, path), "utf8");
    const from = path === "docs/decisions" ? `${path}/index.md` : path;
    const linked = outsideFences(text, (part) => withLinks(part, { from, target, inSite, sources }));
    const drawn = withPictures(linked, path, pictures.inPages);
    write(target, path === "CHANGELOG.md" ? withOtherVersions(drawn) : drawn);
  }
  for (const { path, text } of pictures.ofTheirOwn) write(path, text);
  for (const [path, image] of pictures.images) write(path, image);
  for (const path of sources) write(sourcePage(path), sourceText(path));
  write("sidebar.json", JSON.stringify(sidebar(inSite, pictures), null, 2));
}

/** The page of the changelog leads to other versions' sites, if this one lies in a folder beside them. */
function withOtherVersions(text: string): string {
  if ((process.env["DOCS_BASE"] ?? "/") === "/") return text;
  return text.replace(
    "\n",
    '\n\n<a href="../versions.html" target="_self">All versions of this documentation</a>\n',
  );
}

function write(path: string, content: string | Uint8Array): void {
  const file = join(pagesFolder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function withPictures(text: string, page: string, pictures: ReadonlyMap<string, string>): string {
  return text
    .replaceAll(/^```mermaid\n(.*?)^```$/gms, (_, diagram: string) => figure(sequenceDiagram(diagram)))
    .replaceAll(/^<!-- picture: ([\w-]+) -->$/gm, (_, name: string) => {
      const picture = pictures.get(name);
      if (picture === undefined)
        throw new Error(
          `${page}: expected one of ${[...pictures.keys()].join(", ")} as picture, got "${name}"`,
        );
      return picture;
    });
}

/** A picture in a page. @param inner HTML without empty lines */
function figure(inner: string, caption = ""): string {
  const words = caption === "" ? "" : `<figcaption>${caption}</figcaption>\n`;
  return `<figure class="picture">\n${inner}\n${words}</figure>`;
}

/** The diagram of README.md, which GitHub draws itself. */
export function requestFlow(): string {
  const [, diagram = ""] =
    /^```mermaid\n(.*?)^```$/ms.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  return figure(
    sequenceDiagram(diagram),
    "How a request flows: the first one signs in, the later ones carry the session.",
  );
}

/** Changes a text, but not in its code blocks. */
function outsideFences(text: string, change: (part: string) => string): string {
  return text
    .split(/(^ *(`{3,})[^\n]*\n.*?^ *\2$)/gms)
    .map((part, index) => (index % 3 === 0 ? change(part) : index % 3 === 1 ? part : ""))
    .join("");
}

interface Linking {
  readonly from: string;
  readonly target: string;
  readonly inSite: ReadonlyMap<string, string>;
  /** Gets the other files and folders of the repository that are linked to. */
  readonly sources: Set<string>;
}

function withLinks(text: string, { from, target, inSite, sources }: Linking): string {
  return text.replaceAll(
    /\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)]*)?\)/g,
    (_, link: string, anchor = "") => {
      const path = posix.join(posix.dirname(from), link).replace(/\/$/, "");
      if (!existsSync(join(root, path))) throw new Error(`${from}: links to ${link}, which does not exist`);
      const relative = (page: string) => posix.relative(posix.dirname(target), page);
      const page = inSite.get(path);
      if (page !== undefined) return `](${relative(page)}${anchor as string})`;
      if (/\.(?:png|svg|jpg)$/.test(path)) {
        cpSync(join(root, path), join(pagesFolder, path.replace(/^docs\//, "")));
        return `](${relative(path.replace(/^docs\//, ""))})`;
      }
      sources.add(path);
      return `](${relative(sourcePage(path))})`;
    },
  );
}

/** VitePress leaves out folders whose names begin with a dot. */
const sourcePage = (path: string) => `source/${path.replace(/^\./, "")}.md`;

/** A page that shows a file of the repository, or all files of a folder of it. */
function sourceText(path: string): string {
  const whole = join(root, path);
  const files = statSync(whole).isDirectory()
    ? readdirSync(whole)
        .sort()
        .map((name) => `${path}/${name}`)
    : [path];
  const shown = files.map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const language = extname(file).slice(1).replace("conf", "nginx").replace("cfg", "toml");
    const known = ["yml", "yaml", "ts", "json", "nginx", "toml", "html"].includes(language)
      ? language
      : "text";
    return `${files.length > 1 ? `## ${file.slice(path.length + 1)}\n\n` : ""}\`\`\`\`${known}\n${text.trimEnd()}\n\`\`\`\``;
  });
  // It is found where it is linked; a search would find little else.
  return `---\nsearch: false\n---\n\n# ${path}\n\n${shown.join("\n\n")}\n`;
}

function decisions(): Item[] {
  return globSync("docs/decisions/*.md", { cwd: root })
    .sort()
    .map((path) => ({
      text: /^# (.+)$/m.exec(readFileSync(join(root, path), "utf8"))?.[1] ?? path,
      link: `/${path.slice("docs/".length)}`,
    }));
}

function listOfDecisions(): string {
  const list = decisions().map(({ text, link }) => `- [${text}](${posix.basename(link)})`);
  return `# Decisions\n\nWhat would surprise somebody who reads the code, and why it is like this.\n\n${list.join("\n")}\n`;
}

/** The sidebar is what docs/index.md lists, under its headings. */
function sidebar(inSite: ReadonlyMap<string, string>, { ofTheirOwn }: Pictures): object[] {
  const groups: { text: string; items: Item[] }[] = [];
  for (const line of readFileSync(join(root, "docs/index.md"), "utf8").split("\n")) {
    const [, heading] = /^## (.+)$/.exec(line) ?? [];
    if (heading !== undefined) groups.push({ text: heading, items: [] });
    const [, text, link] = /^- \[(.+?)\]\((.+?)\)/.exec(line) ?? [];
    const page = link === undefined ? undefined : inSite.get(posix.join("docs", link).replace(/\/$/, ""));
    if (text === undefined || page === undefined) continue;
    const below =
      page === "decisions/index.md" ? decisions() : ofTheirOwn.filter((it) => it.below === page).map(asItem);
    groups.at(-1)?.items.push({
      text,
      link: `/${page.replace(/index\.md$/, "")}`,
      ...(below.length > 0 ? { items: below, collapsed: true } : {}),
    });
  }
  return [{ text: "What it is", link: "/" }, ...groups.filter(({ items }) => items.length > 0)];
}

const asItem = ({ path, text }: { readonly path: string; readonly text: string }): Item => ({
  text: /^# (.+)$/m.exec(text)?.[1] ?? path,
  link: `/${path}`,
});
