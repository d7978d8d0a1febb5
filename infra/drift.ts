/** Where a host is not what the environment's file says. */
import { createHash } from "node:crypto";

import { program, programVersion } from "../components/host/program.ts";
import { blockedList } from "../components/render/nginx/blocked.ts";
import { sharedNginx } from "../components/render/nginx/shared-nginx.ts";
import { blockedFile } from "../components/site/names.ts";
import { siteFiles } from "../components/render/site-files.ts";
import type { Site } from "../components/site/site.ts";
import { blockedAt } from "./blocked.ts";
import { expiryMessage, expiryStatus } from "./client-secret-expiry.ts";
import { acmeHosts, type Environment } from "./environment.ts";
import { type Report, rollbackOf, type SiteReport } from "./report.ts";

/** One line of the result: a site on a host, or, without `site`, a host as a whole. */
export interface Row {
  readonly host: string;
  readonly site?: string;
  readonly generation?: number;
  /** The expiry date of the certificate that Nginx serves. */
  readonly certificateEnds?: string;
  readonly oauth2Proxy?: string;
  /** What differs; empty if nothing does. */
  readonly drift: readonly string[];
  /** The host did not answer; `drift` says why. */
  readonly unknown?: true;
}

/** How a certificate's expiry is judged. */
export interface Clock {
  readonly now: Date;
  /** A certificate that expires in fewer days is drift. @default 14, or a quarter of its lifetime if less */
  readonly certificateDays?: number | undefined;
}

/** Renewals happen well before this many days, or this share of the lifetime, are left. */
const usualCertificateDays = 14;
const usualShare = 1 / 4;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Compares a host's report with the environment's file. The host comes first, then its sites. */
export function compare(environment: Environment, host: string, report: Report, clock: Clock): Row[] {
  const version = /\bv(\d[\w.-]*)/.exec(report.oauth2Proxy)?.[1] ?? "none";
  const drift = [
    ...report.drift,
    ...report.extra,
    ...(report.program === programVersion()
      ? []
      : [`${program} has a different version from this checkout's`]),
    ...(report.sharedNginx === sha256(sharedNginx(acmeHosts(environment)))
      ? []
      : ["/etc/nginx/conf.d/protected-sites.conf differs from the configuration"]),
    ...blockedDrift(environment, report, clock.now),
    ...(version === environment.oauth2Proxy.version
      ? []
      : [`oauth2-proxy: expected ${environment.oauth2Proxy.version}, got ${version}`]),
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

/** Whether a host blocks other people than the configuration does, in words. */
export function blockedDrift(environment: Environment, { blocked }: Report, now: Date): string[] {
  return blocked === sha256(blockedList(blockedAt(environment, now)))
    ? []
    : [`${blockedFile} differs from the configuration: other people are blocked`];
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
  const secret = ["expired", "expires soon"].includes(expiryStatus(site, now, environment.expiryWarningDays))
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

/** Whether a site's certificate has expired or, for its lifetime, expires soon, in words; empty if not. */
export function certificateEnd(
  { certificateStarts, certificateEnds }: Pick<SiteReport, "certificateStarts" | "certificateEnds">,
  { now, certificateDays }: Clock,
): string[] {
  if (certificateEnds === null) return [];
  const days = Math.floor((certificateEnds * 1000 - now.getTime()) / 86_400_000);
  const own = certificateStarts === null ? Infinity : (certificateEnds - certificateStarts) / 86_400;
  const limit = certificateDays ?? Math.min(usualCertificateDays, own * usualShare);
  if (certificateEnds - now.getTime() / 1000 >= limit * 86_400) return [];
  return [`the certificate ${days < 0 ? "expired" : "expires"} on ${dayOf(certificateEnds)}`];
}

/** The names of the files that differ between the host and the configuration. */
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
