/**
 * What is compared: servers that bring a signed-in person to the same backend, each with the same certificate, the
 * same identity provider and one line in a log for each request.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { blockedFile, http2File, instanceName, paths } from "../../components/site/names.ts";
import type { SiteSettings } from "../../components/site/settings.ts";
import { type Site, siteFrom } from "../../components/site/site.ts";
import { tenantEndpoints } from "../../components/site/tenant.ts";
import { sharedNginx } from "../../components/render/nginx/shared-nginx.ts";
import { siteFiles } from "../../components/render/site-files.ts";
import type { TrialApplication } from "../lab/entra/trial.ts";
import { inFull, sharedIncludes } from "../shared-includes.ts";
import { tenantId } from "../sites.ts";

/** One server on trial. */
export interface Server {
  readonly title: string;
  /** Its name in files and processes; `<name>.bench.test` is its host. */
  readonly name: string;
  /** The loopback address that it has for itself. */
  readonly address: string;
  /** Whether people sign in there. */
  readonly signsIn: boolean;
  /** The name of the server whose cookies it is sent, which has been prepared before. @default its own */
  readonly cookiesOf?: string;
  /** Writes its files and says what to run in the root folder, in that order. */
  readonly prepare: (root: string, application: TrialApplication) => Promise<(readonly string[])[]>;
}

/** Where the backend is, and what it says: who is there, in an answer of some 60 bytes. */
const backend = "127.0.0.9:3000";
/** In the root folder: the site's certificate, and the authorities that servers trust. */
export const certificates = "/bench/certificates";
export const authorities = "/bench/ca.pem";

/** The people whom every server lets in. */
const emailDomain = "lab.test";

/** All of them; the first is what the others are compared with. */
export const servers: readonly Server[] = [
  plain("plain", "Nginx alone, nobody is asked"),
  ours("cookie", "cookie store", {}),
  ours("minimal", "minimal store", { sessionStore: "minimal" }),
  ours("minimal-64", "minimal store, goMemLimit 64MiB", { sessionStore: "minimal", goMemLimit: "64MiB" }),
  ours("minimal-128", "minimal store, goMemLimit 128MiB", { sessionStore: "minimal", goMemLimit: "128MiB" }),
  ours("redis", "Redis store", { sessionStore: "redis", redis: { host: "127.0.0.1", tls: false } }),
  ours("cached", "cookie store, authCache 10s", { authCache: "10s" }),
  ours("minimal-cached", "minimal store, authCache 10s", { sessionStore: "minimal", authCache: "10s" }),
  ours("redis-cached", "Redis store, authCache 10s", {
    sessionStore: "redis",
    redis: { host: "127.0.0.1", port: 6380, tls: false },
    authCache: "10s",
  }),
  plain("plain-cookie", "Nginx alone, the cookie store's cookie", "cookie"),
  plain("plain-minimal", "Nginx alone, the minimal store's cookie", "minimal"),
  { name: "apache", title: "Apache, mod_auth_openidc", signsIn: true, prepare: apache },
].map((server, index) => ({ ...server, address: `127.0.1.${index + 1}` }));

/** The backend's own command, after its files. */
export async function prepareBackend(root: string): Promise<readonly string[]> {
  const answer = `"Hello, $http_x_auth_request_user. ${"-".repeat(32)}\\n"`;
  const server = `server { listen ${backend}; keepalive_requests 1000000; access_log off; return 200 ${answer}; }`;
  return nginx(root, "backend", server);
}

type Unplaced = Omit<Server, "address">;

function ours(name: string, title: string, args: Partial<SiteSettings>): Unplaced {
  return {
    name,
    title,
    signsIn: true,
    prepare: (root, application) => ourSite(root, name, args, application),
  };
}

async function ourSite(
  root: string,
  name: string,
  args: Partial<SiteSettings>,
  application: TrialApplication,
) {
  const index = servers.findIndex((it) => it.name === name);
  const site = siteFrom(name, {
    domain: hostOf(name),
    port: 4180 + index,
    upstream: `http://${backend}`,
    emailDomains: [emailDomain],
    certificates,
    ...args,
  });
  const at = paths(site.domain);
  const files = siteFiles(site, { tenantId, allowVulnerableOauth2Proxy: true });
  for (const file of files) await put(root, join(at.current, file.name), file.text);
  await put(root, at.generation, 'set $protected_sites_generation "1";\n');
  await put(root, http2File, "");
  await put(root, blockedFile, "");
  for (const [path, shared] of sharedIncludes(site.domain)) await put(root, path, shared);
  await put(root, at.clientSecret, application.secret);
  await put(root, at.cookieSecret, name.padEnd(43, "k"));
  const text = (file: string) => files.find((it) => it.name === file)?.text ?? "";
  // systemd hands the socket over, which costs no request anything.
  const config = text("oauth2-proxy.cfg").replace('"fd:3"', `"127.0.0.1:${site.port}"`);
  await put(root, at.oauth2Proxy, config);
  const environment = [...text(`${instanceName(site.domain)}.service`).matchAll(/^Environment=(.*)$/gm)].map(
    ([, setting = ""]) => setting,
  );
  const client = `OAUTH2_PROXY_CLIENT_ID=${application.clientId}`;
  const proxy = ["/usr/local/bin/oauth2-proxy", `--config=${at.oauth2Proxy}`];
  return [
    ...redisOf(site),
    ["env", `SSL_CERT_FILE=${authorities}`, client, ...environment, ...proxy],
    await nginx(
      root,
      name,
      listeningOn(addressOf(name), `${sharedNginx()}${inFull(text("nginx.conf"), site.domain)}`),
    ),
  ];
}

function redisOf({ redis }: Site): string[][] {
  if (redis === undefined) return [];
  return [["redis-server", "--bind", redis.host, "--port", String(redis.port), "--save", ""]];
}

/** Several servers share this machine's port 443: each has an address of its own. */
function listeningOn(address: string, text: string): string {
  return text.replaceAll(/^ *listen \[::\].*\n/gm, "").replaceAll(/listen (\d+)/g, `listen ${address}:$1`);
}

function plain(name: string, title: string, cookiesOf = name): Unplaced {
  return { name, title, signsIn: false, cookiesOf, prepare: (root) => plainNginx(root, name) };
}

async function plainNginx(root: string, name: string): Promise<(readonly string[])[]> {
  const host = hostOf(name);
  const text = `
    upstream backend { server ${backend}; keepalive 32; }
    server {
      listen ${addressOf(name)}:443 ssl http2;
      server_name ${host};
      ssl_certificate ${certificates}/fullchain.pem;
      ssl_certificate_key ${certificates}/privkey.pem;
      ssl_protocols TLSv1.2 TLSv1.3;
      access_log /var/log/nginx/${name}.log;
      location / {
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host ${host};
        proxy_pass http://backend;
      }
    }`;
  return [await nginx(root, name, text)];
}

/** An Nginx of its own, with Debian's settings. */
async function nginx(root: string, name: string, text: string): Promise<readonly string[]> {
  const file = `/bench/${name}.conf`;
  await put(
    root,
    file,
    `user www-data; worker_processes auto; pid /run/${name}.pid; error_log /var/log/nginx/${name}.error.log;
    events { worker_connections 768; }
    http { sendfile on; tcp_nopush on; include /etc/nginx/mime.types; gzip on;
    ${text}
    }\n`,
  );
  return ["nginx", "-c", file, "-g", "daemon off;"];
}

async function apache(root: string, { clientId, secret }: TrialApplication): Promise<(readonly string[])[]> {
  const entra = tenantEndpoints(tenantId);
  const host = hostOf("apache");
  const modules = ["mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "proxy"];
  modules.push("proxy_http", "ssl", "headers", "socache_shmcb");
  await put(
    root,
    "/bench/apache.conf",
    `ServerRoot /etc/apache2
    PidFile /run/apache.pid
    ${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
    User www-data
    Group www-data
    Listen ${addressOf("apache")}:443
    ServerName ${host}
    ErrorLog /var/log/apache2/bench.error.log
    LogFormat "%h %u %t \\"%r\\" %>s %O" line
    CustomLog /var/log/apache2/bench.log line
    # As many as Nginx's default: a new TLS handshake after each hundred would not be the same work.
    MaxKeepAliveRequests 1000
    SSLEngine on
    SSLCertificateFile ${certificates}/fullchain.pem
    SSLCertificateKeyFile ${certificates}/privkey.pem
    SSLProtocol TLSv1.2 TLSv1.3
    OIDCProviderIssuer ${entra.issuer}
    OIDCProviderAuthorizationEndpoint ${entra.authorize}
    OIDCProviderTokenEndpoint ${entra.token}
    OIDCProviderTokenEndpointAuth client_secret_post
    OIDCProviderJwksUri ${entra.keys}
    OIDCClientID ${clientId}
    OIDCClientSecret ${secret}
    OIDCRedirectURI https://${host}/oauth2/callback
    OIDCCryptoPassphrase ${"k".repeat(43)}
    OIDCScope "openid profile email offline_access"
    OIDCRemoteUserClaim preferred_username
    OIDCCABundlePath ${authorities}
    <Location />
      AuthType openid-connect
      Require claim preferred_username~@${emailDomain.replace(".", "\\.")}$
      RequestHeader set X-Auth-Request-User "expr=%{REMOTE_USER}"
      ProxyPass http://${backend}/
    </Location>\n`,
  );
  return [["apache2", "-f", "/bench/apache.conf", "-D", "FOREGROUND"]];
}

/** A server's host name. */
export function hostOf(name: string): string {
  return `${name}.bench.test`;
}

function addressOf(name: string): string {
  return servers.find((it) => it.name === name)?.address ?? "";
}

/** Writes a file below the root folder. */
export async function put(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
