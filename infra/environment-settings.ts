/** An environment's settings, in the words of its owner: the one place where each is described. */
import type { HostSettings } from "../components/host/connection.ts";
import type { AcmeSettings } from "../components/protected-site.ts";
import type { Oauth2ProxySettings } from "../components/proxy-host.ts";
import type { PagesSettings } from "../components/site/pages.ts";
import type { SiteSettings } from "../components/site/settings.ts";

/**
 * An environment in the configuration, each key after `protected-sites:`, with the default of each optional setting.
 */
export interface EnvironmentSettings {
  /** The Entra tenant whose people may sign in: a GUID. */
  tenantId: string;
  /** The proxy hosts. The first is the canary: it gets every change first. */
  hosts: HostSettings[];
  /** The sites by their names. */
  sites: Record<string, SiteSettings>;
  /**
   * People who get nowhere at any site of this environment, whatever their session says. `npm run block` adds somebody
   * and sends the list to the hosts at once. @default nobody
   */
  blocked?: BlockedSettings[];
  /** How the pages look that people see instead of a site, and their language. @default in English, without a name */
  pages?: PagesSettings;
  /**
   * Settings that the sites share, such as `emailDomains` or `sessionStore`; a site's own override them. Not what is
   * specific to each site: its names, ports, addresses, secrets, and what is `open`. @default none
   */
  siteDefaults?: Partial<SiteSettings>;
  /** The user that sets hosts up, by SSH and `sudo` without a password. @default `admin` */
  adminUser?: string;
  /**
   * That user's private key. Only as a secret: `pulumi config set --secret adminPrivateKey < key`.
   * @default the SSH agent
   */
  adminPrivateKey?: string;
  /**
   * Password of the Redis of sites with `sessionStore: redis`: letters, digits and `!%*+,./:=?@^_~-`. Only as a
   * secret: `pulumi config set --secret redisPassword`. @default none
   */
  redisPassword?: string;
  /**
   * Cookie secrets of existing oauth2-proxy installations, to keep their sessions, by the site's name. Only as secrets:
   * `pulumi config set --secret --path adoptedCookieSecrets.wiki`. @default none
   */
  adoptedCookieSecrets?: Record<string, string>;
  /**
   * The oauth2-proxy release for hosts. For a mirror, or a newer version.
   * @default release 7.15.5, amd64
   */
  oauth2Proxy?: Oauth2ProxySettings;
  /**
   * SSH keys of the deployer that hosts accept, the last one in use: `npm run rotate -- --deployer-key`
   * changes it. @default `[1]`
   */
  deployerKeyGenerations?: number[];
  /**
   * Renamed sites' previous names, by the new name: registration and secrets stay, and nobody is signed out. Remove it
   * after the update. @default none
   */
  renamedSites?: Record<string, string>;
  /**
   * Whether every preview and update reads the hosts' status and reports drift, which the update then repairs.
   * @default `true`
   */
  repairDrift?: boolean;
  /**
   * If a later host rejects a site's change: `stop` leaves it on the earlier hosts and reports that; `rollback` rolls them
   * back, which requires `repairDrift`. @default `stop`
   */
  onHostFailure?: "stop" | "rollback";
  /** A preview warns if a client secret expires in fewer days, and fails if one has expired. @default `30` */
  expiryWarningDays?: number;
  /**
   * Forward proxy through which hosts reach Entra, oauth2-proxy's release and an ACME server, for example
   * `http://proxy.example.com:3128`, without a password. @default none
   */
  outboundProxy?: string;
  /**
   * How long older connections, such as WebSockets and downloads, may outlast a push: one that narrows access, or begins
   * maintenance, ends them within that time. Longer values use more memory after each push.
   * @default `10m`
   */
  workerShutdownTimeout?: string;
  /** The stack's own CA, which signs the certificates of sites with `certificateFrom: internalCa`. @default one CA */
  internalCa?: StackCaSettings;
  /** The ACME server for sites with `certificateFrom: acme`. @default Let's Encrypt */
  acme?: AcmeSettings;
  /** Accept an oauth2-proxy older than 7.15.5. Only for isolated labs. @default `false` */
  allowVulnerableOauth2Proxy?: boolean;
  /** Accept an Nginx with known vulnerabilities that affect sites. Only for isolated labs. @default `false` */
  allowVulnerableNginx?: boolean;
}

/** Somebody who is blocked at every site. */
export interface BlockedSettings {
  /** The UPN, as in `ada@example.com`. */
  user: string;
  /** Why, for the review and for whoever reads the file later. */
  why: string;
  /** The last day, in UTC, as `2027-01-31`; hosts end the block by their own clock. @default no end */
  until?: string;
}

/** The stack's own CA, and the certificates that it signs. */
export interface StackCaSettings {
  /** The numbers of the existing CAs. Clients trust all of them; one of them signs. @default `[1]` */
  generations?: number[];
  /** The CA that signs. @default the first of `generations` */
  signingGeneration?: number;
  /** Lifetime of a site's certificate in days. @default `90` */
  certificateDays?: number;
  /** How many days before it expires a certificate is renewed at the latest, by the next update. @default `30` */
  renewalDays?: number;
  /** A preview warns if a CA expires in fewer days. @default `365` */
  expiryWarningDays?: number;
}
