/** gixy-next, which looks for what is dangerous in an Nginx configuration: https://gixy.io. */
import { execa } from "execa";

import { overwrittenHeaders } from "../../components/render/nginx/overwritten-headers.ts";
import { identifier } from "../../components/site/names.ts";
import type { RenderedSite } from "../golden-sites.ts";

interface Issue {
  readonly plugin: string;
  readonly reason: string;
  /** The directives that are meant, as they stand in their blocks. */
  readonly config: string;
}

/** What tells one finding of a rule from another, where a rule may find several: in the reason, or in the directives. */
const subjects: Readonly<Record<string, RegExp>> = {
  http_splitting: /(?<=Variable `)\$\w+/g,
  add_header_redefinition: /(?<=`)[\w-]+(?=`)/g,
  proxy_set_header_redefinition: /(?<=`)[\w-]+(?=`)/g,
  if_is_evil: /(?<=Directive `)\w+/g,
  stale_dns_cache: /(?:proxy|grpc)_pass \S+(?=;)/g,
  return_bypasses_allow_deny: /\b(?:allow|deny) [^;]+/g,
  unanchored_regex: /location ~[^{]+(?= \{)/g,
};

/** Backends get some seventy of these, all for one reason; the proof of the renderer looks at each. */
const overwritten = new Set(overwrittenHeaders.map((it) => it.toLowerCase()));

/**
 * @param configuration the whole of it, as `nginx -T` prints it
 * @returns findings by their rules, with what is a site's own put as `<site>`
 */
export async function gixyFindings(
  packages: string,
  configuration: string,
  sites: readonly RenderedSite[],
): Promise<string[]> {
  // It ends with 1 where it has found something.
  const { stdout, stderr } = await execa("python3", ["-m", "gixy", "--format", "json", "-"], {
    input: configuration,
    env: { PYTHONPATH: packages },
    reject: false,
  });
  let issues: Issue[];
  try {
    issues = JSON.parse(stdout) as Issue[];
  } catch {
    throw new Error(`gixy has not judged:\n${stderr.split("\n").slice(-20).join("\n")}`);
  }
  const common = (text: string) =>
    sites.reduce(
      (it, { domain }) => it.replaceAll(domain, "<site>").replaceAll(identifier(domain), "<site>"),
      text,
    );
  return issues.flatMap(({ plugin, reason, config }) => {
    const subject = subjects[plugin];
    if (subject === undefined) return [plugin];
    const named = [...`${reason}\n${config}`.matchAll(subject)].map(([it]) => common(it));
    return named.map((it) => `${plugin}: ${overwritten.has(it) ? "a header that no client chooses" : it}`);
  });
}
