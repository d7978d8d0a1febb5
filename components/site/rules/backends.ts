/** Rules over a site's backends. */
import { addressOf, backendsOf, isAtAddress, isEncrypted, schemeInWords, upstreamPath } from "../backends.ts";
import { isOurs } from "../path-access.ts";
import { defaultCa, type ShapedSettings } from "../shape.ts";
import { metricsPortOf } from "./places.ts";
import { siteRule } from "./rule.ts";

const aboutNames = "is an IP address, and Nginx verifies certificates by name only;";

const upstreamRules = [
  siteRule(["upstream", "backupUpstreams"], ({ upstream, backupUpstreams }) =>
    backupUpstreams.flatMap((backup) => [
      ...(schemeInWords(backup) === schemeInWords(upstream)
        ? []
        : [`backupUpstreams must all be ${schemeInWords(upstream)} like upstream, got "${backup}"`]),
      ...(upstreamPath(backup) === upstreamPath(upstream)
        ? []
        : [`backupUpstreams must all have the path of upstream, ${upstreamPath(upstream)}, got "${backup}"`]),
      ...(backup === upstream ? [`backupUpstreams names "${backup}", which is upstream itself`] : []),
    ]),
  ),
  siteRule(["upstream", "upstreamCa"], ({ upstream, upstreamCa }) =>
    upstreamCa === defaultCa ? [] : onlyEncrypted("upstreamCa", upstream),
  ),
  siteRule(["upstream", "upstreamServerName"], ({ upstream, upstreamServerName }) => {
    if (upstreamServerName !== undefined) return onlyEncrypted("upstreamServerName", upstream);
    return isEncrypted(upstream) && isAtAddress(upstream)
      ? [
          `upstream "${upstream}" ${aboutNames} set upstreamServerName to a DNS name in the backend's certificate`,
        ]
      : [];
  }),
  siteRule(["upstream", "domain", "port", "metricsPort"], ({ upstream, ...site }) =>
    inACircle({ upstream }, site),
  ),
  siteRule(["backupUpstreams", "domain", "port", "metricsPort"], ({ backupUpstreams, ...site }) =>
    inACircle({ backupUpstreams }, site),
  ),
  siteRule(["upstreams", "domain", "port", "metricsPort"], ({ upstreams, ...site }) =>
    inACircle({ upstreams }, site),
  ),
  siteRule(["upstream", "hostHeader"], ({ upstream, hostHeader }) =>
    hostHeader === "upstream" && upstream.startsWith("unix:")
      ? [`hostHeader upstream needs a backend with a name, but upstream is "${upstream}"`]
      : [],
  ),
];

const pathUpstreamRules = [
  siteRule(["upstreams", "hostHeader"], ({ upstreams, hostHeader }) =>
    upstreams.length > 0 && hostHeader === "upstream"
      ? ["upstreams get the site's name as their Host; remove hostHeader: upstream or upstreams"]
      : [],
  ),
  siteRule(["upstreams", "upstream"], ({ upstreams, upstream }) =>
    upstreams.length > 0 && upstreamPath(upstream) !== "/"
      ? [`upstreams cannot be combined with an upstream that has a path, got "${upstream}"`]
      : [],
  ),
  siteRule(["upstreams", "proxyPrefix"], ({ upstreams, proxyPrefix }) =>
    upstreams.flatMap(({ path }, index) =>
      isOurs(path, proxyPrefix)
        ? [
            `upstreams.${index}.path "${path}" is reserved for the sign-in or the push; expected a path of the backend`,
          ]
        : [],
    ),
  ),
  siteRule(["upstreams"], ({ upstreams }) => upstreams.flatMap(pathUpstreamProblems)),
  siteRule(["upstreams", "upstream"], ({ upstreams, upstream: main }) =>
    upstreams.flatMap(({ upstream }, index) => {
      const what = `upstreams.${index}.upstream`;
      const secure = isEncrypted(main);
      if (isEncrypted(upstream) !== secure)
        return [
          `${what} must be ${secure ? "https or grpcs" : "plain HTTP or grpc"}, like upstream, got "${upstream}"`,
        ];
      return secure && isAtAddress(upstream) ? [`${what} "${upstream}" ${aboutNames} use a name`] : [];
    }),
  ),
];

export const backendRules = [...upstreamRules, ...pathUpstreamRules];

function onlyEncrypted(setting: string, upstream: string): string[] {
  return isEncrypted(upstream)
    ? []
    : [`${setting} is for https and grpcs backends, but upstream is "${upstream}"`];
}

/** Backends that are the proxy itself. */
function inACircle(
  backends: Parameters<typeof backendsOf>[0],
  site: Pick<ShapedSettings, "domain" | "port" | "metricsPort">,
): string[] {
  return backendsOf(backends).flatMap(({ setting, backend }) => {
    const itself = proxyItself(backend, site);
    return itself === undefined ? [] : [`${setting} "${backend}" is ${itself}, so requests would loop`];
  });
}

/** Which part of the proxy itself an address belongs to, in words; undefined if it may be a backend's. */
function proxyItself(
  backend: string,
  site: Pick<ShapedSettings, "domain" | "port" | "metricsPort">,
): string | undefined {
  const address = addressOf(backend);
  if (address === undefined) return undefined;
  const { hostname, number, isLoopback } = address;
  const nginx = number === 80 || number === 443;
  if (nginx && hostname === site.domain) return "the site itself";
  if (!isLoopback) return undefined;
  if (nginx) return "Nginx on the host";
  if (number === site.port) return "the site's own oauth2-proxy (port)";
  return number === metricsPortOf(site) ? "the metrics of the site's oauth2-proxy (metricsPort)" : undefined;
}

function pathUpstreamProblems(
  { path, upstream }: ShapedSettings["upstreams"][number],
  index: number,
  all: ShapedSettings["upstreams"],
): string[] {
  const what = `upstreams.${index}`;
  const first = all.findIndex((other) => other.path.toLowerCase() === path.toLowerCase());
  return [
    ...(path === "" ? [`${what}.path "/" is the whole site; use the site's own upstream`] : []),
    ...(first < index ? [`${what}.path "${path}" is a duplicate`] : []),
    ...(upstreamPath(upstream) === "/"
      ? []
      : [
          `${what}.upstream must have no path, since it gets the request's path unchanged, got "${upstream}"`,
        ]),
  ];
}
