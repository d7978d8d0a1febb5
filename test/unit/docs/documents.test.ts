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

describe.each(documents)("%s", (document) => {
  const text = read(document);

  test("links to existing files", () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = ""]) => target);
    expect(targets.filter((target) => !existsSync(join(root, dirname(document), target)))).toEqual([]);
  });

  test("names only commands that package.json has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const used = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, script = ""]) => script);
    expect(used.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});
