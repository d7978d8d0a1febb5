/**
 * `npm run docs:site`: builds the documentation as a web site, into docs-site/dist, which any web server can serve and
 * which asks no other host for anything. DOCS_BASE is the path that it will be served under (default: /).
 */
import { globSync, statSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";

import { pictures } from "./pictures.ts";
import { writePages } from "./pages.ts";

const folder = import.meta.dirname;

/** What VitePress needs is installed here alone, so that neither `npm ci` nor the package carries it. */
async function install(): Promise<void> {
  const modified = (file: string) => statSync(join(folder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  // npm writes this file last.
  if (modified("node_modules/.package-lock.json") > modified("package-lock.json")) return;
  await execa("npm", ["ci", "--ignore-scripts"], { cwd: folder });
}

await install();
writePages(await pictures());
// What it says matters only where it fails: then it is in the error.
await execa(join(folder, "node_modules/.bin/vitepress"), ["build"], { cwd: folder });
console.log(`${join(folder, "dist")}: ${globSync("dist/**/*.html", { cwd: folder }).length} pages`);
