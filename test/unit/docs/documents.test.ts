import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const documents = ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: root })];
const read = (document: string) => readFileSync(join(root, document), "utf8");

test("docs/index.md lists every page, and the docs site has its sidebar from it", () => {
  const listed = [...read("docs/index.md").matchAll(/^- \[[^\]]+\]\(([^)]+)\)/gm)].map(
    ([, link]) => `docs/${link}`,
  );
  const pages = documents.filter((it) => /^docs\/(?!decisions\/|index\.md)/.test(it));
  expect(pages.filter((it) => !listed.includes(it))).toEqual([]);
});

/** The anchors of a page's headings, as GitHub and VitePress make them. */
function anchorsOf(text: string): string[] {
  const headings = text.replaceAll(/^```[^]*?^```/gm, "").matchAll(/^#{1,6} (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(documents)("%s", (document) => {
  const text = read(document);

  test("links to existing files", () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = ""]) => target);
    expect(targets.filter((target) => !existsSync(join(root, dirname(document), target)))).toEqual([]);
  });

  test("links to existing headings", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)];
    const dead = links.filter(([, target = "", anchor = ""]) => {
      const page = target === "" ? document : join(dirname(document), target);
      return page.endsWith(".md") && !anchorsOf(read(page)).includes(anchor);
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });

  test("names only commands that package.json has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const used = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, script = ""]) => script);
    expect(used.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});
