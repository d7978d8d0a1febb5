/** Rules over what is specific to a site on every host: its ports, its certificate. */
import { siteRule } from "./rule.ts";

/** The port of a site's metrics. */
export function metricsPortOf({
  port,
  metricsPort,
}: {
  readonly port: number;
  readonly metricsPort?: number | undefined;
}): number {
  return metricsPort ?? port + 10_000;
}

export const portRules = [
  siteRule(["port", "metricsPort"], (site) =>
    metricsPortOf(site) > 65_535
      ? [
          `port ${site.port} leaves no default for metricsPort (port + 10000); set it to a number from 1024 to 65535`,
        ]
      : [],
  ),
  siteRule(["port", "metricsPort"], ({ port, metricsPort }) =>
    metricsPort === port ? [`metricsPort ${metricsPort} is also the site's port; use another one`] : [],
  ),
];

export const certificateRules = [
  siteRule(["certificateFrom", "certificates"], ({ certificateFrom, certificates }) =>
    certificateFrom !== "files" && certificates !== undefined
      ? ["certificates is only used with certificateFrom: files; remove one of the two"]
      : [],
  ),
];
