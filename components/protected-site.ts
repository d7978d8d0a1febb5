import { createHmac } from "node:crypto";

import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

import { childOptions } from "./child-options.ts";
import { dependingOnHost } from "./proxy-host.ts";
import { Registration } from "./entra/registration.ts";
import { deployerUser, type HostSettings } from "./host/connection.ts";
import { siteCredentials, type SiteCredentialsArgs, sitePush, siteSessions } from "./host/site-push.ts";
import { type CertificateAuthoritySettings, siteCertificate } from "./internal-ca.ts";
import { letsEncrypt } from "./site/names.ts";
import { type SiteFile, siteFiles } from "./render/site-files.ts";
import { activeClientSecret } from "./site/client-secrets.ts";
import { pagesFrom, type PagesSettings } from "./site/pages.ts";
import type { SiteSettings } from "./site/settings.ts";
import { type Site, siteFrom } from "./site/site.ts";
import { tenantEndpoints } from "./site/tenant.ts";

/** An ACME server (RFC 8555). */
export interface AcmeSettings {
  /** URL of its directory. @default Let's Encrypt's */
  server?: string;
  /** Contact address for the ACME server. Using it means agreeing to its terms. @default none */
  email?: string;
}

/** What a {@link ProtectedSite} needs. */
export interface ProtectedSiteArgs {
  /** What to protect, and for whom. */
  site: SiteSettings;
  /** ID of the Entra tenant whose people may sign in, a GUID. */
  tenantId: string;
  /** The hosts that serve the site. The first is the canary: the others follow only if its push succeeds. */
  hosts: HostSettings[];
  /** Private SSH key of the hosts' deployer, in OpenSSH's format (see ProxyHost). */
  deployerPrivateKey: pulumi.Input<string>;
  /** Private SSH key of the jump hosts' users. @default the SSH agent of the user who runs the engine */
  jumpPrivateKey?: pulumi.Input<string>;
  /** Password of the site's Redis; used only with `sessionStore: redis`. @default none */
  redisPassword?: pulumi.Input<string>;
  /** Signs the site's certificate; required with `certificateFrom: internalCa`. See InternalCa. */
  certificateAuthority?: CertificateAuthoritySettings;
  /**
   * By host, the mark of the last push that repaired drift, as stored on the host; another one pushes the site's files
   * again, even if they have not changed.
   * @default what is in the state, also for hosts that are missing
   */
  repairs?: Record<string, string>;
  /** As `repairs`, for the site's credentials. */
  credentialsRepairs?: Record<string, string>;
  /** The site's ACME server; required with `certificateFrom: acme`. */
  acme?: AcmeSettings;
  /**
   * Forward proxy through which hosts reach Entra, oauth2-proxy's release and an ACME server, for example
   * `http://proxy.example.com:3128`, without a password. @default none
   */
  outboundProxy?: string;
  /** How the pages look that people see instead of the site; as in its hosts' ProxyHostArgs. @default in English, without a name */
  pages?: PagesSettings;
  /**
   * The cookie secret of an existing oauth2-proxy installation, to keep its sessions; used while
   * `site.cookieSecretGeneration` is 1. @default a new one is created
   */
  adoptedCookieSecret?: pulumi.Input<string>;
  /**
   * Object IDs of the groups and users that `site.roles` and `site.owners` name, by these names; missing ones are skipped.
   * @default they are looked up in Entra, and a missing one is an error
   */
  roleHolders?: Record<string, string>;
  /** Accept an oauth2-proxy with known vulnerabilities; only for isolated labs. @default false */
  allowVulnerableOauth2Proxy?: boolean;
  /** Accept an Nginx with known vulnerabilities; only for isolated labs. @default false */
  allowVulnerableNginx?: boolean;
}

/** Of a site's secrets what is the same for all hosts. */
type Credentials = Omit<SiteCredentialsArgs, "login" | "repair">;

interface Pushed {
  readonly site: Site;
  readonly args: ProtectedSiteArgs;
  readonly credentials: Credentials;
  readonly registration: Registration;
}

/**
 * A web site that only signed-in people of one Entra tenant can open: its app registration, its secrets, and its
 * files on every host.
 *
 * The readable files and the secrets are pushed separately: the former are known at preview time, even for a site that
 * does not exist yet, and contain nothing secret; the latter are secret in the state and in every diff.
 */
export class ProtectedSite extends pulumi.ComponentResource {
  /** Where people open the site. */
  readonly url: pulumi.Output<string>;
  /** Client ID of the app registration. */
  readonly clientId: pulumi.Output<string>;

  /** @throws ConfigError with everything that is wrong with `args.site`, before anything is registered */
  constructor(name: string, args: ProtectedSiteArgs, opts?: pulumi.ComponentResourceOptions) {
    const site = siteFrom(name, args.site);
    // The engine stores a component's arguments in the state; this summary is all that belongs there.
    super("protected-sites:index:ProtectedSite", name, { domain: site.domain }, opts);

    if (site.certificateFrom === "internalCa" && args.certificateAuthority === undefined)
      throw new Error(`site "${name}": certificateFrom internalCa needs certificateAuthority, got none`);

    const registration = new Registration(name, { site, roleHolders: args.roleHolders }, { parent: this });
    const credentials = this.#credentials(site, args, registration);
    this.#push({ site, args, credentials, registration }, (host, resources) => {
      // An ACME server may ask any of the hosts, which hands the question on once it is set up.
      const own = site.certificateFrom === "acme" ? opts : dependingOnHost(host.name, opts);
      return childOptions(this, own, resources);
    });

    this.url = pulumi.output(`https://${site.domain}`);
    this.clientId = registration.clientId;
    this.registerOutputs({ url: this.url, clientId: this.clientId });
  }

  /** What each host gets of the site's secrets. */
  #credentials(site: Site, args: ProtectedSiteArgs, registration: Registration): Credentials {
    const { name } = site;
    const adopted = site.cookieSecretGeneration === 1 ? args.adoptedCookieSecret : undefined;
    const cookieGeneration = adopted === undefined ? String(site.cookieSecretGeneration) : "1, taken over";
    const cookieSecret = this.#cookieSecret(site, cookieGeneration);
    const password = site.sessionStore === "redis" ? args.redisPassword : undefined;
    const which = pulumi
      .all([
        `client secret ${activeClientSecret(site).generation}`,
        `cookie secret ${cookieGeneration}`,
        ...(password === undefined
          ? []
          : [pulumi.interpolate`Redis password ${this.#fingerprint(name, password)}`]),
      ])
      .apply((words) => words.join(", "));
    return {
      site: name,
      domain: site.domain,
      tokenEndpoint: tenantEndpoints(args.tenantId).token,
      clientId: registration.clientId,
      clientSecret: registration.clientSecret,
      clientSecretEnds: registration.clientSecretEnds,
      cookieSecret: pulumi.secret(adopted ?? cookieSecret.result),
      ...(password !== undefined && {
        environment: { OAUTH2_PROXY_REDIS_PASSWORD: pulumi.secret(password) },
      }),
      which,
      ...(site.certificateFrom === "internalCa" &&
        args.certificateAuthority !== undefined &&
        siteCertificate(name, site.domain, args.certificateAuthority, new Date(), { parent: this })),
    };
  }

  #cookieSecret({ name, domain }: Site, generation: string): random.RandomPassword {
    return new random.RandomPassword(
      `${name}-cookie-secret`,
      {
        // Alphanumeric, so that its 43 characters are base64url for the 32 bytes that oauth2-proxy wants.
        length: 43,
        special: false,
        // oauth2-proxy knows one key only. The name is what a reviewer reads in the preview; other words would be a
        // change, and sign everybody out.
        keepers: { [`generation (a new one signs everybody of ${domain} out, once)`]: generation },
      },
      { parent: this, additionalSecretOutputs: ["result", "bcryptHash"] },
    );
  }

  /** Pushes the secrets and the files to one host after the other, as far as the first has taken them. */
  #push(
    { site, args, credentials, registration }: Pushed,
    after: (host: HostSettings, resources: pulumi.Resource[]) => pulumi.CustomResourceOptions,
  ): void {
    const { name, redis } = site;
    const { hosts, redisPassword } = args;
    const files = filesOf(site, args);
    const loginTo = (host: HostSettings) => ({
      host,
      user: deployerUser,
      privateKey: args.deployerPrivateKey,
      jumpPrivateKey: args.jumpPrivateKey,
    });
    const [first] = hosts;
    // Pushes depend on it, so that it is deleted after them: when no host serves the site, no new session begins.
    const sessions =
      redis === undefined || first === undefined
        ? []
        : [
            siteSessions(
              `${name}-sessions`,
              { login: loginTo(first), site, redis, password: redisPassword },
              after(first, []),
            ),
          ];
    let canary: pulumi.Resource[] = [];
    for (const host of hosts) {
      const login = loginTo(host);
      const secrets = siteCredentials(
        `${name}-${host.name}-credentials`,
        { login, ...credentials, repair: args.credentialsRepairs?.[host.name] },
        after(host, canary),
      );
      const push = sitePush(
        `${name}-${host.name}`,
        {
          login,
          site: name,
          domain: site.domain,
          files,
          shownBy: first === undefined || host === first ? undefined : `${name}-${first.name}`,
          repair: args.repairs?.[host.name],
        },
        // A rule is pushed only once everybody has been assigned in Entra what it requires.
        after(host, [...sessions, ...canary, secrets, registration]),
      );
      if (canary.length === 0) canary = [secrets, push];
    }
  }

  /**
   * Eight hexadecimal digits that tell one password from another, and nothing of it: a person may have chosen it, so a
   * plain hash could be searched for. Their key is secret, and the site's own.
   */
  #fingerprint(name: string, password: pulumi.Input<string>): pulumi.Output<string> {
    const key = new random.RandomPassword(
      `${name}-fingerprint-key`,
      { length: 43, special: false },
      { parent: this, additionalSecretOutputs: ["result", "bcryptHash"] },
    );
    const digits = pulumi
      .all([key.result, password])
      .apply(([secret, text]) => createHmac("sha256", secret).update(text).digest("hex").slice(0, 8));
    return pulumi.unsecret(digits);
  }
}

function filesOf(site: Site, args: ProtectedSiteArgs): SiteFile[] {
  return siteFiles(site, {
    tenantId: args.tenantId,
    allowVulnerableOauth2Proxy: args.allowVulnerableOauth2Proxy ?? false,
    allowVulnerableNginx: args.allowVulnerableNginx ?? false,
    acme: { server: letsEncrypt, ...args.acme },
    hosts: args.hosts,
    outboundProxy: args.outboundProxy,
    pages: pagesFrom(args.pages),
  });
}
