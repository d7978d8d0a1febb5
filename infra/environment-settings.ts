/** An environment's settings, in the words of its owner: the one place where each is described. */
import type { HostSettings } from "../components/host/connection.ts";
import type { AcmeSettings } from "../components/protected-site.ts";
import type { Oauth2ProxySettings } from "../components/proxy-host.ts";
import type { SiteSettings } from "../components/site/settings.ts";

/**
 * An environment as its owner writes it, each key after `protected-sites:`; what is left out takes the default that is
 * stated.
 */
export interface EnvironmentSettings {
  /** The Entra tenant whose people may sign in: a GUID. */
  tenantId: string;
  /** The proxy hosts. The first takes every change first. */
  hosts: HostSettings[];
  /** The sites by their names. */
  sites: Record<string, SiteSettings>;
  /**
   * Settings that the sites share, as `emailDomains` or `sessionStore`; what a site says itself takes their place.
   * Not what is each site's own: its names, ports, addresses, secrets, and what is `open`. @default none
   */
  siteDefaults?: Partial<SiteSettings>;
  /** Who sets hosts up: SSH, and `sudo` without a password. @default `admin` */
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
   * Cookie secrets of other set-ups of oauth2-proxy whose sessions are taken over, by the site's name. Only as
   * secrets: `pulumi config set --secret --path adoptedCookieSecrets.wiki`. @default none
   */
  adoptedCookieSecrets?: Record<string, string>;
  /**
   * The release of oauth2-proxy that hosts get. For a mirror, or a newer version.
   * @default release 7.15.5, amd64
   */
  oauth2Proxy?: Oauth2ProxySettings;
  /**
   * SSH keys of the deployer that hosts take commands from, the last one in use: `npm run rotate -- --deployer-key`
   * changes it. @default `[1]`
   */
  deployerKeyGenerations?: number[];
  /**
   * By a site's name, the one that it had before: its registration and its secrets stay, and nobody is signed out. To be
   * taken out after the update. @default none
   */
  renamedSites?: Record<string, string>;
  /**
   * Every preview and update asks the hosts what they run, tells what has drifted, and has the update put it right.
   * `false` asks nobody. @default `true`
   */
  repairDrift?: boolean;
  /**
   * Where a later host does not take a site's change: `stop` leaves the earlier hosts with it and says so; `rollback`
   * takes them back to what they had, which needs `repairDrift`. @default `stop`
   */
  onHostFailure?: "stop" | "rollback";
  /** A preview warns when a client secret ends in fewer days, and fails when one has ended. @default `30` */
  expiryWarningDays?: number;
  /**
   * Forward proxy by which hosts reach Entra, oauth2-proxy's release and an ACME server, as in
   * `http://proxy.example.com:3128`; it takes no password. @default none
   */
  outboundProxy?: string;
  /**
   * How long after a push connections of before may last, such as WebSockets and downloads: a push that narrows who
   * may enter, or begins maintenance, ends them within that time. Longer, more memory is used after each push.
   * @default `10m`
   */
  workerShutdownTimeout?: string;
  /** The stack's own CA, which signs the certificates of sites with `certificateFrom: internalCa`. @default one CA */
  internalCa?: StackCaSettings;
  /** Who certifies sites with `certificateFrom: acme`. @default Let's Encrypt */
  acme?: AcmeSettings;
  /** Accept an oauth2-proxy older than 7.15.5. For closed laboratories only. @default `false` */
  allowVulnerableOauth2Proxy?: boolean;
  /** Accept an Nginx with known vulnerabilities that concern sites. For closed laboratories only. @default `false` */
  allowVulnerableNginx?: boolean;
}

/** The stack's own CA, and the certificates that it signs. */
export interface StackCaSettings {
  /** The numbers of the CAs that there are. Clients trust all of them; one of them signs. @default `[1]` */
  generations?: number[];
  /** The CA that signs. @default the first of `generations` */
  signingGeneration?: number;
  /** For how many days a site's certificate is valid. @default `90` */
  certificateDays?: number;
  /** How many days before its end a certificate is renewed at the latest, by the next update. @default `30` */
  renewalDays?: number;
  /** A preview warns when a CA ends in fewer days. @default `365` */
  expiryWarningDays?: number;
}
