/** Everything of a site that goes to a host as readable text, in the order in which a reviewer reads it. */
import { defaultProxyPrefix, instanceName, machineClientsFile, paths } from "../site/names.ts";
import { type Pages, usualPages } from "../site/pages.ts";
import { membershipEnds } from "../site/ends.ts";
import { machineClients } from "../site/roles.ts";
import type { Site } from "../site/site.ts";
import { byPath } from "./nginx/path-rules.ts";
import { nginxSite } from "./nginx/site.ts";
import { oauth2ProxyConfig } from "./oauth2-proxy.ts";
import { sharedVersion } from "./nginx/shared-files.ts";
import { expiredPage, forbiddenPage, maintenancePage } from "./pages.ts";
import { serviceUnit, socketUnit } from "./systemd.ts";

/** One file of a generation: its name there, its text and, where another program looks for it, that place. */
export interface SiteFile {
  readonly name: string;
  readonly link?: string;
  readonly text: string;
}

/** What the environment says about all of its sites. */
export interface SiteContext {
  readonly tenantId: string;
  /** Whether an oauth2-proxy with known vulnerabilities is accepted; for closed laboratories only. */
  readonly allowVulnerableOauth2Proxy: boolean;
  /** Forward proxy by which hosts reach Entra. @default none */
  readonly outboundProxy?: string | undefined;
  /** The same for Nginx. @default false */
  readonly allowVulnerableNginx?: boolean;
  /** All hosts of the environment. @default none, where each answers ACME servers for itself only */
  readonly hosts?: readonly { readonly address: string }[];
  /** How the pages look. @default in English, without a name */
  readonly pages?: Pages;
  /** Who certifies sites with `certificateFrom: acme`. */
  readonly acme?: { readonly server: string; readonly email?: string | undefined } | undefined;
}

/** The files of one site; they are the same on every host, and contain no secret and nothing that Entra generates. */
export function siteFiles(
  site: Site,
  {
    tenantId,
    allowVulnerableOauth2Proxy,
    allowVulnerableNginx,
    acme,
    hosts = [],
    outboundProxy,
    pages = usualPages,
  }: SiteContext,
): SiteFile[] {
  const at = paths(site.domain);
  const addresses = hosts.map(({ address }) => address);
  const instance = instanceName(site.domain);
  const machines = machineClients(site);
  const facts = {
    name: site.name,
    domain: site.domain,
    shared: sharedVersion(pages),
    port: site.port,
    metricsPort: site.metricsPort,
    certificates: site.certificates,
    ...(site.certificateFrom === "acme" ? { acme } : {}),
    probePath: probePath(site),
    ...(site.proxyPrefix === defaultProxyPrefix ? {} : { proxyPrefix: site.proxyPrefix }),
    ...(site.maintenance === undefined ? {} : { maintenance: true }),
    ...(allowVulnerableOauth2Proxy ? { allowVulnerableOauth2Proxy } : {}),
    ...(allowVulnerableNginx === true ? { allowVulnerableNginx } : {}),
  };
  return [
    { name: "site.json", text: `${JSON.stringify(facts, null, 2)}\n` },
    { name: "nginx.conf", link: at.nginx, text: nginxSite(site, addresses) },
    { name: "oauth2-proxy.cfg", link: at.oauth2Proxy, text: oauth2ProxyConfig(site, tenantId, pages) },
    { name: `${instance}.socket`, link: at.socket, text: socketUnit(site) },
    { name: `${instance}.service`, link: at.service, text: serviceUnit(site, outboundProxy) },
    { name: "prometheus.json", link: at.prometheus, text: prometheusTargets(site) },
    ...(machines.length > 0 ? [{ name: machineClientsFile, text: `${machines.join("\n")}\n` }] : []),
    ...(byPath(site) ? [{ name: "forbidden.html", text: forbiddenPage(site, tenantId, pages) }] : []),
    ...(membershipEnds(site).length > 0
      ? [{ name: "expired.html", text: expiredPage(site, tenantId, pages) }]
      : []),
    ...(site.maintenance === undefined
      ? []
      : [{ name: "maintenance.html", text: maintenancePage(site, site.maintenance, pages) }]),
  ];
}

/** Where Prometheus finds the instance's metrics (file_sd): on the host itself, which alone reaches them. */
function prometheusTargets({ domain, metricsPort }: Site): string {
  const targets = [{ targets: [`127.0.0.1:${metricsPort}`], labels: { site: domain } }];
  return `${JSON.stringify(targets, null, 2)}\n`;
}

/** A path that nobody may open without signing in; the push requests it to verify that the site is closed. */
function probePath({ open }: Site): string {
  const isOpen = (path: string) =>
    open.some(({ path: at, match }) => (match === "exact" ? path === at : path.startsWith(at)));
  return ["/", "/.well-known/protected-sites/closed"].find((path) => !isOpen(path)) ?? "/";
}
