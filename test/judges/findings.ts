/** What the judges find, and the reasons of docs/judges.md why it stays. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { AskedSite } from "./asked-site.ts";
import { gixyFindings } from "./gixy.ts";
import { h2specFindings } from "./h2spec.ts";
import type { RenderedSite } from "../golden-sites.ts";
import { localAddress, plain, startLocalHost } from "./local-host.ts";
import type { JudgePrograms } from "./programs.ts";
import { headerFindings } from "./security-headers.ts";
import { testsslFindings } from "./testssl.ts";
import { guidelineFindings } from "./tls-guideline.ts";

/** By their headings in docs/judges.md. */
export const judges = [
  "gixy-next",
  "Server Side TLS",
  "testssl.sh",
  "h2spec",
  "OWASP Secure Headers",
] as const;

type Judge = (typeof judges)[number];

/** What each found; one that was not asked is not there. */
export type Findings = Partial<Record<Judge, readonly string[]>>;

/** In namespaces of one's own: `scratchRoot` has a file system there. */
const folder = "/mnt/judges";

/**
 * Has a host's Nginx serve the sites on loopback, and every judge look at it.
 * @param whole testssl.sh's lists of ciphers and clients, too: minutes more
 */
export async function localFindings(
  programs: JudgePrograms,
  sites: readonly RenderedSite[],
  whole: boolean,
): Promise<Findings> {
  const { configuration, stop } = await startLocalHost(sites);
  try {
    const asked = sites.map(({ domain }): AskedSite => ({ domain, address: localAddress }));
    const [first] = asked;
    if (first === undefined) return {};
    const [gixy, guideline, testssl, ours, ofNginx, headers] = await Promise.all([
      gixyFindings(programs.gixy, configuration, sites),
      // One has a certificate of ECDSA, the other of RSA.
      each(asked.slice(0, 2), guidelineFindings),
      testsslFindings({ root: programs.testssl, folder, whole, local: true }, first),
      h2specFindings(programs.h2spec, first, folder),
      h2specFindings(programs.h2spec, plain, folder),
      each(asked, (site) => headerFindings(site, fileOf(sites, site), true)),
    ]);
    return {
      "gixy-next": unique(gixy),
      "Server Side TLS": guideline,
      "testssl.sh": unique(testssl),
      h2spec: unique(ours.map((it) => (ofNginx.includes(it) ? it : `${it}, which Nginx alone passes`))),
      "OWASP Secure Headers": headers,
    };
  } finally {
    await stop();
  }
}

/** Asks sites as they stand on their hosts. gixy-next reads files, and h2spec judges Nginx itself: they are left out. */
export async function onlineFindings(
  programs: JudgePrograms,
  sites: readonly RenderedSite[],
  addresses: readonly string[],
): Promise<Findings> {
  const asked = sites.flatMap(({ domain }) => addresses.map((address): AskedSite => ({ domain, address })));
  const options = { root: programs.testssl, whole: true, local: false };
  return {
    "Server Side TLS": await each(asked, guidelineFindings),
    "testssl.sh": await each(asked, (site) =>
      testsslFindings({ ...options, folder: `${folder}/${site.domain}-${site.address}` }, site),
    ),
    "OWASP Secure Headers": await each(asked, (site) => headerFindings(site, fileOf(sites, site), false)),
  };
}

/** One after the other, as a few handshakes are enough for a host that others use. */
async function each(
  asked: readonly AskedSite[],
  find: (site: AskedSite) => Promise<readonly string[]>,
): Promise<string[]> {
  const all: string[] = [];
  for (const site of asked) all.push(...(await find(site)));
  return unique(all);
}

function fileOf(sites: readonly RenderedSite[], { domain }: AskedSite): RenderedSite {
  return sites.find((it) => it.domain === domain) ?? { domain, files: new Map() };
}

function unique(all: readonly string[]): string[] {
  return [...new Set(all)].sort();
}

/** Each judge's findings that stay, with the reasons. */
export function reasons(): (judge: Judge) => ReadonlyMap<string, string> {
  const text = readFileSync(join(import.meta.dirname, "../../docs/judges.md"), "utf8");
  const sections = new Map(
    text.split(/^## /m).map((section) => [section.split("\n", 1)[0] ?? "", section] as const),
  );
  return (judge) =>
    new Map(
      [...(sections.get(judge) ?? "").matchAll(/^\| `([^`]+)`\s*\| (.*?)\s*\|$/gm)].map(
        ([, what = "", why = ""]) => [what, why] as const,
      ),
    );
}
