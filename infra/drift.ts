/** Where a host is not what the environment's file says. */
import { createHash } from "node:crypto";

import { program, programVersion } from "../components/host/program.ts";
import { sharedNginx } from "../components/render/nginx/shared-nginx.ts";
import { siteFiles } from "../components/render/site-files.ts";
import type { Site } from "../components/site/site.ts";
import { expiryMessage, standing } from "./client-secret-expiry.ts";
import { acmeHosts, type Environment } from "./environment.ts";
import { type Report, rollbackOf, type SiteReport } from "./report.ts";

/** One line of the result: a host as a whole, where `site` is left out, or a site on a host. */
export interface Row {
  readonly host: string;
  readonly site?: string;
  readonly generation?: number;
  /** The day on which the certificate that Nginx serves ends. */
  readonly certificateEnds?: string;
  readonly oauth2Proxy?: string;
  /** What is not as it should be; empty where all is well. */
  readonly drift: readonly string[];
  /** The host did not answer; `drift` says why. */
  readonly unknown?: true;
}

/** What a certificate's end is measured by. */
export interface Clock {
  readonly now: Date;
  /** A certificate that ends in fewer days than this is drift. @default 14, or a quarter of its own where that is less */
  readonly certificateDays?: number | undefined;
}

/** What renews certificates has done so long before this many days are left, or a quarter of what they are valid for. */
const usualCertificateDays = 14;
const usualShare = 1 / 4;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Compares what a host says with what the environment's file says. The host comes first, then its sites. */
export function compare(environment: Environment, host: string, report: Report, clock: Clock): Row[] {
  const version = /\bv(\d[\w.-]*)/.exec(report.oauth2Proxy)?.[1] ?? "none";
  const drift = [
    ...report.drift,
    ...report.extra,
    ...(report.program === programVersion() ? [] : [`${program} is another version than this checkout's`]),
    ...(report.sharedNginx === sha256(sharedNginx(acmeHosts(environment)))
      ? []
      : ["/etc/nginx/conf.d/protected-sites.conf differs from the configuration"]),
    ...(version === environment.oauth2Proxy.version
      ? []
      : [`oauth2-proxy is ${version}; the configuration says ${environment.oauth2Proxy.version}`]),
  ];
  const wanted = environment.sites.map((site): Row => {
    const found = report.sites.find(({ domain }) => domain === site.domain);
    if (found === undefined || found.generation === null)
      return { host, site: site.domain, drift: ["is not on this host"] };
    return { ...siteRow(host, found), drift: siteDrift(environment, site, found, clock) };
  });
  const domains = new Set(environment.sites.map(({ domain }) => domain));
  const others = report.sites
    .filter(({ domain }) => !domains.has(domain))
    .map((found): Row => ({
      ...siteRow(host, found),
      drift: ["is not in the configuration", ...found.drift, ...found.extra],
    }));
  return [{ host, oauth2Proxy: version, drift }, ...wanted, ...others];
}

function siteRow(host: string, { domain, generation, certificateEnds }: SiteReport): Row {
  return {
    host,
    site: domain,
    ...(generation === null ? {} : { generation }),
    ...(certificateEnds === null ? {} : { certificateEnds: dayOf(certificateEnds) }),
    drift: [],
  };
}

function siteDrift(environment: Environment, site: Site, found: SiteReport, { now, certificateDays }: Clock) {
  const differing = siteDifferences(environment, site, found);
  const rollback = rollbackOf(found);
  const secret = ["ended", "ends soon"].includes(standing(site, now, environment.expiryWarningDays))
    ? expiryMessage(site, now, environment.expiryWarningDays)?.text.replace(/^site "[^"]*": /, "")
    : undefined;
  return [
    ...found.drift,
    ...found.credentialsDrift,
    ...found.extra,
    ...(differing.length > 0 && rollback !== undefined ? [rollback] : []),
    ...(differing.length === 0 ? [] : [`differs from the configuration: ${differing.join(", ")}`]),
    ...certificateEnd(found, { now, certificateDays }),
    ...(secret === undefined ? [] : [secret]),
  ];
}

/** That a site's certificate ends soon for one that is valid so long, or has ended; nothing where it does not. */
export function certificateEnd(
  { certificateStarts, certificateEnds }: Pick<SiteReport, "certificateStarts" | "certificateEnds">,
  { now, certificateDays }: Clock,
): string[] {
  if (certificateEnds === null) return [];
  const days = Math.floor((certificateEnds * 1000 - now.getTime()) / 86_400_000);
  const own = certificateStarts === null ? Infinity : (certificateEnds - certificateStarts) / 86_400;
  const limit = certificateDays ?? Math.min(usualCertificateDays, own * usualShare);
  if (certificateEnds - now.getTime() / 1000 >= limit * 86_400) return [];
  return [`the certificate ${days < 0 ? "has ended" : "ends"} on ${dayOf(certificateEnds)}`];
}

/** The names of the files that the host has otherwise than the configuration says. */
export function siteDifferences(environment: Environment, site: Site, { files }: SiteReport): string[] {
  const rendered = new Map(
    siteFiles(site, environment).map(({ name, link, text }) => [name, sha256(`${link ?? ""}\n${text}`)]),
  );
  const names = [...new Set([...rendered.keys(), ...Object.keys(files)])];
  return names.filter((name) => rendered.get(name) !== files[name]);
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toJSON().slice(0, 10);
}
