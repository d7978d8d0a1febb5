import * as pulumi from "@pulumi/pulumi";

import { childOptions } from "./child-options.ts";
import type { HostSettings } from "./host/connection.ts";
import { hostBlocked, hostDeployer, hostProgram, hostSetup } from "./host/host-setup.ts";
import { blockedList, type BlockedPerson } from "./render/nginx/blocked.ts";
import { sharedFiles } from "./render/nginx/shared-files.ts";
import { sharedNginx } from "./render/nginx/shared-nginx.ts";
import { pagesFrom, type PagesSettings } from "./site/pages.ts";

/** An archive of an oauth2-proxy release. */
export interface Oauth2ProxyArchiveSettings {
  /** URL of the `.tar.gz`. */
  url: string;
  /** The archive's SHA-256 in lower-case hexadecimal. */
  sha256: string;
}

/** An oauth2-proxy release. */
export interface Oauth2ProxySettings {
  /** For example `7.15.5`. */
  version: string;
  /** URL of the release's `.tar.gz`. */
  url: string;
  /** The archive's SHA-256 in lower-case hexadecimal. */
  sha256: string;
  /** The same for ARM hosts; `url` is then for the others. @default ARM hosts are refused */
  arm64?: Oauth2ProxyArchiveSettings;
}

/** What a {@link ProxyHost} needs. */
export interface ProxyHostArgs {
  /** Where the host is, and its pinned key. */
  host: HostSettings;
  /** The user that sets it up, with sudo. @default "admin" */
  adminUser?: string;
  /** That user's private SSH key in OpenSSH's format, and the jump host's user's. @default the SSH agent of the user who runs the engine */
  adminPrivateKey?: pulumi.Input<string>;
  /** Public SSH keys of the deployer, one per line, who may run only the push program on the host. */
  deployerPublicKey: pulumi.Input<string>;
  /** The oauth2-proxy that the host runs. */
  oauth2Proxy: Oauth2ProxySettings;
  /**
   * Name of another ProxyHost of the program with the same settings, which shows in the state and in previews what both
   * get; this one shows its checksum. @default this one shows it
   */
  sameAs?: string;
  /**
   * Mark of the last setup that repaired drift, as stored on the host; another one sets the host up again.
   * @default what is in the state
   */
  repair?: string;
  /**
   * Forward proxy through which hosts reach Entra, oauth2-proxy's release and an ACME server, for example
   * `http://proxy.example.com:3128`, without a password. @default none
   */
  outboundProxy?: string;
  /**
   * How long older connections, such as WebSockets and downloads, may outlast a push: one that narrows access ends them
   * within that time. @default "10m"
   */
  workerShutdownTimeout?: string;
  /** Addresses of all hosts of the environment, if one of its sites gets its certificate by ACME. @default none */
  acmeHosts?: string[];
  /** How the pages look that people see instead of a site; the same for all hosts and sites. @default in English, without a name */
  pages?: PagesSettings;
  /** People who are blocked at every site of the host, whatever their session says. @default nobody */
  blocked?: pulumi.Input<BlockedPerson[]>;
  /**
   * As `repair`, of the list of who is blocked: another one puts it in force again.
   * @default what is in the state
   */
  blockedRepair?: string;
  /** Accept an oauth2-proxy with known vulnerabilities; only for isolated labs. @default false */
  allowVulnerableOauth2Proxy?: boolean;
}

/** Which host each one is. Not a property, which would be an output of the component in other languages. */
const hostOf = new WeakMap<pulumi.Resource, string>();

/**
 * Options by which a site's resource on one host waits for that host's set-up alone: a host that could not be reached
 * holds up no other. Dependencies that are not yet known stay as they are.
 */
export function dependingOnHost(
  host: string,
  opts: pulumi.ComponentResourceOptions = {},
): pulumi.ComponentResourceOptions {
  const { dependsOn } = opts;
  if (!Array.isArray(dependsOn)) return opts;
  const isOther = (it: unknown) => it instanceof ProxyHost && hostOf.get(it) !== host;
  return { ...opts, dependsOn: dependsOn.filter((it) => !isOther(it)) };
}

/** A Debian or Ubuntu machine as a proxy host: Nginx, oauth2-proxy, the push program and who may run it. */
export class ProxyHost extends pulumi.ComponentResource {
  constructor(name: string, args: ProxyHostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("protected-sites:index:ProxyHost", name, { address: args.host.address }, opts);
    hostOf.set(this, args.host.name);
    const {
      host,
      adminUser: user = "admin",
      adminPrivateKey: privateKey,
      deployerPublicKey,
      oauth2Proxy,
    } = args;
    const login = {
      host,
      user,
      ...(privateKey === undefined ? {} : { privateKey, jumpPrivateKey: privateKey }),
    };

    const { repair } = args;
    const pages = pagesFrom(args.pages);
    const program = hostProgram(`${name}-program`, { login, repair }, childOptions(this, opts));
    const setup = hostSetup(
      `${name}-setup`,
      {
        login,
        oauth2Proxy,
        acme: args.acmeHosts !== undefined,
        outboundProxy: args.outboundProxy,
        workerShutdownTimeout: args.workerShutdownTimeout ?? "10m",
        allowVulnerableOauth2Proxy: args.allowVulnerableOauth2Proxy ?? false,
        files: [
          {
            name: "protected-sites.conf",
            link: "/etc/nginx/conf.d/protected-sites.conf",
            text: sharedNginx(args.acmeHosts),
          },
          ...sharedFiles(pages),
        ],
        shownBy: args.sameAs && `${args.sameAs}-setup`,
        repair,
      },
      childOptions(this, opts, [program]),
    );
    hostBlocked(
      `${name}-blocked`,
      { login, list: pulumi.output(args.blocked ?? []).apply(blockedList), repair: args.blockedRepair },
      childOptions(this, opts, [setup]),
    );
    hostDeployer(
      `${name}-deployer`,
      { login, publicKey: deployerPublicKey, repair },
      childOptions(this, opts, [setup]),
    );
    this.registerOutputs({});
  }
}
