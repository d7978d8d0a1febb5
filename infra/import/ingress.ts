/**
 * Ingress manifests as the servers that ingress-nginx makes of them, so that an import reads one language.
 * https://github.com/kubernetes/ingress-nginx/blob/main/docs/user-guide/nginx-configuration/annotations.md
 */
import type { ReadDirective } from "../../components/nginx/read.ts";
import { isTable, type Table, textOf } from "./oauth2-proxy-options.ts";
import { type Inputs, type Manifest, readConfiguration } from "./files.ts";

/** Prefixes of ingress-nginx's annotations, today's and before 2018. */
const prefix = /^(?:nginx\.)?ingress\.kubernetes\.io\//;

/** What ingress-nginx passes on of a request, unless annotations say otherwise. */
const usual = ["proxy_set_header Host $host", "proxy_set_header Upgrade $http_upgrade"];

/** Annotations that are directives of Nginx in all but name. */
const directives: Readonly<Record<string, (value: string) => readonly string[]>> = {
  "auth-url": (it) => [`auth_request ${quoted(it)}`],
  "auth-response-headers": (it) =>
    listed(it).map(
      (name) => `proxy_set_header ${name} $upstream_http_${name.toLowerCase().replaceAll("-", "_")}`,
    ),
  "auth-type": (it) => [`auth_basic ${quoted(it)}`],
  "auth-tls-secret": () => ["ssl_verify_client on"],
  satisfy: (it) => [`satisfy ${it}`],
  "whitelist-source-range": (it) => [...listed(it).map((from) => `allow ${from}`), "deny all"],
  "allowlist-source-range": (it) => [...listed(it).map((from) => `allow ${from}`), "deny all"],
  "denylist-source-range": (it) => listed(it).map((from) => `deny ${from}`),
  "proxy-body-size": (it) => [`client_max_body_size ${it}`],
  "proxy-read-timeout": (it) => [`proxy_read_timeout ${it}`],
  "proxy-send-timeout": (it) => [`proxy_send_timeout ${it}`],
  "proxy-connect-timeout": (it) => [`proxy_connect_timeout ${it}`],
  "proxy-buffering": (it) => [`proxy_buffering ${it}`],
  "proxy-request-buffering": (it) => [`proxy_request_buffering ${it}`],
  "proxy-buffer-size": (it) => [`proxy_buffer_size ${it}`],
  "upstream-vhost": (it) => [`proxy_set_header Host ${quoted(it)}`],
  "proxy-ssl-name": (it) => [`proxy_ssl_name ${it}`],
  "proxy-ssl-verify": (it) => [`proxy_ssl_verify ${it}`],
  "proxy-ssl-secret": (it) => [`proxy_ssl_certificate ${quoted(it)}`],
  "permanent-redirect": (it) => [`return 301 ${quoted(it)}`],
  "temporal-redirect": (it) => [`return 302 ${quoted(it)}`],
  "enable-cors": (it) => (it === "true" ? ["add_header Access-Control-Allow-Origin *"] : []),
  "app-root": (it) => [`rewrite ^/$ ${quoted(it)} redirect`],
  "limit-rps": () => ["limit_req zone=ingress"],
  "limit-rpm": () => ["limit_req zone=ingress"],
  "limit-connections": () => ["limit_conn ingress 1"],
};

/** Annotations that change nothing about who may enter, and what a site does in its own way or leaves to the backend. */
const neutral = new RegExp(
  "^(?:auth-signin|auth-signin-redirect-param|auth-method|auth-cache-\\w+|auth-proxy-set-headers|auth-always-set-cookie|" +
    "auth-keepalive[\\w-]*|auth-(?:secret|realm|secret-type)|auth-tls-(?!secret$)[\\w-]+|cors-[\\w-]+|limit-[\\w-]+|affinity[\\w-]*|" +
    "session-cookie-[\\w-]+|load-balance|upstream-hash-by[\\w-]*|service-upstream|websocket-services|proxy-http-version|" +
    "proxy-next-upstream[\\w-]*|proxy-redirect-[\\w-]+|proxy-cookie-[\\w-]+|proxy-buffers-\\w+|proxy-busy-buffers-size|" +
    "proxy-max-temp-file-size|proxy-ssl-(?:server-name|protocols|ciphers|verify-depth)|client-body-buffer-size|connection-proxy-header|" +
    "enable-access-log|enable-rewrite-log|enable-opentracing|enable-opentelemetry|custom-http-errors|default-backend|x-forwarded-prefix|" +
    "backend-protocol|secure-backends|rewrite-target|use-regex|ssl-redirect|force-ssl-redirect|ssl-ciphers|ssl-prefer-server-ciphers|" +
    "hsts[\\w-]*|http2-push-preload|server-alias|from-to-www-redirect|configuration-snippet|server-snippet|auth-snippet|custom-headers|" +
    "preserve-trailing-slash|add-base-url|base-url-scheme|configuration-hash|rule-type)$",
);

/** Its own prefix, which other controllers use as well, and which says nothing to Nginx. */
const notOfNginx = /^(?:ingress\.class|class)$/;

interface Rule {
  readonly host: string;
  readonly path: string;
  readonly type: string;
  readonly backend: string | undefined;
  readonly manifest: Manifest;
  readonly annotations: ReadonlyMap<string, string>;
}

/** A server for each host of the manifests. Directives have the manifest as their file, and no line. */
export function serversOf({ ingresses, services }: Pick<Inputs, "ingresses" | "services">): ReadDirective[] {
  const rules = ingresses.flatMap((it) => rulesOf(it, services));
  return [...new Set(rules.map(({ host }) => host))].map((host) => {
    const its = rules.filter((rule) => rule.host === host);
    const usesRegex = its.some(
      ({ annotations }) => annotations.get("use-regex") === "true" || annotations.has("rewrite-target"),
    );
    const manifests = [...new Map(its.map((it) => [it.manifest, it])).values()];
    const aliases = manifests.flatMap(({ annotations }) => listed(annotations.get("server-alias") ?? ""));
    const file = [...new Set(manifests.map(({ manifest }) => manifest.where))].join(", ");
    const directive = made(file);
    return {
      ...directive("server"),
      body: [
        ...(host === "" ? [] : [directive("server_name", host, ...aliases)]),
        ...manifests.flatMap((it) => snippet(it, "server-snippet")),
        ...its.flatMap((it) => locationsOf(it, usesRegex)),
      ],
    };
  });
}

const made =
  (file: string) =>
  (name: string, ...args: readonly string[]): ReadDirective => ({ name, args, line: 0, file });

function rulesOf(manifest: Manifest, services: readonly Manifest[]): Rule[] {
  const { metadata, spec } = manifest.object;
  const named = isTable(metadata) && isTable(metadata["annotations"]) ? metadata["annotations"] : {};
  const annotations = new Map(
    Object.entries(named)
      .filter(([key]) => prefix.test(key) && !notOfNginx.test(key.replace(prefix, "")))
      .map(([key, value]) => [key.replace(prefix, ""), textOf(value)]),
  );
  const namespace = isTable(metadata) ? metadata["namespace"] : undefined;
  if (!isTable(spec)) return [];
  const rules = Array.isArray(spec["rules"]) ? spec["rules"].filter(isTable) : [];
  const paths = rules.flatMap(({ host, http }) =>
    (isTable(http) && Array.isArray(http["paths"]) ? http["paths"].filter(isTable) : []).map((it) => ({
      host,
      ...it,
    })),
  );
  const fallback = spec["defaultBackend"] ?? spec["backend"];
  const all: Table[] = paths.length === 0 && fallback !== undefined ? [{ backend: fallback }] : paths;
  return all.map(({ host, path, pathType, backend }) => ({
    host: typeof host === "string" ? host : "",
    path: typeof path === "string" && path !== "" ? path : "/",
    type: typeof pathType === "string" ? pathType : "ImplementationSpecific",
    backend: addressOf(isTable(backend) ? backend : {}, namespace, services),
    manifest,
    annotations,
  }));
}

/** Host and port of a Service within the cluster; undefined where its port has a name that no manifest explains. */
function addressOf(backend: Table, namespace: unknown, services: readonly Manifest[]): string | undefined {
  const { service, serviceName, servicePort } = backend;
  const name = isTable(service) ? service["name"] : serviceName;
  const port =
    isTable(service) && isTable(service["port"])
      ? (service["port"]["number"] ?? service["port"]["name"])
      : servicePort;
  const found = services.find(
    ({ object: { metadata } }) => isTable(metadata) && metadata["name"] === name,
  )?.object;
  const spec = isTable(found?.["spec"]) ? found["spec"] : {};
  const ports = Array.isArray(spec["ports"]) ? spec["ports"].filter(isTable) : [];
  const number = /^\d+$/.test(textOf(port)) ? port : ports.find((it) => it["name"] === port)?.["port"];
  if (typeof name !== "string") return undefined;
  const host =
    typeof spec["externalName"] === "string"
      ? spec["externalName"]
      : `${name}.${typeof namespace === "string" ? namespace : "default"}.svc.cluster.local`;
  if (number !== undefined) return `${host}:${textOf(number)}`;
  return { http: `${host}:80`, https: `${host}:443` }[textOf(port)];
}

function locationsOf(rule: Rule, usesRegex: boolean): ReadDirective[] {
  const { path, type, manifest } = rule;
  const directive = made(manifest.where);
  const body = bodyOf(rule);
  const location = (...args: readonly string[]) => ({ ...directive("location", ...args), body });
  // The longest come first, so the one of everything comes last, as a prefix does.
  if (coversAll.test(path)) return [location("/")];
  if (usesRegex) return [location("~*", `^${path}`)];
  if (type === "Exact") return [location("=", path)];
  const below = path.replace(/\/$/, "");
  return type === "Prefix" ? [location(`${below}/`), location("=", below)] : [location(path)];
}

/** Paths that, as regular expressions, match everything. */
const coversAll = /^\/(?:\(\.\*\)|\.\*|\(\/\|\$\)\(\.\*\)|\(\)\(\.\*\)|\?\(\.\*\))?$/;

function bodyOf({ path, backend, manifest, annotations }: Rule): ReadDirective[] {
  const directive = made(manifest.where);
  const written = [...annotations].flatMap(([name, value]) => directives[name]?.(value) ?? []);
  const unknown = [...annotations.keys()].filter((it) => directives[it] === undefined && !neutral.test(it));
  const host = written.some((it) => it.startsWith("proxy_set_header Host "));
  const text = [...usual.slice(host ? 1 : 0), ...written].map((it) => `${it};\n`).join("");
  const target = annotations.get("rewrite-target");
  const isSame = /^\/\(\.\*\)$/.test(path) && target === "/$1";
  const protocol = (annotations.get("backend-protocol") ?? "HTTP").toUpperCase();
  const pass = {
    HTTP: "proxy_pass http",
    HTTPS: "proxy_pass https",
    GRPC: "grpc_pass grpc",
    GRPCS: "grpc_pass grpcs",
  }[protocol];
  const secure = annotations.get("secure-backends") === "true" ? "proxy_pass https" : pass;
  const [name = "", scheme = ""] = (secure ?? `backend-protocol ${protocol}`).split(" ");
  return [
    // Each stands for its manifest, in which lines of what it has become mean nothing.
    ...readConfiguration(text, manifest.where).map((it) => ({ ...it, line: 0 })),
    ...unknown.map((it) => directive(`annotation ${it}`)),
    ...snippet({ manifest, annotations }, "configuration-snippet"),
    ...(readsLikeHeaders(annotations.get("auth-snippet")) ? [] : [directive("annotation auth-snippet")]),
    ...(target === undefined || isSame ? [] : [directive("rewrite", path, target, "break")]),
    ...(backend === undefined ? [directive(name, "")] : [directive(name, `${scheme}://${backend}`)]),
  ];
}

function snippet(
  { manifest, annotations }: Pick<Rule, "manifest" | "annotations">,
  name: string,
): ReadDirective[] {
  return readConfiguration(annotations.get(name) ?? "", `${manifest.where}, ${name}`);
}

/** Whether a snippet of the question to oauth2-proxy only adds headers to it. */
function readsLikeHeaders(text = ""): boolean {
  return text
    .split("\n")
    .every((it) => /^\s*(?:#.*|(?:proxy_set_header|proxy_\w*buffer\w*)\s.*;\s*)?$/.test(it));
}

function listed(text: string): string[] {
  return text.split(/[\s,]+/).filter((it) => it !== "");
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
