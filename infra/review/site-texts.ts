/** The files of a site that decide about access, as a host has them. */
import { http2File, machineClientsFile, paths } from "../../components/site/names.ts";
import type { RenderedFile } from "./rendering.ts";

/** The texts that a review reads of a site. */
export interface SiteTexts {
  readonly domain: string;
  readonly nginx: string;
  readonly oauth2Proxy: string;
  /** What Nginx's file of the site may include, by the path that `include` says. */
  readonly included: ReadonlyMap<string, string>;
  /** What `authenticated_emails_file` holds, where there is one. */
  readonly machineClients?: string | undefined;
  /** What all sites of a host share in Nginx's `http {}`. */
  readonly shared: string;
  /** Whose accounts sign in: oauth2-proxy must ask this tenant and no other. */
  readonly tenantId: string;
}

/**
 * @param siteFiles of the site's generation
 * @param hostFiles what every host gets once
 * @returns nothing where the site's own files are not among them
 */
export function siteTexts(
  domain: string,
  tenantId: string,
  siteFiles: readonly RenderedFile[] = [],
  hostFiles: readonly RenderedFile[] = [],
): SiteTexts | undefined {
  const text = (files: readonly RenderedFile[], name: string) => files.find((it) => it.name === name)?.text;
  const [nginx, oauth2Proxy] = [text(siteFiles, "nginx.conf"), text(siteFiles, "oauth2-proxy.cfg")];
  if (nginx === undefined || oauth2Proxy === undefined) return undefined;
  const { current } = paths(domain);
  return {
    domain,
    nginx,
    oauth2Proxy,
    included: new Map(siteFiles.map((it) => [`${current}/${it.name}`, it.text])),
    machineClients: text(siteFiles, machineClientsFile),
    shared: text(hostFiles, "protected-sites.conf") ?? "",
    tenantId,
  };
}

const addresses = /^\/etc\/protected-sites\/addresses\/([\w.-]+)_(\d+)(?:_backup)?\.conf$/;

/**
 * What the host itself writes for a site's Nginx file to include: the number of the generation, whether HTTP/2 is said
 * here, and the addresses that a backend's name has (docs/decisions/names-of-backends.md), for which its name stands.
 */
export function writtenByHost(domain: string, path: string): string | undefined {
  if (path === paths(domain).generation) return 'set $protected_sites_generation "0";';
  if (path === http2File) return "";
  const [, host, port] = addresses.exec(path) ?? [];
  return host === undefined ? undefined : `server ${host}:${port ?? ""};`;
}
