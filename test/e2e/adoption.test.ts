/** A registration and a host that were set up by hand before are taken over: nobody signs in again. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import type { ConfigMap, Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { type GraphCall, signInToGraph } from "../../infra/graph.ts";
import { Visitor } from "../lab/entra/visitor.ts";
import { openStack } from "../lab/stack.ts";
import { tenantId } from "../sites.ts";
import { deployerEnvironment } from "./client-secrets.ts";
import { lab, people } from "./instance.ts";
import { everywhere, runOn, shellOn } from "./on-hosts.ts";

const domain = "legacy.lab.test";
const certificates = `/data/certs/${domain}`;
const [host = { name: "", address: "" }] = lab.hosts;
let stack: Stack;

beforeAll(async () => {
  stack = await openStack(lab.name);
});

afterAll(async () => {
  await shellOn(
    host.name,
    "systemctl stop legacy-oauth2-proxy || true; rm -rf /etc/nginx/conf.d/legacy.conf /root/legacy.*",
  );
  stack = await openStack(lab.name);
  await stack.up();
  await everywhere(`rm -rf ${certificates}`);
});

/** A registration as an administrator makes it: with the consent of all, and one client secret. */
async function registerByHand(graph: GraphCall) {
  const application = (await graph("POST", "/applications", {
    displayName: "Our old wiki",
    signInAudience: "AzureADMyOrg",
    web: { redirectUris: [`https://${domain}/oauth2/callback`] },
  })) as { id: string; appId: string };
  const principal = (await graph("POST", "/servicePrincipals", { appId: application.appId })) as {
    id: string;
  };
  const filter = encodeURIComponent("appId eq '00000003-0000-0000-c000-000000000000'");
  const { value } = (await graph("GET", `/servicePrincipals?$filter=${filter}`)) as {
    value: { id: string }[];
  };
  const consent = (await graph("POST", "/oauth2PermissionGrants", {
    clientId: principal.id,
    consentType: "AllPrincipals",
    resourceId: value[0]?.id,
    scope: "openid profile email offline_access",
  })) as { id: string };
  const secret = (await graph("POST", `/applications/${application.id}/addPassword`, {
    passwordCredential: { displayName: "by hand" },
  })) as { secretText: string };
  return { application, principal, consent, clientSecret: secret.secretText };
}

/** oauth2-proxy with its defaults, as a proxy of its own behind Nginx. */
async function setUpByHand(clientId: string, clientSecret: string, cookieSecret: string): Promise<void> {
  const entra = `https://login.microsoftonline.com/${tenantId}`;
  const config = {
    provider: "entra-id",
    oidc_issuer_url: `${entra}/v2.0`,
    client_id: clientId,
    client_secret: clientSecret,
    cookie_secret: cookieSecret,
    redirect_url: `https://${domain}/oauth2/callback`,
    http_address: "127.0.0.1:4190",
    scope: "openid profile email offline_access",
    code_challenge_method: "S256",
    email_domains: ["lab.test"],
    upstreams: ["http://192.0.2.3:8002/"],
    reverse_proxy: true,
  };
  const lines = Object.entries(config).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  await shellOn(host.name, "umask 077; cat > /root/legacy.cfg", lines.join(""));
  await shellOn(
    host.name,
    "cat > /etc/nginx/conf.d/legacy.conf",
    `server { listen 443 ssl; server_name ${domain};
    ssl_certificate ${certificates}/fullchain.pem; ssl_certificate_key ${certificates}/privkey.pem;
    location / { proxy_pass http://127.0.0.1:4190; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;
      proxy_buffer_size 32k; proxy_buffers 8 32k; } }`,
  );
  // For a moment after a reload, workers of before, which do not know the site, still accept.
  await shellOn(
    host.name,
    `nginx -t && systemctl reload nginx
    systemd-run --quiet --collect --unit=legacy-oauth2-proxy oauth2-proxy --config=/root/legacy.cfg
    for i in $(seq 100); do curl -sfk --resolve ${domain}:443:127.0.0.1 https://${domain}/ping && sleep 1 && exit; sleep 0.1; done; exit 1`,
  );
}

test("a registration and a host that were set up by hand are adopted, and an earlier session still opens the site", async () => {
  await everywhere(
    `mkdir -p ${certificates} && cd ${certificates} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -days 2 -subj /CN=${domain} -addext subjectAltName=DNS:${domain} -keyout privkey.pem -out fullchain.pem 2>/dev/null`,
  );
  const graph = await signInToGraph(deployerEnvironment());
  const { application, principal, consent, clientSecret } = await registerByHand(graph);
  const cookieSecret = randomBytes(32).toString("base64url");
  await setUpByHand(application.appId, clientSecret, cookieSecret);

  const trusted = [`${certificates}/fullchain.pem`, "/etc/ssl/certs/ca-certificates.crt"];
  const visitor = new Visitor({
    ca: await runOn(host.name, ["cat", ...trusted]),
    resolve: (name) => (name === domain ? { address: host.address } : undefined),
  });
  const ask = async () =>
    (await visitor.fetch(`https://${domain}/api/page`, { headers: { accept: "application/json" } })).status;
  await visitor.signIn(await visitor.open(`https://${domain}/oauth2/start`), people.ada);
  expect(await ask()).toBe(200);

  const settings = {
    "sites.legacy.domain": domain,
    "sites.legacy.port": "4182",
    "sites.legacy.upstream": "http://192.0.2.3:8002",
    "sites.legacy.emailDomains[0]": "lab.test",
    "sites.legacy.cookieName": "_oauth2_proxy",
    "sites.legacy.adoptedRegistration.application": application.id,
    "sites.legacy.adoptedRegistration.servicePrincipal": principal.id,
    "sites.legacy.adoptedRegistration.consent": consent.id,
  };
  const config = Object.entries(settings).map(([key, value]) => [`protected-sites:${key}`, { value }]);
  const secret = { "protected-sites:adoptedCookieSecrets.legacy": { value: cookieSecret, secret: true } };
  await stack.setAllConfig({ ...(Object.fromEntries(config) as ConfigMap), ...secret }, true);
  const preview = await stack.preview({ diff: true, color: "never" });
  expect(preview.stdout).toMatch(/= azuread:index\/application:Application: \(import\)/);

  // Without a reload: Nginx goes on with it until the push has the new file in its place.
  await shellOn(host.name, "mv /etc/nginx/conf.d/legacy.conf /root/legacy.conf");
  const update = await stack.up({ diff: true, color: "never" });
  expect(await ask()).toBe(200);
  await shellOn(host.name, "systemctl stop legacy-oauth2-proxy");
  expect(await ask()).toBe(200);

  const { clientIds } = (await stack.outputs()) as { clientIds?: { value: Record<string, string> } };
  expect(clientIds?.value["legacy"]).toBe(application.appId);
  await stack.preview({ expectNoChanges: true });
  const { stdout: inClear } = await execa(
    "grep",
    ["-rlF", "-f", "-", join(lab.state, "stack"), join(lab.state, "logs")],
    { input: `${cookieSecret}\n${clientSecret}\n`, reject: false },
  );
  expect(inClear).toBe("");
  const told = preview.stdout + preview.stderr + update.stdout + update.stderr;
  for (const it of [cookieSecret, clientSecret]) expect(told.includes(it)).toBe(false);
}, 300_000);
