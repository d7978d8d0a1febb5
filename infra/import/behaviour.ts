/** How a site passes requests on, from the directives of the location of everything. */
import type { SiteSettings } from "../../components/site/settings.ts";
import { isAtAddress, isEncrypted } from "../../components/site/backends.ts";
import { siteShape } from "../../components/site/shape.ts";
import { closes, differs, type Finding } from "./findings.ts";
import type { Part } from "./server.ts";
import { durationOf } from "./sessions.ts";

type Behaviour = Partial<
  Pick<
    SiteSettings,
    | "hostHeader"
    | "upstreamCa"
    | "upstreamServerName"
    | "buffering"
    | "identityHeaders"
    | "clientMaxBodySize"
    | "proxyBufferSize"
    | "proxyReadTimeout"
    | "proxyConnectTimeout"
    | "proxySendTimeout"
    | "certificates"
  >
>;

/** Directives whose value a setting has, each with the setting and the value in its form. */
const carried: readonly (readonly [
  directive: string,
  setting: keyof Behaviour,
  as: (value: string) => string | undefined,
])[] = [
  ["client_max_body_size", "clientMaxBodySize", sizeOf],
  ["proxy_buffer_size", "proxyBufferSize", sizeOf],
  ["proxy_read_timeout", "proxyReadTimeout", durationOf],
  ["proxy_connect_timeout", "proxyConnectTimeout", durationOf],
  ["proxy_send_timeout", "proxySendTimeout", durationOf],
  ["grpc_read_timeout", "proxyReadTimeout", durationOf],
  ["grpc_connect_timeout", "proxyConnectTimeout", durationOf],
  ["grpc_send_timeout", "proxySendTimeout", durationOf],
];

/** Directives that a site has no setting for, each with what is different. */
const left: Readonly<Record<string, string>> = {
  limit_req: "requests are not limited; sign-ins are, by signInRate",
  limit_conn: "connections are not limited",
  limit_rate: "answers are not slowed down",
  sub_filter: "answers are not rewritten",
  proxy_cache: "answers are not cached",
  proxy_ssl_certificate: "the backend gets no certificate of a client",
  proxy_redirect: "redirects are only rewritten with hostHeader: upstream, or for an upstream with a path",
  proxy_cookie_path: "cookies are only rewritten for an upstream with a path",
  proxy_cookie_domain: "cookies are only rewritten with hostHeader: upstream",
  auth_basic: "a password on top of the sign-in has no setting",
};

/** A size in a site's form; undefined for `0`, which is none. */
function sizeOf(text: string): string | undefined {
  const [, number = "", unit = ""] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  if (number === "" || Number(number) === 0) return undefined;
  return unit === ""
    ? `${Math.max(1, Math.floor(Number(number) / 1024))}k`
    : `${Number(number)}${unit.toLowerCase()}`;
}

/** @param domain the site's */
export function behaviourOf(
  part: Part,
  {
    domain,
    upstream,
    hasUpstreams,
  }: { readonly domain: string; readonly upstream: string; readonly hasUpstreams: boolean },
): { readonly settings: Behaviour; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const settings: Record<string, unknown> = {};
  const value = (name: string) => part.inForce(name)[0]?.args.join(" ");
  const is = (setting: keyof Behaviour, it: unknown) => siteShape[setting].safeParse(it).success;
  for (const [directive, setting, as] of carried) {
    const written = value(directive);
    if (written === undefined) continue;
    const carriedAs = as(written);
    if (carriedAs !== undefined && is(setting, carriedAs)) settings[setting] = carriedAs;
    else
      findings.push(
        closes(part.where, `${directive} ${written} has no value of ${setting}; the default stands`),
      );
  }
  if (value("proxy_buffering") === "off" || value("proxy_request_buffering") === "off")
    settings["buffering"] = false;
  const host = hostHeaderOf(part, domain, upstream);
  if (host.setting === "upstream" && !hasUpstreams) settings["hostHeader"] = "upstream";
  else if (host.setting === "upstream")
    findings.push(differs(part.where, "with upstreams, every backend gets the site's name as its Host"));
  findings.push(...host.findings);
  if (isEncrypted(upstream)) Object.assign(settings, tlsOf(part, upstream, domain, findings));
  const headers = headersOf(part);
  if (headers.length > 0) settings["identityHeaders"] = headers;
  for (const [name, what] of Object.entries(left))
    if (part.inForce(name).some(({ args }) => args[0] !== "off" && args[0] !== "default"))
      findings.push(differs(part.where, `${name}: ${what}`));
  findings.push(...headerFindings(part));
  if (!part.inForce("proxy_set_header").some(({ args }) => args[0]?.toLowerCase() === "upgrade"))
    findings.push(differs(part.where, "WebSockets work now, for people who are signed in"));
  return { settings: { ...settings, ...certificatesOf(part, findings) }, findings };
}

function hostHeaderOf(
  part: Part,
  domain: string,
  upstream: string,
): { readonly setting?: "upstream"; readonly findings: readonly Finding[] } {
  const set = part.inForce("proxy_set_header").find(({ args }) => args[0]?.toLowerCase() === "host")?.args[1];
  if (upstream.startsWith("unix:") || upstream.startsWith("grpc")) return { findings: [] };
  if (set === undefined || /^\$proxy_host$|^\$proxy_host:\$proxy_port$/.test(set))
    return { setting: "upstream", findings: [] };
  if (
    /^\$(?:host|http_host|server_name|best_http_host)(?::\$(?:server_port|port))?$/.test(set) ||
    set === domain
  )
    return { findings: [] };
  if (upstream.includes(`//${set}`)) return { setting: "upstream", findings: [] };
  return { findings: [differs(part.where, `Host was "${set}"; the backend gets ${domain}`)] };
}

/** A backend's certificate is always verified. */
function tlsOf(part: Part, upstream: string, domain: string, findings: Finding[]): Behaviour {
  const value = (name: string) =>
    part.inForce(`proxy_ssl_${name}`)[0]?.args[0] ?? part.inForce(`grpc_ssl_${name}`)[0]?.args[0];
  const [ca, name] = [value("trusted_certificate"), value("name")];
  if (value("verify") !== "on")
    findings.push(
      closes(
        part.where,
        "the backend's certificate was not verified; now it has to be of a CA that the hosts trust, or of upstreamCa",
      ),
    );
  const named = name !== undefined && siteShape.upstreamServerName.safeParse(name).success ? name : undefined;
  const needed = named ?? (isAtAddress(upstream) ? domain : undefined);
  if (named === undefined && needed !== undefined)
    findings.push(
      closes(
        part.where,
        `the backend is an IP address, whose certificate has to be for upstreamServerName: ${domain} is assumed`,
      ),
    );
  return {
    ...(ca !== undefined && siteShape.upstreamCa.safeParse(ca).success ? { upstreamCa: ca } : {}),
    ...(needed === undefined ? {} : { upstreamServerName: needed }),
  };
}

/** The tokens among what the backend gets; the rest is the default. */
function headersOf(part: Part): string[] {
  const set = new Map(part.inForce("auth_request_set").map(({ args }) => [args[0] ?? "", args[1] ?? ""]));
  const values = part.inForce("proxy_set_header").map(({ args }) => set.get(args[1] ?? "") ?? args[1] ?? "");
  const has = (it: RegExp) => values.some((value) => it.test(value));
  const tokens = [
    ...(has(/upstream_http_x_auth_request_access_token/) ? ["accessToken"] : []),
    ...(has(/upstream_http_authorization/) ? ["idToken"] : []),
  ];
  return tokens.length === 0 ? [] : ["user", "email", "preferredUsername", "groups", ...tokens];
}

/** Headers by which the backend knew people under other names than those of a site. */
function headerFindings(part: Part): Finding[] {
  const set = new Set(part.inForce("auth_request_set").map(({ args }) => args[0] ?? ""));
  const isIdentity = (it = "") => set.has(it) || it.startsWith("$upstream_http_");
  const ours = /^x-auth-request-(?:user|email|preferred-username|groups|access-token)$|^authorization$/i;
  const others = part
    .inForce("proxy_set_header")
    .filter(({ args }) => isIdentity(args[1]) && !ours.test(args[0] ?? ""))
    .map(({ args }) => args[0] ?? "");
  return others.length === 0
    ? []
    : [
        differs(
          part.where,
          `the backend read ${others.join(", ")}; it gets X-Auth-Request-User, -Email and -Groups instead`,
        ),
      ];
}

function certificatesOf(part: Part, findings: Finding[]): Behaviour {
  const [file, key] = [
    part.inForce("ssl_certificate")[0]?.args[0],
    part.inForce("ssl_certificate_key")[0]?.args[0],
  ];
  const folder = /^(.+)\/fullchain\.pem$/.exec(file ?? "")?.[1];
  if (
    folder !== undefined &&
    key === `${folder}/privkey.pem` &&
    siteShape.certificates.safeParse(folder).success
  )
    return { certificates: folder };
  if (file !== undefined)
    findings.push(
      differs(
        part.where,
        `ssl_certificate ${file}: put fullchain.pem and privkey.pem into the folder certificates`,
      ),
    );
  return {};
}
