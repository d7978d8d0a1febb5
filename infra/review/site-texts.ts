/** A site's files that decide about access, as on a host. */
import { http2File, machineClientsFile, paths } from "../../components/site/names.ts";
import type { RenderedFile } from "./rendering.ts";

/** How the names begin of the files among those of a host that its sites include. */
export const sharedFolder = "shared";

/** The name of the list of who is blocked, among the files of a host. */
export const blockedName = "blocked.conf";

/** The files of a site that a review reads. */
export interface SiteTexts {
  readonly domain: string;
  readonly nginx: string;
  readonly oauth2Proxy: string;
  /** What the site's Nginx file may include, by the path in `include`. */
  readonly included: ReadonlyMap<string, string>;
  /** The contents of `authenticated_emails_file`, if there is one. */
  readonly machineClients?: string | undefined;
  /** What all sites of a host share in Nginx's `http {}`. */
  readonly shared: string;
  /** The list of who is blocked, which maps there include. */
  readonly blocked?: string | undefined;
  /** The tenant whose accounts may sign in: oauth2-proxy must use this one and no other. */
  readonly tenantId: string;
}

/**
 * @param siteFiles of the site's generation
 * @param hostFiles what every host gets once
 * @returns undefined if the site's own files are not among them
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
  const { current, shared } = paths(domain);
  return {
    domain,
    nginx,
    oauth2Proxy,
    included: new Map([
      ...siteFiles.map((it) => [`${current}/${it.name}`, it.text] as const),
      ...hostFiles
        .filter(({ name }) => name.startsWith(`${sharedFolder}/`))
        .map((it) => [`${shared}${it.name.slice(sharedFolder.length)}`, it.text] as const),
    ]),
    machineClients: text(siteFiles, machineClientsFile),
    shared: text(hostFiles, "protected-sites.conf") ?? "",
    blocked: text(hostFiles, blockedName),
    tenantId,
  };
}

const addresses = /^\/etc\/protected-sites\/addresses\/([\w.-]+)_(\d+)(?:_backup)?\.conf$/;

/**
 * Files that the host itself writes for a site's Nginx file to include: the generation's number, the HTTP/2 setting, and
 * the addresses of a backend's name (docs/decisions/resolving-backend-names.md), for which its name stands.
 */
export function writtenByHost(domain: string, path: string): string | undefined {
  if (path === paths(domain).generation) return 'set $protected_sites_generation "0";';
  if (path === http2File) return "";
  const [, host, port] = addresses.exec(path) ?? [];
  return host === undefined ? undefined : `server ${host}:${port ?? ""};`;
}
