/** What a site's Nginx file includes of what all sites share, by the path that `include` says. */
import { sharedFiles } from "../components/render/nginx/shared-files.ts";
import { paths } from "../components/site/names.ts";
import type { Pages } from "../components/site/pages.ts";

export function sharedIncludes(domain: string, pages?: Pages): ReadonlyMap<string, string> {
  return new Map(sharedFiles(pages).map(({ name, text }) => [`${paths(domain).shared}/${name}`, text]));
}

/** A site's Nginx file with the texts of all sites in place of what it includes of them. */
export function inFull(nginx: string, domain: string): string {
  const texts = sharedIncludes(domain);
  return nginx.replace(/^( *)include (\S+);\n/gm, (line, indent: string, path: string) => {
    const text = texts.get(path);
    return text === undefined ? line : text.replace(/^#.*\n/gm, "").replace(/^(?=.)/gm, indent);
  });
}
