/** The docs site as VitePress builds it, from the pages that docs-site/build.ts has laid out in `pages/`. */
import { readFileSync } from "node:fs";

import { defineConfig } from "vitepress";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const { version, description } = read("../../package.json");

/** As GitHub makes anchors, since the pages are read there as well. */
const slugify = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\p{Mark} _-]/gu, "")
    .replaceAll(" ", "-");

const icon =
  "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><text y='13' font-size='13'>🔒</text></svg>";

export default defineConfig({
  title: "Protected Sites",
  description,
  lang: "en",
  head: [["link", { rel: "icon", href: icon }]],
  base: process.env.DOCS_BASE ?? "/",
  srcDir: "pages",
  outDir: "dist",
  cacheDir: "node_modules/.cache/vitepress",
  // It would name the repository's last commit, and the pages are copies.
  lastUpdated: false,
  // Each page would ask for all pages that it links to.
  router: { prefetchLinks: false },
  markdown: { anchor: { slugify } },
  themeConfig: {
    search: { provider: "local" },
    nav: [{ text: `Version ${version}`, link: "/changelog" }],
    sidebar: read("../pages/sidebar.json"),
    outline: [2, 3],
    footer: { message: "Apache-2.0" },
  },
});
