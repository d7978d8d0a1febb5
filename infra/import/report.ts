/** An import as text: the sites' YAML, and as its comments what was not carried over and the verdict. */
import { stringify } from "yaml";

import { columns } from "../columns.ts";
import type { Effect, Finding } from "./findings.ts";
import type { Import } from "./sites.ts";
import type { Imported } from "./site-settings.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

const headings: Readonly<Record<Effect, string>> = {
  blocks: "Keeps the site closed (maintenance) until you have settled it and removed that line:",
  closes: "Was open or possible, and is not any more:",
  differs: "Not carried over, or different:",
};

/** The sites as a part of an environment's file. */
export function asYaml({ sites }: Import): string {
  return stringify(
    { "protected-sites:sites": Object.fromEntries(sites.map(({ name, settings }) => [name, settings])) },
    { lineWidth: 0 },
  );
}

/** What people have to know, in lines. */
export function reportOf(imported: Import): string[] {
  return [...imported.sites.flatMap((it) => siteReport(it, verdictOf(it))), ...byEffect(imported.findings)];
}

function siteReport(site: Imported, verdict: Verdict): string[] {
  return [site.settings.domain, ...byEffect(site.findings), ...inLines(verdict), ""];
}

function byEffect(findings: readonly Finding[]): string[] {
  return (["blocks", "closes", "differs"] as const).flatMap((effect) => {
    const its = findings.filter((it) => it.effect === effect);
    return its.length === 0
      ? []
      : [
          headings[effect],
          ...its.map(({ where, what }) => `  - ${[where, what].filter(Boolean).join(": ")}`),
        ];
  });
}

function inLines({ rows, opens, closes, isClosed }: Verdict): string[] {
  const table = columns(
    ["path", "before", isClosed ? "without maintenance" : "now"],
    rows.map(({ target, before, now }) => [target, before, now]),
  );
  return [
    ...table.split("\n").map((it) => `  ${it}`),
    isClosed ? "Now: nobody gets in (maintenance)." : "",
    `Opens: ${opens.length === 0 ? "nothing" : opens.join(", ")}. Closes: ${closes.length === 0 ? "nothing" : closes.join(", ")}.`,
  ].filter((it) => it !== "");
}
