/** Every site that files describe: an oauth2-proxy with Nginx before it, an Ingress, or an oauth2-proxy alone. */
import { isIP } from "node:net";

import { getDomain } from "tldts";

import type { ReadDirective } from "../../components/nginx/read.ts";
import { siteDomain } from "../../components/site/checks.ts";
import { ConfigError } from "../../components/site/errors.ts";
import { defaultProxyPrefix } from "../../components/site/names.ts";
import { siteShape } from "../../components/site/shape.ts";
import { nameProblem } from "../../components/site/site.ts";
import { blocks, closes, differs, type Finding } from "./findings.ts";
import { type GivenFile, type Inputs, inputsOf } from "./files.ts";
import { serversOf } from "./ingress.ts";
import type { Oauth2ProxyOptions } from "./oauth2-proxy-options.ts";
import { backendOf } from "./backends.ts";
import { type Part, type Server, serversIn } from "./server.ts";
import { type Imported, siteSettingsOf } from "./site-settings.ts";

/** What an operator says, and an environment has. */
export interface Request {
  /** The domain, where the files name none. */
  readonly domain?: string | undefined;
  /** The backend, in place of the one in the files. */
  readonly upstream?: string | undefined;
  readonly emailDomains: readonly string[];
  readonly tenantId?: string | undefined;
  /** Names and ports that are taken in the environment. */
  readonly taken: {
    readonly names: readonly string[];
    readonly ports: readonly number[];
  };
}

/** Everything that was read. */
export interface Import {
  readonly sites: readonly Imported[];
  /** About files as a whole. */
  readonly findings: readonly Finding[];
}

/** @throws ConfigError if a file cannot be read, or no site can be made of the files */
export function importSites(files: readonly GivenFile[], request: Request): Import {
  const inputs = inputsOf(files);
  const [options] = inputs.proxies.length === 1 ? inputs.proxies : [];
  const written = siteShape.proxyPrefix.safeParse(options?.values.get("proxy_prefix")?.[0]);
  const prefix = written.success ? written.data : defaultProxyPrefix;
  const servers = [
    ...serversIn(inputs.nginx, prefix),
    ...serversOf(inputs).flatMap((it) => serversIn([it], prefix)),
  ];
  const asking = servers
    .filter(({ parts }) => parts.some(({ access }) => access === "signed-in"))
    .filter(answers);
  const behind = asking.length > 0 ? asking : behindProxy(servers, options, prefix, request.upstream);
  if (behind.length === 0)
    throw new ConfigError(files.map(({ name }) => name).join(", "), [
      { where: "", what: nothingFound(inputs) },
    ]);
  const chosen = withDomains(behind, request, options);
  const sites: Imported[] = [];
  for (const [domain, server] of chosen.servers) {
    const name = nameOf(domain, [...request.taken.names, ...sites.map((it) => it.name)]);
    const used = [
      ...request.taken.ports,
      ...sites.flatMap(({ settings: { port } }) => [port, port + 10_000]),
    ];
    const { upstream, tenantId, emailDomains } = request;
    const port = freePort([...used, ...portsOf(server)], options);
    const wanted = { name, domain, port, upstream, tenantId, emailDomains, fallback: domainAbove(domain) };
    sites.push(
      siteSettingsOf(
        server,
        { options, proxyPrefix: prefix, findings: severalProxies(inputs.proxies) },
        wanted,
      ),
    );
  }
  return { sites, findings: [...chosen.findings, ...notImported(servers, behind, chosen)] };
}

/** Whether it does more than redirect or refuse. */
function answers({ directive }: Server): boolean {
  return directive.body?.some(({ name }) => name === "return") !== true;
}

function nothingFound({ proxies, nginx, ingresses }: Inputs): string {
  if (nginx.length + ingresses.length > 0)
    return "nothing in them asks oauth2-proxy: expected a location with auth_request, or an Ingress with the annotation nginx.ingress.kubernetes.io/auth-url";
  return proxies.length > 0
    ? "they have an oauth2-proxy without a backend: add Nginx's server block or the Ingress manifests, or give the backend with --upstream"
    : "they have no oauth2-proxy, no server block of Nginx and no Ingress";
}

/** Servers that pass everything to oauth2-proxy, which passes it on; or an oauth2-proxy without Nginx. */
function behindProxy(
  servers: readonly Server[],
  options: Oauth2ProxyOptions | undefined,
  prefix: string,
  given: string | undefined,
): Server[] {
  const written = (options?.values.get("upstreams") ?? []).filter((it) => !/^(?:file|static):/.test(it));
  const upstreams = written.length === 0 && given !== undefined ? [given] : written;
  if (options === undefined || upstreams.length === 0) return [];
  const port = /:(\d+)$/.exec(options.values.get("http_address")?.[0] ?? "")?.[1] ?? "4180";
  const [first] = servers.filter((it) =>
    it.parts.some((part) => part.match === "/" && leadsToProxy(it, part, port)),
  );
  if (first === undefined && servers.length > 0) return [];
  const main = first?.parts.find(({ match }) => match === "/")?.directive;
  const around = (first?.directive.body ?? []).filter((it) => it !== main);
  const directive: ReadDirective = {
    name: "server",
    args: [],
    line: first?.directive.line ?? 0,
    file: first?.directive.file ?? options.where,
    body: [...around, ...upstreams.flatMap((it) => locationFor(it, main?.body ?? [], options.where))],
  };
  return serversIn([...(first?.http ?? []), directive], prefix).map((it) => ({
    ...it,
    isBehindProxy: true as const,
  }));
}

function leadsToProxy(server: Server, part: Part, port: string): boolean {
  const backend = backendOf(server, part);
  return (
    !("problem" in backend) &&
    (backend.upstream.endsWith(`:${port}`) || /oauth2?[-_]?proxy/.test(backend.upstream))
  );
}

/** One of oauth2-proxy's own upstreams as a location: its path is that of the URL, and what does not end in `/` only itself. */
function locationFor(upstream: string, inherited: readonly ReadDirective[], where: string): ReadDirective[] {
  const url = URL.parse(upstream);
  const made = (name: string, ...args: string[]): ReadDirective => ({ name, args, line: 0, file: where });
  const path = url?.pathname ?? "/";
  const match = path.endsWith("/") ? [path] : ["=", path];
  // Any other is one that no setting can name.
  const pass = url !== null && /^https?:$/.test(url.protocol) ? url.origin : upstream;
  const body = [
    ...inherited.filter(({ name }) => !/_pass$|^(?:proxy_set_header|auth_request)$/.test(name)),
    made("auth_request", "/oauth2/auth"),
    made("proxy_set_header", "Host", "$host"),
    made("proxy_pass", pass),
  ];
  return [{ ...made("location", ...match), body }];
}

interface Chosen {
  readonly servers: ReadonlyMap<string, Server>;
  readonly findings: readonly Finding[];
}

/** The servers by the domain that each site gets; of several with the same, the first. */
function withDomains(
  servers: readonly Server[],
  { domain }: Request,
  options: Oauth2ProxyOptions | undefined,
): Chosen {
  const chosen = new Map<string, Server>();
  const findings: Finding[] = [];
  const redirect = URL.parse(options?.values.get("redirect_url")?.[0] ?? "")?.hostname;
  for (const server of servers) {
    const named = [...server.names.map((it) => it.toLowerCase()), domain, redirect];
    const found = named.find((it) => siteDomain.safeParse(it).success && isIP(it ?? "") === 0);
    if (found === undefined)
      throw new ConfigError(server.where, [
        {
          where: "",
          what: `has no domain of its own (server_name ${server.names.join(" ") || "is missing"}); give it with --domain`,
        },
      ]);
    if (chosen.has(found))
      findings.push(blocks(server.where, `is another server of ${found}; only the first was imported`));
    else chosen.set(found, server);
  }
  return { servers: chosen, findings };
}

/** Servers of which no site was made. */
function notImported(
  servers: readonly Server[],
  used: readonly Server[],
  { servers: chosen }: Chosen,
): Finding[] {
  const isUsed = (it: Server) => used.some(({ where }) => where === it.where);
  const isNamed = ({ names }: Server) => names.some((it) => chosen.has(it.toLowerCase()));
  const passes = ({ parts }: Server) =>
    parts.some(({ access, pass }) => access === "open" && pass !== undefined);
  return servers
    .filter((it) => !isUsed(it) && passes(it))
    .map((it) =>
      isNamed(it)
        ? closes(it.where, "opened the site without a sign-in, by another port or address; that is gone")
        : differs(it.where, "asks no oauth2-proxy; it is not imported"),
    );
}

/** A question that one of several oauth2-proxies answers is answered by none that is known. */
function severalProxies(proxies: readonly Oauth2ProxyOptions[]): Finding[] {
  return proxies.length > 1
    ? [
        blocks(
          proxies.map(({ where }) => where).join("; "),
          "are several oauth2-proxies; give the files of one at a time",
        ),
      ]
    : [];
}

function nameOf(domain: string, taken: readonly string[]): string {
  const [label = ""] = domain.split(".");
  const candidates = [label, domain.replaceAll(".", "-")].filter(
    (it) => nameProblem(it) === undefined && !taken.includes(it),
  );
  return candidates[0] ?? `site-${taken.length + 1}`;
}

/** Loopback ports that a server passes requests to. */
function portsOf({ parts, http }: Server): number[] {
  const written = [...parts.map(({ pass }) => pass), ...http.flatMap(({ body = [] }) => body)].map(
    (it) => it?.args.join(" ") ?? "",
  );
  return written.flatMap((it) => [...it.matchAll(/:(\d{4,5})\b/g)].map(([, port]) => Number(port)));
}

/** A port that nobody uses: not the old oauth2-proxy's either, which runs until the site is switched. */
function freePort(taken: readonly number[], options: Oauth2ProxyOptions | undefined): number {
  const old = Number(/:(\d+)$/.exec(options?.values.get("http_address")?.[0] ?? "")?.[1] ?? 4180);
  let port = 4181;
  while (port === old || [port, port + 10_000].some((it) => taken.includes(it))) port += 1;
  return port;
}

/** People whose addresses are of the domain that a site is below. */
function domainAbove(domain: string): string {
  return getDomain(domain, { allowPrivateDomains: true }) ?? domain;
}
