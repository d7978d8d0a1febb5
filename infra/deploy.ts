/** One environment's configuration as its hosts and sites. May be called more than once in one process. */
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";

import { ProtectedSite } from "../components/protected-site.ts";
import { ProxyHost } from "../components/proxy-host.ts";
import { readSettings } from "./settings.ts";

/** What a stack tells after an update. */
export interface Outputs {
  /** Every site's address, by its name. */
  readonly urls: Record<string, pulumi.Output<string>>;
  /** Every site's client ID in Entra, by its name. */
  readonly clientIds: Record<string, pulumi.Output<string>>;
}

/**
 * Declares every resource of the stack that the engine is running.
 * @throws ConfigError with everything that is wrong in the stack's file, before anything is declared
 */
export function deploy(): Outputs {
  const { environment, adminPrivateKey } = readSettings();
  const { tenantId, allowVulnerableOauth2Proxy, oauth2Proxy, adminUser, hosts } = environment;

  const deployer = new tls.PrivateKey("deployer", { algorithm: "ED25519" });
  const proxyHosts = hosts.map(
    (host) =>
      new ProxyHost(host.name, {
        host,
        adminUser,
        ...(adminPrivateKey === undefined ? {} : { adminPrivateKey }),
        deployerPublicKey: deployer.publicKeyOpenssh,
        oauth2Proxy,
        allowVulnerableOauth2Proxy,
      }),
  );
  const sites = environment.sites.map(({ name, ...site }) => ({
    name,
    site: new ProtectedSite(
      name,
      {
        site: {
          ...site,
          emailDomains: [...site.emailDomains],
          allowedGroups: [...site.allowedGroups],
          identityHeaders: [...site.identityHeaders],
        },
        tenantId,
        hosts,
        deployerPrivateKey: pulumi.secret(deployer.privateKeyOpenssh),
        allowVulnerableOauth2Proxy,
      },
      { dependsOn: proxyHosts },
    ),
  }));
  return {
    urls: Object.fromEntries(sites.map(({ name, site }) => [name, site.url])),
    clientIds: Object.fromEntries(sites.map(({ name, site }) => [name, site.clientId])),
  };
}
