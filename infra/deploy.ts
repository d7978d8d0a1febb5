/** Deploys one environment: its hosts and sites. May be called more than once in one process. */
import * as azuread from "@pulumi/azuread";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

import { InternalCa } from "../components/internal-ca.ts";
import { ProtectedSite } from "../components/protected-site.ts";
import { ProxyHost } from "../components/proxy-host.ts";
import { cookieProblems } from "../components/site/browser-cookies.ts";
import { ConfigError } from "../components/site/errors.ts";
import { blockedAt } from "./blocked.ts";
import { expiryMessage } from "./client-secret-expiry.ts";
import { acmeHosts, type Environment, type EnvironmentSite } from "./environment.ts";
import { dialFirst } from "./first-dial.ts";
import { onHostFailure } from "./fleet.ts";
import { showNewTexts } from "./new-texts.ts";
import { askForStatus, type Marks, type Observation, observe } from "./observe.ts";
import { explainRefusals } from "./refusals.ts";
import { unchangedInState, endIfStopped, type RoleHolders, roleHolders } from "./role-holders.ts";
import { readSettings, type Settings, stackSource } from "./settings.ts";

/** The stack's outputs. */
export interface Outputs {
  /** Every site's address, by its name. */
  readonly urls: Record<string, pulumi.Output<string>>;
  /** Every site's client ID in Entra, by its name. */
  readonly clientIds: Record<string, pulumi.Output<string>>;
  /** The certificates of the stack's own CAs, in PEM, if a site uses them: what clients have to trust. */
  readonly internalCa?: pulumi.Output<string>;
}

/**
 * Declares every resource of the stack that the engine is running.
 * @throws RunError with everything that is wrong in the stack's file, or if the credentials belong to another tenant, or
 * a client secret has expired; before anything is declared
 */
export async function deploy(): Promise<Outputs> {
  try {
    return await declare();
  } catch (error) {
    // The engine prints only a RunError's message, and any other error with a stack trace.
    if (error instanceof ConfigError) throw new pulumi.RunError(error.message, { cause: error });
    throw error;
  }
}

async function declare(): Promise<Outputs> {
  const settings = readSettings();
  const { environment, adminPrivateKey } = settings;

  const asker = { user: environment.adminUser, privateKey: await known(adminPrivateKey) };
  // Meanwhile: an answer takes as long as Entra does.
  const asked = environment.repairDrift ? askForStatus(environment, asker) : undefined;
  await refuseOtherTenant(environment.tenantId);
  warnOfExpiry(environment, new Date());
  for (const problem of cookieProblems(environment.sites)) void pulumi.log.warn(problem);
  const holders = await roleHolders(environment.sites);
  const { live, marks }: Observation = asked
    ? await observe(environment, await asked, asker)
    : { live: {}, marks: { hosts: {}, blocked: {}, sites: {}, credentials: {} } };
  explainRefusals();
  showNewTexts();
  dialFirst(environment);
  onHostFailure({ environment, asker, live });

  const deployerKeys = declareDeployerKeys(environment);
  const privateKeys = pulumi.all(deployerKeys.map((key) => key.privateKeyOpenssh));
  const deployerPrivateKey = pulumi.secret(privateKeys.apply((keys) => keys.at(-1) ?? ""));
  const basis: Basis = {
    settings,
    marks,
    holders,
    deployerKeys,
    deployerPrivateKey,
  };
  const proxyHosts = declareHosts(basis);
  const ca = declareInternalCa(environment);
  // Not declared in an update; see role-holders.ts.
  const declared = environment.sites.filter(
    ({ name }) => pulumi.runtime.isDryRun() || !holders.stopped.has(name),
  );
  const sites = declared.map((site) => ({
    name: site.name,
    site: declareSite(site, basis, { ca, proxyHosts }),
  }));
  await endIfStopped(holders);
  return {
    ...(ca === undefined ? {} : { internalCa: ca.bundle }),
    urls: Object.fromEntries(sites.map(({ name, site }) => [name, site.url])),
    clientIds: Object.fromEntries(sites.map(({ name, site }) => [name, site.clientId])),
  };
}

/** What is known or declared before the first host. */
interface Basis {
  readonly settings: Settings;
  readonly marks: Marks;
  readonly holders: RoleHolders;
  /** Hosts accept each of them. */
  readonly deployerKeys: readonly tls.PrivateKey[];
  /** Of the last one, which is in use. */
  readonly deployerPrivateKey: pulumi.Output<string>;
}

function declareDeployerKeys({ deployerKeyGenerations }: Environment): tls.PrivateKey[] {
  return deployerKeyGenerations.map(
    (generation) =>
      new tls.PrivateKey(generation === 1 ? "deployer" : `deployer-${generation}`, { algorithm: "ED25519" }),
  );
}

function declareHosts({ settings, marks, deployerKeys }: Basis): ProxyHost[] {
  const { environment, adminPrivateKey } = settings;
  const { adminUser, oauth2Proxy, outboundProxy, workerShutdownTimeout, allowVulnerableOauth2Proxy } =
    environment;
  const publicKeys = pulumi.all(deployerKeys.map((key) => key.publicKeyOpenssh));
  const peers = acmeHosts(environment);
  const blocked = blockedAt(environment, new Date());
  const proxyHosts: ProxyHost[] = [];
  const [first] = environment.hosts;
  for (const host of environment.hosts)
    proxyHosts.push(
      new ProxyHost(
        host.name,
        {
          host,
          adminUser,
          ...(adminPrivateKey === undefined ? {} : { adminPrivateKey }),
          deployerPublicKey: publicKeys.apply((keys) => keys.join("")),
          ...(marks.hosts[host.name] === undefined ? {} : { repair: marks.hosts[host.name] }),
          pages: environment.pages,
          blocked,
          ...(marks.blocked[host.name] === undefined ? {} : { blockedRepair: marks.blocked[host.name] }),
          oauth2Proxy,
          ...(first === undefined || host === first ? {} : { sameAs: first.name }),
          ...(peers === undefined ? {} : { acmeHosts: peers }),
          ...(outboundProxy === undefined ? {} : { outboundProxy }),
          workerShutdownTimeout,
          allowVulnerableOauth2Proxy,
        },
        // The first host is the canary here as well: for another oauth2-proxy, for another push program.
        { dependsOn: proxyHosts.slice(0, 1) },
      ),
    );
  return proxyHosts;
}

function declareInternalCa({ sites, internalCa }: Environment): InternalCa | undefined {
  if (!sites.some(({ certificateFrom }) => certificateFrom === "internalCa")) return undefined;
  const { generations, signingGeneration, expiryWarningDays } = internalCa;
  return new InternalCa("internal-ca", {
    generations,
    ...(signingGeneration === undefined ? {} : { signingGeneration }),
    expiryWarningDays,
  });
}

function declareSite(
  site: EnvironmentSite,
  basis: Basis,
  { ca, proxyHosts }: { readonly ca: InternalCa | undefined; readonly proxyHosts: ProxyHost[] },
): ProtectedSite {
  const { settings, marks, holders, deployerPrivateKey } = basis;
  const { environment, adminPrivateKey, redisPassword, adoptedCookieSecrets } = settings;
  const { tenantId, hosts, acme, outboundProxy, renamedSites } = environment;
  const { allowVulnerableOauth2Proxy, allowVulnerableNginx } = environment;
  const { certificateDays, renewalDays } = environment.internalCa;
  const formerName = renamedSites[site.name];
  return new ProtectedSite(
    site.name,
    {
      site: site.settings,
      tenantId,
      hosts,
      acme: { server: acme.server, ...(acme.email === undefined ? {} : { email: acme.email }) },
      ...(ca === undefined
        ? {}
        : {
            certificateAuthority: {
              caCertPem: ca.caCertPem,
              caPrivateKeyPem: ca.caPrivateKeyPem,
              certificateDays,
              renewalDays,
            },
          }),
      ...(outboundProxy === undefined ? {} : { outboundProxy }),
      pages: environment.pages,
      ...(redisPassword === undefined ? {} : { redisPassword }),
      ...adoptedCookieSecrets[site.name],
      deployerPrivateKey,
      ...(adminPrivateKey === undefined ? {} : { jumpPrivateKey: adminPrivateKey }),
      repairs: marks.sites[site.name] ?? {},
      roleHolders: holders.ids,
      credentialsRepairs: marks.credentials[site.name] ?? {},
      allowVulnerableOauth2Proxy,
      allowVulnerableNginx,
    },
    {
      dependsOn: proxyHosts,
      aliases: formerName === undefined ? [] : [{ name: formerName }],
      transformations: holders.stopped.has(site.name) ? [unchangedInState] : [],
    },
  );
}

/** The plain value of a setting, which is known before anything is declared. */
function known(setting: pulumi.Output<string> | undefined): Promise<string> | undefined {
  return setting && new Promise((resolve) => void setting.apply(resolve));
}

/** @throws ConfigError if the credentials belong to another tenant: the registrations would be created there */
async function refuseOtherTenant(tenantId: string): Promise<void> {
  const signedIn = await azuread.getClientConfig().catch((error: unknown): never => {
    throw new pulumi.RunError(notSignedIn(String(error)), { cause: error });
  });
  if (signedIn.tenantId.toLowerCase() === tenantId.toLowerCase()) return;
  throw new ConfigError(stackSource(), [
    {
      where: "",
      what: `tenantId is ${tenantId}, but the credentials belong to tenant ${signedIn.tenantId}; sign in to the stack's tenant (ARM_TENANT_ID) or choose another stack. Nothing was changed`,
    },
  ]);
}

/** The azuread provider's failure to sign in, without its Go details. */
function notSignedIn(error: string): string {
  const said = /AADSTS\d+: [^\n\r"]*?(?= Trace ID|[\n\r"]|$)/.exec(error)?.[0] ?? error.split("\n").at(-1);
  return `not signed in to Entra: ${said?.trim() ?? ""}. Set ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET of the deployer's registration (README, 3), or sign in to the Azure CLI. Nothing was changed`;
}

/** @throws RunError if a client secret has expired: nobody can sign in with it */
function warnOfExpiry({ sites, expiryWarningDays }: Environment, now: Date): void {
  const messages = sites
    .map((site) => expiryMessage(site, now, expiryWarningDays))
    .filter((it) => it !== undefined);
  for (const { text } of messages.filter(({ error }) => !error)) void pulumi.log.warn(text);
  const ended = messages.filter(({ error }) => error);
  if (ended.length > 0) throw new pulumi.RunError(ended.map(({ text }) => text).join("\n"));
}
